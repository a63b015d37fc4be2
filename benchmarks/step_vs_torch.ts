/**
 * The training step of the preset mnist beside PyTorch eager, run in turn; the better of PyTorch's two layouts counts.
 *
 *     deno task bench:torch [--rounds 5] [--bs 64] [--out benchmarks/results/step_mnist.json]
 *
 * The python3 on PATH must have the packages of tests/fixtures/requirements.txt.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { models } from "../mod.ts";
import type { StepBench } from "../tasks/bench.ts";
import { presets } from "../tasks/presets.ts";

/** What the peer prints. */
interface PeerBench {
  peer: string;
  layout: string;
  img_per_s: number;
}

const root = new URL("../", import.meta.url);

/** The preset's network as arguments of tests/fixtures/xresnet_torch.py. */
function torchNetwork(): Record<string, unknown> {
  const { inChannels, stem, stemStride, widths, blocks, expansion, reduction, act, pool, classes } = {
    ...models.mnistNetOptions,
    ...presets.mnist.model.options,
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

async function run(command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const args = parseArgs(Deno.args, { string: ["rounds", "out", "bs"] }) as Record<string, string | undefined>;
const {
  rounds = "5",
  out = "benchmarks/results/step_mnist.json",
  bs: batch = String(presets.mnist.bs),
} = args;
const ours: StepBench[] = [];
const theirs: Record<string, PeerBench[]> = { nhwc: [], nchw: [] };
for (let round = 0; round < Number(rounds); round++) {
  const deno = [
    "run",
    "-q",
    "--no-prompt",
    "-P=bench",
    "tasks/bench.ts",
    "step",
    "--bs",
    batch,
    "--threads",
    "2",
    "--json",
  ];
  ours.push(JSON.parse(await run(Deno.execPath(), deno)));
  for (const layout of ["nhwc", "nchw"]) {
    const peer = [
      "benchmarks/peer/torch_mnist_step.py",
      "--network",
      JSON.stringify(torchNetwork()),
      "--layout",
      layout,
      "--batch",
      batch,
    ];
    theirs[layout]!.push(JSON.parse(await run("python3", peer)));
  }
  console.error(
    `round ${round + 1}: ${ours.at(-1)?.img_per_s} against ${theirs["nhwc"]!.at(-1)?.img_per_s} / ${
      theirs["nchw"]!.at(-1)?.img_per_s
    } img/s`,
  );
}
const oursMedian = median(ours.map((bench) => bench.img_per_s));
const peers = Object.fromEntries(
  Object.entries(theirs).map(([layout, runs]) => [layout, median(runs.map((bench) => bench.img_per_s))]),
);
const [layout, peerMedian] = Object.entries(peers).toSorted((a, b) => b[1] - a[1])[0]!;
const result = {
  what: "training step of the preset mnist, img/s, medians of alternated processes",
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
Deno.writeTextFileSync(new URL(out, root), JSON.stringify(result, null, 1) + "\n");
console.log(`libtrain ${oursMedian} img/s, PyTorch eager ${peerMedian} img/s (${layout}): ratio ${result.ratio}`);
