/**
 * Weights in both directions: a network trained by fastai is imported and measured here, one trained here is exported and
 * measured by fastai, on the same pixels of all validation images.
 *
 *     deno task bench:exchange --run RUN [--data ../shared/data/imagenette2-224.tgz] [--size 64] [--steps 295] [--out FILE]
 *
 * The python3 on PATH must have the packages of tests/fixtures/requirements.txt.
 *
 * @module
 */
import { type Predictions, recipe } from "../mod.ts";
import { scriptFlags } from "./flags.ts";
import { outputOf, writeResult } from "./support.ts";

/** What the peer prints. */
interface Peer {
  peer: string;
  steps: number;
  lastLoss: number | null;
  top1: number;
  right: number;
  n: number;
  answers: number[];
}

const names = ["run", "data", "size", "steps", "out"];
const usage = "deno task bench:exchange --run RUN [--data PATH] [--size 64] [--steps 295] [--out FILE]";
const flags = scriptFlags(Deno.args, { usage, values: names });
const { run, data = "../shared/data/imagenette2-224.tgz", size = "64", steps = "295" } = flags;
const { out = "benchmarks/results/fastai_exchange.json" } = flags;
if (run === undefined) throw new Error("Expected --run, got none: give the folder of a run on the same data");
const folder = "runs/exchange";
await Deno.mkdir(folder, { recursive: true });

async function peer(args: string[]): Promise<Peer> {
  return JSON.parse(await outputOf("python3", ["benchmarks/peer/fastai_exchange.py", ...args]));
}

/** What both say of the same weights. */
async function compared(path: string, theirs: Peer, size: number): Promise<Record<string, unknown>> {
  let predictions: Predictions | undefined;
  using trained = await recipe.open(path);
  const ours = await trained.evaluate({ data, size, onPredictions: (all) => void (predictions = all) });
  const right = Math.round(ours.top1! * ours.n);
  const different = theirs.answers.filter((answer, at) => answer !== predictions!.predicted[at]).length;
  return { size, n: ours.n, libtrain: right, fastai: theirs.right, difference: right - theirs.right, different };
}

const trained = await peer(["train", data, "--size", size, "--steps", steps, "--save", `${folder}/fastai.safetensors`]);
const imported = `${folder}/imported.safetensors`;
await recipe.importWeights(`${folder}/fastai.safetensors`, {
  model: { name: "xse_resnext50", act: "mish", pool: "maxblur", sa: true },
  out: imported,
});
const there = await compared(imported, trained, Number(size));
console.error(`trained by fastai: ${JSON.stringify(there)}`);
await recipe.exportWeights(run, { out: `${folder}/ours.safetensors` });
const measured = await peer(["evaluate", data, "--size", "128", "--weights", `${folder}/ours.safetensors`]);
const here = await compared(run, measured, 128);
console.error(`trained here: ${JSON.stringify(here)}`);
const result = {
  what:
    "right answers of the same weights on all validation images, here and in fastai; different: other answers of single images",
  peer: trained.peer,
  trainedByFastai: { steps: trained.steps, lastLoss: trained.lastLoss, ...there },
  trainedHere: here,
};
await writeResult(out, result);
