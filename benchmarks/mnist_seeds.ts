/**
 * The preset mnist with several seeds, one after the other: accuracy and time of each, as a committed result.
 *
 *     deno task bench:mnist [--seeds 0,1,2,3,4] [--dtype bf16] [--out benchmarks/results/mnist_seeds.json]
 *
 * @module
 */
import { scriptFlags } from "./flags.ts";
import { mean, root, writeResult } from "./support.ts";

/** What `deno task train --json` prints, as far as it is used here. */
interface RunResult {
  top1: number;
  trainSeconds: number;
  dirty: boolean | null;
  [name: string]: unknown;
}

const flags = scriptFlags(Deno.args, {
  usage: "deno task bench:mnist [--seeds 0,1,2,3,4] [--dtype bf16] [--out FILE]",
  values: ["seeds", "dtype", "out"],
});
const { seeds = "0,1,2,3,4", dtype = "f32" } = flags;
const { out = `benchmarks/results/mnist_seeds${dtype === "f32" ? "" : `_${dtype}`}.json` } = flags;
const runs: RunResult[] = [];
for (const seed of seeds.split(",")) {
  const args = [
    "run",
    "-q",
    "--no-prompt",
    "-P=train",
    "tasks/train.ts",
    "--preset",
    "mnist",
    "--seed",
    seed,
    "--dtype",
    dtype,
    "--json",
  ];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    // The run's path is kept relative to the root, wherever this was started.
    env: { INIT_CWD: "" },
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`Training with seed ${seed} ended with ${code}`);
  runs.push(JSON.parse(new TextDecoder().decode(stdout)));
}
const result = {
  what: "preset mnist: test top-1 after the last epoch and seconds of training",
  meanTop1: Number(mean(runs.map(({ top1 }) => top1)).toFixed(5)),
  meanTrainSeconds: Number(mean(runs.map(({ trainSeconds }) => trainSeconds)).toFixed(1)),
  runs,
};
await writeResult(out, result);
console.log(`mean top-1 ${(100 * result.meanTop1).toFixed(2)} %, mean ${result.meanTrainSeconds} s of training`);
