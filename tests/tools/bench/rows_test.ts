/** Figures, rows and tables of what was measured. */
import { assertEquals, assertThrows } from "@std/assert";
import type { TimedCall, TimedOperand } from "../../../lib/tensor/profile.ts";
import { UsageError } from "../../../lib/cli/flags.ts";
import type { Measured } from "../../../tools/bench/contenders.ts";
import { figuresOf } from "../../../tools/bench/figures.ts";
import { type InferRow, ratiosOf } from "../../../tools/bench/infer.ts";
import { keyOf, rowsOf, withParams } from "../../../tools/bench/op_calls.ts";
import { numbersOf, wordsOf } from "../../../tools/bench/options.ts";
import { driftOf, scaleLines, type ScaleRow, spreadOf } from "../../../tools/bench/scale.ts";
import { rowOf, shapeLines } from "../../../tools/bench/shapes.ts";
import { tableLines } from "../../../tools/bench/table.ts";
import { operations } from "../../../tools/gpu_check/roofline.ts";

const measured = (ms: number, bs: number): Measured => ({
  ...figuresOf([[ms]], bs),
  whole_peak_mib: 100,
  peak_mib: null,
  first_step_s: null,
});

Deno.test("figures: the median of the rounds' medians, and the fastest step of all", () => {
  const figures = figuresOf([[100, 300, 200], [400, 500, 600], [50, 1000, 250]], 10);
  assertEquals(figures, { img_per_s: 40, best_img_per_s: 200, ms: 250, rounds: [200, 500, 250] });
});

Deno.test("table: columns as wide as their widest cell, numbers to the right", () => {
  const columns = [
    { head: "name", right: false, text: ([name]: [string, number]) => name },
    { head: "n", text: ([, n]: [string, number]) => `${n}` },
  ];
  assertEquals(tableLines(columns, [["a", 1000], ["longer", 2]]), ["name       n", "a       1000", "longer     2"]);
});

Deno.test("lists on the command line: each word once, wrong ones refused", () => {
  assertEquals(wordsOf("dtypes", "bf16, f32,bf16", ["f32", "bf16"]), ["bf16", "f32"]);
  assertThrows(() => wordsOf("dtypes", "f16", ["f32", "bf16"]), UsageError, "--dtypes as words of f32, bf16");
  assertEquals(numbersOf("bs", "64,1"), [64, 1]);
  assertThrows(() => numbersOf("bs", "64,"), UsageError, 'above 0, joined by commas, got ""');
});

const conv = (ms: number): TimedCall => ({
  op: "conv2d",
  ms,
  read: 6e6,
  written: 4e6,
  inputs: [["f32", [2, 8, 8, 16]], ["f32", [32, 1, 1, 16]]],
  outputs: [["f32", [2, 8, 8, 32]]],
});
const add = (ms: number): TimedCall => ({
  op: "add",
  ms,
  read: 2e6,
  written: 1e6,
  inputs: [["f32", [4]], ["f32", [4]]],
  outputs: [["f32", [4]]],
});

Deno.test("ops: a convolution's three passes take the same operations", () => {
  const x: TimedOperand = ["f32", [2, 8, 8, 16]], weight: TimedOperand = ["f32", [32, 3, 3, 4]];
  const y: TimedOperand = ["f32", [2, 4, 4, 32]];
  const call = (op: string, inputs: TimedOperand[], output: TimedOperand): TimedCall => ({
    ...conv(1),
    op,
    inputs,
    outputs: [output],
  });
  const passes = [
    call("conv2d", [x, weight], y),
    call("conv2d_backward_input", [y, weight], x),
    call("conv2d_backward_weight", [x, y], weight),
  ];
  assertEquals(passes.map(operations), Array(3).fill(2 * 2 * 4 * 4 * 32 * 3 * 3 * 4));
});

Deno.test("ops: calls get the median of their times, and the parameters that the step gave them", () => {
  const params = new Map([["conv2d", [{ groups: 1 }, { groups: 4 }]], ["add", [{}, {}]]]);
  const runs = [[conv(3), add(1), conv(1)], [conv(1), add(2), conv(1)], [conv(2), add(9), conv(1)]];
  const calls = withParams(runs, params);
  assertEquals(calls.map(({ ms }) => ms), [2, 2, 1]);
  // Two of add were noted, and one was timed: which is which cannot be told.
  assertEquals(calls.map(({ params }) => params), [{ groups: 1 }, undefined, { groups: 4 }]);
});

Deno.test("ops: rows by op and by call, with their share of the roofline and PyTorch's time", () => {
  const params = new Map([["conv2d", [{ groups: 1 }, { groups: 1 }]]]);
  const calls = withParams([[conv(2), add(1), conv(1)]], params);
  const peers = new Map([[keyOf(calls[0]!), { ms: 3, layout: "nhwc" }]]);
  // A copy of 10 MB takes 1 ms; the products are nothing beside it.
  const peaks = { gigabytesPerSecond: 10, teraflops: 1 };
  const [first, second, ...rest] = rowsOf(calls, peaks, { peers, by: "op" });
  assertEquals(rest, []);
  assertEquals([first!.op, first!.calls, first!.ms, first!.share], ["conv2d", 2, 3, 0.75]);
  assertEquals([first!.roofline, first!.peerMs, first!.comparedMs], [0.667, 6, 3]);
  // 2 · 2·8·8·32 · 16 operations a call.
  assertEquals(first!.gflops, Number((2 * 131072 / 3 / 1e6).toPrecision(3)));
  assertEquals([second!.op, second!.peerMs, second!.gigabytesPerSecond], ["add", null, 3]);
  const byCall = rowsOf(calls, peaks, { peers, by: "call" });
  assertEquals(byCall.map(({ op, peerLayout }) => [op, peerLayout]), [["conv2d", "nhwc"], ["add", null]]);
  assertEquals(byCall[1]!.shapes, "f32[4] f32[4] -> f32[4]");
});

Deno.test("shapes: ours over PyTorch's better layout; without it no columns of it", () => {
  const labelled = (label: string, ms: number): Measured & { label: string } => ({ ...measured(ms, 16), label });
  const shape = { shape: "odd", dtype: "f32", size: 128, bs: 16 };
  const row = rowOf(shape, [labelled("own", 100), labelled("nchw", 150), labelled("nhwc", 400)]);
  assertEquals([row.own.img_per_s, row.ratio, Object.keys(row.peers)], [160, 1.5, ["nchw", "nhwc"]]);
  assertEquals(shapeLines([row])[1]!.split(/ +/), ["odd", "f32", "128", "16", "160.0", "106.7", "40.0", "1.50x"]);
  const alone = rowOf(shape, [labelled("own", 100)]);
  assertEquals([alone.ratio, shapeLines([alone])[0]!.split(/ +/).length], [null, 5]);
});

Deno.test("infer: our fastest way over PyTorch's better layout, by batch and dtype", () => {
  const row = (who: "own" | "peer", way: string, ms: number, layout?: string): InferRow => ({
    ...measured(ms, 64),
    ...{ who, way, dtype: "f32", bs: 64 },
    ...(layout === undefined ? {} : { layout }),
  });
  const rows = [
    row("own", "forward", 200),
    row("own", "replay", 100),
    row("peer", "compile", 400, "nchw"),
    row("peer", "compile", 300, "nhwc"),
    { ...row("peer", "eager", 900, "nhwc"), dtype: "bf16" },
  ];
  const expected = { own: "libtrain replay f32", rival: "PyTorch compile f32, nhwc", bs: 64, speed: 3 };
  assertEquals(ratiosOf(rows), [expected]);
});

Deno.test("scale: drift from the first part, spread of an image's time, and threads over one", () => {
  assertEquals([driftOf([100, 103, 95, 101]), driftOf([100])], [-0.05, 0]);
  const row = (bs: number, threads: number, ms: number): ScaleRow => ({ ...measured(ms, bs), bs, threads });
  assertEquals(spreadOf([row(16, 2, 160), row(32, 2, 330)]), 0.0313);
  const lines = scaleLines([row(32, 1, 640), row(32, 2, 320)]);
  assertEquals(lines.map((line) => line.trim().split(/ {2,}/).at(-1)), ["of one thread", "100", "2.00x"]);
});
