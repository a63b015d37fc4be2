/**
 * `deno task doctor`: what this machine has, what is missing, and what to do about it.
 *
 * @module
 */
import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { Device, type DeviceInfo, deviceInfo, libraryPath, tensor } from "../mod.ts";

/** One thing that was looked at. */
export interface Finding {
  /** What it is about. */
  topic: string;
  /** Whether it is as training on the CPU needs it; `note` for what is only good to know. */
  state: "ok" | "note" | "failed";
  /** What was found. */
  detail: string;
  /** What to do, where something can be done. */
  cure?: string;
}

/** What `doctor` found. */
export interface Diagnosis {
  /** Whether training works on this machine. */
  healthy: boolean;
  findings: Finding[];
  device: DeviceInfo | null;
}

/** Looks at Deno, the native library, the processor, CUDA and the permissions. */
export async function doctor(): Promise<Diagnosis> {
  const findings: Finding[] = [{
    topic: "Deno",
    state: "ok",
    detail: `${Deno.version.deno}, TypeScript ${Deno.version.typescript}`,
  }];
  let device: DeviceInfo | null = null;
  try {
    device = deviceInfo();
    findings.push({ topic: "library", state: "ok", detail: libraryPath().pathname });
    findings.push(processor(device), memory(device), await kernels("cpu"), cuda(device));
    if (device.cuda.available) findings.push(await kernels("cuda"));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    findings.push({ topic: "library", state: "failed", detail, cure: "deno task build" });
  }
  findings.push(...await permissions());
  return { healthy: findings.every(({ state }) => state !== "failed"), findings, device };
}

function processor({ cpu }: DeviceInfo): Finding {
  const note = cpu.isa === "portable" ? ", no AVX2: training will be slow" : "";
  const rates = Object.entries(cpu.rates).map(([isa, gflops]) => `${isa} ${gflops}`).join(", ");
  const measured = rates === "" ? "" : ` (GFLOP/s a core: ${rates})`;
  return {
    topic: "CPU",
    state: cpu.isa === "portable" ? "note" : "ok",
    detail: `${cpu.model}, ${cpu.cores} cores, kernels for ${cpu.isa}${measured}${note}`,
  };
}

/** What the library may hold, and what bounds that. */
function memory({ memory: { budget, source } }: DeviceInfo): Finding {
  const detail = `${(budget / 2 ** 30).toFixed(2)} GiB may be held, bounded by ${
    source === "LIBTRAIN_MEMORY" ? source : `the ${source}`
  }`;
  if (budget > 2 ** 28) return { topic: "memory", state: "ok", detail };
  return { topic: "memory", state: "note", detail, cure: "give the process more, or train with a small --bs" };
}

/** The library loads: what fails here is a setting, or the build. */
async function kernels(kind: "cpu" | "cuda"): Promise<Finding> {
  try {
    return await arithmetic(kind);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const setting = /LIBTRAIN_\w+/.exec(detail)?.[0];
    const cure = setting === undefined ? "deno task build" : `set it so, or \`unset ${setting}\``;
    return { topic: "kernels", state: "failed", detail, cure };
  }
}

/** A sum through the queue and back shows that the library works, not only that it loads. */
async function arithmetic(kind: "cpu" | "cuda"): Promise<Finding> {
  using device = new Device(kind);
  using x = tensor([1, 2, 3], [3], { device });
  using sum = x.sum();
  const value = await sum.item();
  return value === 6
    ? { topic: "kernels", state: "ok", detail: `a sum on ${device} is right` }
    : { topic: "kernels", state: "failed", detail: `Expected 1 + 2 + 3 = 6, got ${value}`, cure: "deno task build" };
}

function cuda({ cuda }: DeviceInfo): Finding {
  if (cuda.available) return { topic: "CUDA", state: "ok", detail: cuda.gpus.map((gpu) => gpu.name).join(", ") };
  return {
    topic: "CUDA",
    state: "note",
    detail: cuda.reason ?? "not available",
    cure: "the CPU works without it",
  };
}

async function permissions(): Promise<Finding[]> {
  const wanted: [string, Deno.PermissionDescriptor][] = [
    ["read", { name: "read" }],
    ["ffi for the library", { name: "ffi", path: libraryPath() }],
    ["env LIBTRAIN_THREADS", { name: "env", variable: "LIBTRAIN_THREADS" }],
  ];
  const findings: Finding[] = [];
  for (const [name, descriptor] of wanted) {
    const { state } = await Deno.permissions.query(descriptor);
    const granted = state === "granted";
    findings.push({
      topic: "permission",
      state: granted ? "ok" : "failed",
      detail: `${name}: ${state}`,
      ...(granted ? {} : { cure: "run the task, or deno run -P=train" }),
    });
  }
  const network = await Deno.permissions.query({ name: "net" });
  findings.push({ topic: "permission", state: "note", detail: `network: ${network.state}; training needs none` });
  return findings;
}

const flags = {} as const;

/** The command line of `deno task doctor`. */
export const doctorCommand: Command<typeof flags> = {
  name: "deno task doctor",
  about: "Says what this machine has for training, what is missing, and what to do about it.",
  flags,
  async run({ report }): Promise<number> {
    const diagnosis = await doctor();
    const marks = { ok: "ok    ", note: "note  ", failed: "FAILED" };
    for (const { topic, state, detail, cure } of diagnosis.findings) {
      report.line(`${marks[state]}  ${topic.padEnd(10)}  ${detail}${cure === undefined ? "" : `: ${cure}`}`);
    }
    report.line(
      diagnosis.healthy ? "Training works here: deno task train" : "Training does not work here yet: see above",
    );
    report.result({ ...diagnosis });
    return diagnosis.healthy ? exitCodes.done : exitCodes.failed;
  },
};

if (import.meta.main) await main(doctorCommand);
