import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("sweep: steps and images of a run are those that it takes, and its time is that of runs of the same arm here", async () => {
  using root = tempFolder();
  const plan = study.gridOf({ bs: [32, 24], accumulate: [1, 2] }, {
    changes: { epochs: 2, data: { limit: 80 }, threads: 1 },
    name: "costs",
  });
  const folder = join(root.path, "costs");
  const costs: study.ArmCost[][] = [];
  const onReady = (ready: study.SweepReady): void => void costs.push([...ready.costs]);
  const result = await study.sweep(plan, { folder, runs: 1, onReady });
  assertEquals(costs[0]!.map(({ seconds, measured }) => [seconds, measured]), Array(4).fill([null, 0]));
  for (const { arm, epochs, images, steps } of costs[0]!) {
    const { runs } = result.arms.find((each) => each.arm === arm)!;
    const { steps: taken } = JSON.parse(await Deno.readTextFile(join(folder, "cells", runs[0]!.hash, "result.json")));
    assertEquals([epochs, images, steps], [2, 80, taken], arm);
  }
  const { costs: known, seconds } = await study.previewSweep(plan, { folder, runs: 3, jobs: 2 });
  const times = result.arms.map(({ runs }) => runs[0]!.trainSeconds!);
  assertEquals(known.map(({ seconds }) => seconds), times);
  // Two more seeds of each, two at once.
  assertAlmostEquals(seconds!, times.reduce((sum, time) => sum + time, 0), 1e-9);
  // An arm that nobody has run goes through images as fast as the others.
  const wider = study.gridOf({ bs: [32, 16] }, {
    changes: { epochs: 2, data: { limit: 80 }, threads: 1 },
    name: "wider",
  });
  const { costs: [same, other], seconds: both } = await study.previewSweep(wider, {
    folder: join(root.path, "wider"),
    runs: 1,
    firstSeed: 5,
  });
  assertEquals([same!.seconds, other!.seconds], [times[0]!, null]);
  assertAlmostEquals(both!, 2 * times[0]!, 1e-9);
});
