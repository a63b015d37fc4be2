/** `deno task bench ops`: every op of the entry's training step beside what the machine could do, and PyTorch's op. */
import { Device, rand, recipe, scoped, type Tensor, tensor } from "../../mod.ts";
import { logitsOf } from "../../mod.ts";
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import type { Report } from "../../lib/cli/report.ts";
import { measurePeaks, type Peaks } from "../gpu_check/roofline.ts";
import { buildNetwork, channelsOf, classCount } from "./networks.ts";
import { keyOf, type OpCall, type OpRow, type PeerTime, rowsOf, timedStep } from "./op_calls.ts";
import { handOver, outFlag, requireOut } from "./options.ts";
import { originOf } from "./origin.ts";
import { requirePeer, type Starts, starts } from "./starts.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

const flags = {
  dtype: { kind: "choice", choices: ["f32", "bf16"], default: "f32", help: "What the network computes in" },
  bs: { kind: "integer", min: 2, max: 65536, default: 32, help: "Images a step" },
  size: { kind: "integer", min: 32, max: 1024, default: 128, help: "Height and width of the images" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  steps: { kind: "integer", min: 1, default: 5, help: "Steps timed; each call's time is the median of them" },
  rows: { kind: "integer", min: 0, default: 40, help: "Rows of single shapes on screen; JSON has all" },
  peer: { kind: "switch", help: "Time PyTorch's ops on the same shapes too, one by one" },
  out: outFlag("Write every row to this file"),
} as const;

/** Times the entry's step, after two that make state and compile. */
async function stepOf(
  device: Device,
  { dtype, bs, size, steps }: { dtype: "f32" | "bf16"; bs: number; size: number; steps: number },
): Promise<OpCall[]> {
  const preset = "imagenette-128-5";
  const settings = recipe.preset(preset);
  using model = buildNetwork({ preset }, size, device);
  using optimizer = recipe.buildOptimizer(settings).bind(model, { lr: settings.schedule.lr });
  const lossOf = recipe.buildLoss(settings);
  using images = rand([bs, size, size, channelsOf({ preset })], { seed: 1, device });
  using labels = tensor(Int32Array.from({ length: bs }, (_, i) => i % classCount), undefined, { device });
  const step = scoped((images: Tensor, labels: Tensor): Tensor => {
    const loss = lossOf(logitsOf(model, images, dtype), { inputs: images, images, targets: labels, labels });
    loss.backward();
    optimizer.step();
    return loss;
  });
  for (let warm = 0; warm < 2; warm++) step(images, labels).dispose();
  return await timedStep(device, () => step(images, labels).dispose(), steps);
}

/** PyTorch's times for each different call, and the peaks that it reaches. */
async function peerTimes(
  calls: readonly OpCall[],
  { starts, dtype, threads, signal, progress }: {
    starts: Starts;
    dtype: string;
    threads: number;
    signal: AbortSignal;
    progress(done: number, total: number): void;
  },
): Promise<{ times: Map<string, PeerTime>; peaks: Peaks }> {
  await using peer = await starts.peer("torch_ops.py", { threads, signal });
  const peaks = await peer.ask<Peaks>("setup", { threads, dtype });
  const different = [...new Map(calls.map((call) => [keyOf(call), call]))];
  const times = new Map<string, PeerTime>();
  for (const [key, { op, inputs, outputs, params }] of different) {
    const unknown = { ms: null, layout: null };
    times.set(key, params === undefined ? unknown : await peer.ask<PeerTime>("time", { op, inputs, outputs, params }));
    progress(times.size, different.length);
  }
  return { times, peaks };
}

function columns(withPeer: boolean): Column<OpRow>[] {
  const own: Column<OpRow>[] = [
    { head: "ms", text: ({ ms }) => shownNumber(ms, 2) },
    { head: "share", text: ({ share }) => `${shownNumber(100 * share)}%` },
    { head: "calls", text: ({ calls }) => `${calls}` },
    { head: "GFLOP/s", text: ({ gflops }) => gflops === 0 ? "-" : shownNumber(gflops, 0) },
    { head: "GB/s", text: ({ gigabytesPerSecond }) => shownNumber(gigabytesPerSecond) },
    { head: "roofline", text: ({ roofline }) => `${shownNumber(100 * roofline, 0)}%` },
  ];
  const peer: Column<OpRow>[] = [
    { head: "PyTorch ms", text: ({ peerMs }) => shownNumber(peerMs, 2) },
    { head: "ours", text: ({ peerMs, comparedMs }) => shownRatio(peerMs === null ? null : peerMs / comparedMs) },
  ];
  const name: Column<OpRow> = { head: "op", right: false, text: ({ op, shapes }) => `${op} ${shapes.slice(0, 100)}` };
  return [...own, ...(withPeer ? peer : []), name];
}

function show(report: Report, rows: { ops: OpRow[]; calls: OpRow[] }, printed: number, withPeer: boolean): void {
  const lines = (rows: OpRow[]): string[] => tableLines(columns(withPeer), rows);
  for (const line of lines(rows.ops)) report.line(line);
  if (printed === 0) return;
  report.line("");
  for (const line of lines(rows.calls.slice(0, printed))) report.line(line);
}

/** The command line of `deno task bench ops`. */
export const opsCommand: Command<typeof flags> = {
  name: "deno task bench ops",
  about: "Lists every op of the entry's training step: time, speed, share of what this machine could do at most.",
  examples: ["deno task bench ops", "deno task bench ops --dtype bf16 --peer --out benchmarks/results/ops_bf16.json"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { bs, size, steps, out, rows: printed } = flags;
    const [dtype, withPeer] = [flags.dtype as "f32" | "bf16", flags.peer === true];
    requireOut(out);
    if (withPeer) requirePeer();
    using device = new Device("cpu", { threads: flags.threads });
    const threads = device.stats().chunksByThread.length;
    const own = await measurePeaks(device, dtype, false);
    const calls = await stepOf(device, { dtype, bs, size, steps });
    const peer = !withPeer ? undefined : await peerTimes(calls, {
      starts,
      dtype,
      threads,
      signal,
      progress: (done, total) => done % 50 === 0 && report.note(`${done} of ${total} of PyTorch's ops timed`),
    });
    // What either side reaches, the machine can do.
    const peaks = peer === undefined ? own : highest(own, peer.peaks);
    const peers = peer?.times ?? new Map<string, PeerTime>();
    const rows = {
      ops: rowsOf(calls, peaks, { peers, by: "op" }),
      calls: rowsOf(calls, peaks, { peers, by: "call" }),
    };
    const total = calls.reduce((sum, { ms }) => sum + ms, 0);
    report.line(
      `${dtype}, batch ${bs}, ${size} px, ${threads} threads: ${calls.length} calls, ${
        total.toFixed(0)
      } ms op by op; ` +
        `peaks ${(1000 * peaks.teraflops).toFixed(0)} GFLOP/s, ${peaks.gigabytesPerSecond.toFixed(0)} GB/s`,
    );
    show(report, rows, printed, withPeer);
    const found = { dtype, bs, size, threads, steps, peaks, ms: Number(total.toFixed(1)), ...rows };
    await handOver({ what: "ops of the entry's training step", ...await originOf(), ...found }, { report, out });
    return exitCodes.done;
  },
};

/** The higher of each. */
function highest(a: Peaks, b: Peaks): Peaks {
  return {
    gigabytesPerSecond: Math.max(a.gigabytesPerSecond, b.gigabytesPerSecond),
    teraflops: Math.max(a.teraflops, b.teraflops),
  };
}
