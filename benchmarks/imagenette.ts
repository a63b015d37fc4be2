/**
 * The whole run of the preset imagenette-128-5 as a committed result: trains it, or takes a run that is over, and writes
 * down what it came to, the loss of every step and every prediction.
 *
 *     deno task bench:imagenette [--run RUN | --data ../shared/data/imagenette2-224.tgz --seed 0 --dtype f32] [--note TEXT]
 *
 * Writes benchmarks/results/imagenette-128-5/seed<N>.json, seed<N>_steps.csv and seed<N>_predictions.csv, seed<N>_bf16 of a
 * run in bf16. A run of code that was changed since its commit is refused.
 *
 * @module
 */
import { join } from "@std/path";
import { deviceInfo, recipe } from "../mod.ts";
import { scriptFlags } from "./flags.ts";
import { readJson, root, sha256Of, writeResult } from "./support.ts";

/** One seed of the peer, from ../shared/recipe.md: PyTorch 2.15 compiled, fastai 2.8.12, the same data. */
const peer = {
  what: "PyTorch 2.15, fastai 2.8.12, kornia 0.9.0, f32, torch.compile, seed 0, 2 Zen 3 cores, same data",
  top1: 0.8650,
  trainLoss: [1.6698, 1.2613, 1.1134, 1.0141, 0.8575],
  seconds: 6808,
};

const folder = new URL("benchmarks/results/imagenette-128-5/", root);
const flags = scriptFlags(Deno.args, {
  usage: "deno task bench:imagenette [--run RUN | --data PATH --seed 0 --dtype f32] [--note TEXT]",
  values: ["run", "data", "seed", "dtype", "note"],
});
const { data = "../shared/data/imagenette2-224.tgz", seed = "0", dtype = "f32", note } = flags;
const run = flags["run"] ??
  (await recipe.train(
    recipe.preset("imagenette-128-5", { seed: Number(seed), dtype: dtype as recipe.Recipe["dtype"] }),
    { data },
  ).result).folder;
const config = await readJson(join(run, "config.json"));
const result = await readJson(join(run, "result.json"));
if (config === undefined || result === undefined) throw new Error(`Expected a run that is over, got "${run}"`);
if (config["preset"] !== "imagenette-128-5") {
  throw new Error(`Expected a run of the preset imagenette-128-5, got one of ${config["preset"]}: "${run}"`);
}
if (result["dirty"] !== false) throw new Error(`Expected a run of committed code, got one with changes: "${run}"`);

const name = `seed${config["seed"]}${config["dtype"] === "f32" ? "" : `_${config["dtype"]}`}`;
await Deno.mkdir(folder, { recursive: true });
using trained = await recipe.open(run);
const predictions = join(run, "predictions_again.csv");
const again = await trained.evaluate({ csv: predictions });
if (again.top1 !== result["top1"] || again.n !== result["n"]) {
  throw new Error(`Expected top-1 ${result["top1"]} again, got ${again.top1}`);
}
await Deno.rename(predictions, new URL(`${name}_predictions.csv`, folder));
await Deno.copyFile(join(run, "steps.csv"), new URL(`${name}_steps.csv`, folder));

const table = (await Deno.readTextFile(join(run, "metrics.csv"))).trimEnd().split("\n").map((row) => row.split(","));
const epochs = table.slice(1).map((row) =>
  Object.fromEntries(table[0]!.map((column, at) => [column, row[at] === "" ? null : Number(row[at])]))
);
const { cpu } = deviceInfo();
const record = {
  what: "preset imagenette-128-5, one complete run",
  top1: result["top1"],
  right: Math.round(again.top1! * again.n),
  n: result["n"],
  peer,
  pointsFromPeer: Number((100 * (Number(result["top1"]) - peer.top1)).toFixed(2)),
  ...(note === undefined ? {} : { note }),
  result,
  epochs,
  hardware: { cpu: cpu.model, cores: navigator.hardwareConcurrency, isa: result["isa"] },
  dataSha256: (config["source"] as { sha256: string | null }).sha256,
  checkpointSha256: await sha256Of((await recipe.findCheckpoint(run)).path),
  config,
};
await writeResult(new URL(`${name}.json`, folder), record);
console.log(`top-1 ${(100 * Number(result["top1"])).toFixed(2)} %: ${record.pointsFromPeer} points from the peer`);
