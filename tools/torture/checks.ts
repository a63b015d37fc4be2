/** All checks, in the order in which they run. */
import type { Check } from "./check.ts";
import { allocations } from "./checks/allocations.ts";
import { archives } from "./checks/archives.ts";
import { asan } from "./checks/asan.ts";
import { bombs } from "./checks/bombs.ts";
import { calls } from "./checks/calls.ts";
import { cudaCalls } from "./checks/cuda_calls.ts";
import { damage } from "./checks/damage.ts";
import { determinism } from "./checks/determinism.ts";
import { disks } from "./checks/disks.ts";
import { endings } from "./checks/endings.ts";
import { fuzz } from "./checks/fuzz.ts";
import { growth } from "./checks/growth.ts";
import { jobs } from "./checks/jobs.ts";
import { jpegs } from "./checks/jpegs.ts";
import { killPrepare } from "./checks/kill_prepare.ts";
import { killSave } from "./checks/kill_save.ts";
import { libraries } from "./checks/libraries.ts";
import { load } from "./checks/load.ts";
import { memory } from "./checks/memory.ts";
import { nan } from "./checks/nan.ts";
import { resume } from "./checks/resume.ts";
import { serve } from "./checks/serve.ts";
import { signals } from "./checks/signals.ts";
import { supply } from "./checks/supply.ts";
import { tsan } from "./checks/tsan.ts";
import { valgrind } from "./checks/valgrind.ts";
import { workers } from "./checks/workers.ts";

/** Files and processes first, then memory and the ABI, then the tools that take a build. */
export const checks: readonly Check[] = [
  killSave,
  killPrepare,
  resume,
  signals,
  jobs,
  serve,
  load,
  disks,
  damage,
  archives,
  bombs,
  jpegs,
  nan,
  determinism,
  growth,
  memory,
  allocations,
  cudaCalls,
  calls,
  workers,
  endings,
  libraries,
  supply,
  asan,
  tsan,
  valgrind,
  ...fuzz,
];
