/**
 * The training step of a preset beside PyTorch eager, run in turn; the better of PyTorch's two layouts counts.
 *
 *     deno task bench:torch [--preset mnist|imagenette-128-5] [--rounds 5] [--bs N] [--out FILE]
 *
 * The python3 on PATH must have the packages of tests/fixtures/requirements.txt. For imagenette-128-5 the peer is
 * ../shared/peer/torch_step.py: fastai's own network, optimizer and loss.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { models, recipe } from "../mod.ts";
import type { BenchPreset, StepBench } from "../tasks/bench.ts";
import { median, outputOf, writeResult } from "./support.ts";

/** What the peer prints, as far as it is used here. */
interface PeerBench {
  peer: string;
  layout: string;
  /** Of the median step where there is no other field, else of the fastest. */
  img_per_s: number;
  median_img_per_s?: number;
  peak_rss_mb?: number;
}

/** The network of the preset mnist as arguments of tests/fixtures/xresnet_torch.py. */
function torchNetwork(): Record<string, unknown> {
  const { inChannels, stem, stemStride, widths, blocks, expansion, reduction, act, pool, classes } = {
    ...models.mnistNetOptions,
    ...recipe.preset("mnist").model,
  };
  return {
    in_channels: inChannels,
    stem,
    stem_stride: stemStride,
    stages: widths,
    blocks,
    expansion,
    reduction,
    act,
    pool,
    classes,
  };
}

/** How each preset's step is measured: steps of ours, and the peer's command line. */
const benches: Record<BenchPreset, { ours: string[]; peer: string[]; out: string }> = {
  mnist: {
    ours: [],
    peer: ["benchmarks/peer/torch_mnist_step.py", "--network", JSON.stringify(torchNetwork())],
    out: "benchmarks/results/step_mnist.json",
  },
  "imagenette-128-5": {
    ours: ["--size", "128", "--dtype", "f32", "--steps", "8", "--warmup", "3"],
    peer: ["../shared/peer/torch_step.py", "--dtype", "f32", "--compile", "0", "--size", "128", "--steps", "6"],
    out: "benchmarks/results/step_imagenette.json",
  },
};

const rateOf = ({ median_img_per_s, img_per_s }: PeerBench): number => median_img_per_s ?? img_per_s;

const args = parseArgs(Deno.args, { string: ["rounds", "out", "bs", "preset"] }) as Record<string, string | undefined>;
const preset = (args["preset"] ?? "mnist") as BenchPreset;
if (!Object.hasOwn(benches, preset)) {
  throw new Error(`Expected --preset as one of ${Object.keys(benches).join(", ")}, got ${preset}`);
}
const bench = benches[preset];
const { rounds = "5", out = bench.out, bs: batch = String(recipe.preset(preset).bs) } = args;
const ours: StepBench[] = [];
const theirs: Record<string, PeerBench[]> = { nhwc: [], nchw: [] };
for (let round = 0; round < Number(rounds); round++) {
  const deno = ["run", "-q", "--no-prompt", "-P=bench", "tasks/bench.ts", "step", "--preset", preset];
  const own = [...deno, ...bench.ours, "--bs", batch, "--threads", "2", "--json"];
  ours.push(JSON.parse(await outputOf(Deno.execPath(), own)));
  for (const layout of ["nhwc", "nchw"]) {
    const peer = [...bench.peer, "--layout", layout, "--batch", batch, "--threads", "2"];
    theirs[layout]!.push(JSON.parse(await outputOf("python3", peer)));
  }
  console.error(
    `round ${round + 1}: ${ours.at(-1)?.img_per_s} against ${rateOf(theirs["nhwc"]!.at(-1)!)} / ${
      rateOf(theirs["nchw"]!.at(-1)!)
    } img/s`,
  );
}
const oursMedian = median(ours.map((bench) => bench.img_per_s));
const peers = Object.fromEntries(
  Object.entries(theirs).map(([layout, runs]) => [layout, median(runs.map(rateOf))]),
);
const [layout, peerMedian] = Object.entries(peers).toSorted((a, b) => b[1] - a[1])[0]!;
const result = {
  what: `training step of the preset ${preset}, img/s, medians of alternated processes`,
  date: new Date().toISOString().slice(0, 10),
  cpu: ours[0]?.cpu,
  isa: ours[0]?.isa,
  threads: ours[0]?.threads,
  bs: Number(batch),
  rounds: Number(rounds),
  libtrain: oursMedian,
  pytorch_eager: peers,
  pytorch_better_layout: layout,
  ratio: Number((oursMedian / peerMedian).toFixed(2)),
  pytorch: theirs["nhwc"]![0]?.peer,
  runs: { libtrain: ours, pytorch: theirs },
};
await writeResult(out, result);
console.log(`libtrain ${oursMedian} img/s, PyTorch eager ${peerMedian} img/s (${layout}): ratio ${result.ratio}`);
