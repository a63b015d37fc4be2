/** A table of every call of a training step: its time on the device, and its share of what the device could do. */
import { median } from "../../benchmarks/support.ts";
import { type Device, noGrad, randn, scope, type Tensor } from "../../mod.ts";
import { type TimedCall, timedCalls } from "../../lib/tensor/profile.ts";
import {
  type Checks,
  DTYPE_SECONDS,
  isEmulated,
  isLate,
  openDevice,
  type PartContext,
  rounded,
  wanted,
} from "./part.ts";
import { leastTime, measurePeaks, operations, type Peaks } from "./roofline.ts";
import { disposeBatch, EntryTraining, usualSizes } from "./training.ts";

/** Profiled steps; each call's time is the median of them. */
const STEPS = 5;
/** Work that is given to a GPU before a profiled step, ms: while it is busy with that, the step is enqueued. */
const AHEAD = 80;
/** Lines of the table that are printed. */
const PRINTED = 40;

/** All calls of an op with the same shapes. */
interface KernelRow {
  readonly op: string;
  readonly shapes: string;
  readonly calls: number;
  /** Milliseconds of all of them. */
  readonly ms: number;
  /** Of the step, 0 to 1. */
  readonly share: number;
  readonly gigabytesPerSecond: number;
  readonly teraflops: number;
  /** The least time that they could take over the time that they take, 0 to 1. */
  readonly roofline: number;
}

/** Rows of the square matrices whose product keeps the device busy. */
const BUSY_ROWS = 8192;

/** Calls of a step, timed with nothing to wait for; the median of some steps for each. */
async function profileStep(device: Device, small: boolean, step: () => void): Promise<TimedCall[]> {
  const large = device.kind === "cuda" && !small;
  const rows = large ? BUSY_ROWS : 64;
  using a = randn([rows, rows], { dtype: "bf16", device, seed: 1, std: 1 / rows });
  const busy = (): Tensor => noGrad(() => scope(() => a.matmul(a)));
  busy().dispose();
  const [once] = await timedCalls(device, () => busy().dispose());
  const products = large ? Math.min(200, Math.ceil(AHEAD / Math.max(once!.ms, 0.1))) : 1;
  const steps: TimedCall[][] = [];
  for (let i = 0; i < (small ? 1 : STEPS); i++) {
    const calls = await timedCalls(device, () => {
      for (let product = 0; product < products; product++) busy().dispose();
      step();
    });
    steps.push(calls.slice(products));
  }
  const [first = []] = steps;
  return first.map((call, at) => ({ ...call, ms: median(steps.map((calls) => calls[at]?.ms ?? NaN)) }));
}

function shapesOf({ inputs, outputs }: TimedCall): string {
  const text = (operands: TimedCall["inputs"]): string =>
    operands.map((operand) => operand === null ? "-" : `${operand[0]}[${operand[1]}]`).join(" ");
  return `${text(inputs)} -> ${text(outputs)}`;
}

/** Calls gathered by op and shapes, the slowest first. */
function rowsOf(calls: readonly TimedCall[], peaks: Peaks): KernelRow[] {
  const total = calls.reduce((sum, { ms }) => sum + ms, 0);
  const groups = Map.groupBy(calls, (call) => `${call.op}\t${shapesOf(call)}`);
  return [...groups].map(([key, group]): KernelRow => {
    const [op = "", shapes = ""] = key.split("\t");
    const sum = (of: (call: TimedCall) => number): number => group.reduce((sum, call) => sum + of(call), 0);
    const ms = sum((call) => call.ms);
    return {
      op,
      shapes,
      calls: group.length,
      ms: rounded(ms),
      share: rounded(ms / total, 3),
      gigabytesPerSecond: rounded(sum(({ read, written }) => read + written) / ms / 1e6, 3),
      teraflops: rounded(sum(operations) / ms / 1e9, 3),
      roofline: rounded(sum((call) => leastTime(call, peaks)) / ms, 3),
    };
  }).sort((a, b) => b.ms - a.ms);
}

function table(rows: readonly KernelRow[]): string[] {
  const head = "     ms  share  calls     GB/s  TFLOP/s  roofline  op and shapes";
  return [
    head,
    ...rows.map(({ op, shapes, calls, ms, share, gigabytesPerSecond, teraflops, roofline }) =>
      [
        ms.toFixed(3).padStart(7),
        `${(100 * share).toFixed(1)}%`.padStart(6),
        `${calls}`.padStart(6),
        gigabytesPerSecond.toFixed(1).padStart(8),
        teraflops.toFixed(2).padStart(8),
        `${(100 * roofline).toFixed(0)}%`.padStart(9),
        ` ${op} ${shapes.slice(0, 110)}`,
      ].join(" ")
    ),
  ];
}

/** Profiles the step in one kind of arithmetic. */
async function profiled(context: PartContext, kind: "bf16" | "f32" | "tf32", checks: Checks): Promise<unknown> {
  const dtype = kind === "bf16" ? "bf16" : "f32";
  using device = openDevice(context, { tf32: kind === "tf32" });
  const peaks = await measurePeaks(device, dtype, context.small);
  using training = new EntryTraining(device, { dtype, small: context.small, ...usualSizes(context.small) });
  const eager = training.eager();
  using captured = training.captured();
  const { images, labels } = training.batch(0);
  for (let warm = 0; warm < 3; warm++) {
    eager(images, labels).dispose();
    captured(images, labels).dispose();
  }
  const calls = await profileStep(device, context.small, () => eager(images, labels).dispose());
  const replays: number[] = [];
  for (let i = 0; i < (context.small ? 1 : STEPS); i++) {
    const [replay] = await timedCalls(device, () => captured(images, labels).dispose());
    replays.push(replay!.ms);
  }
  disposeBatch({ images, labels });
  const rows = rowsOf(calls, peaks);
  const summed = calls.reduce((sum, { ms }) => sum + ms, 0);
  const least = calls.reduce((sum, call) => sum + leastTime(call, peaks), 0);
  const { bs, size } = training.options;
  context.note(
    `${kind}, batch ${bs}, ${size} px: ${calls.length} calls, ${summed.toFixed(3)} ms, replayed ${
      median(replays).toFixed(3)
    } ms; copies ${peaks.gigabytesPerSecond} GB/s, products ${peaks.teraflops} TFLOP/s`,
  );
  for (const line of table(rows.slice(0, PRINTED))) context.note(line);
  const timed = calls.length > 100 && calls.every(({ ms }) => ms >= 0) && summed > 0;
  checks.that(`${kind}: every call of a step was timed`, timed, `${calls.length} calls, ${summed.toFixed(3)} ms`);
  if (!isEmulated(context)) {
    const wrong = rows.filter(({ roofline }) => roofline > 1.5);
    const detail = wrong.map(({ op, roofline }) => `${op} ${roofline}`).join(", ");
    // Small tensors stay in caches; half as fast again as a copy from memory is the most that is believed.
    if (wrong.length > 0) context.note(`${kind}: faster than a large copy or product: ${detail}`);
  }
  return {
    peaks,
    bs,
    size,
    calls: calls.length,
    summedMs: rounded(summed),
    replayMs: rounded(median(replays)),
    leastMs: rounded(least),
    rows,
  };
}

/** The part. */
export async function kernels(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const kinds = context.device === "cuda" ? ["bf16", "tf32", "f32"] as const : ["bf16", "f32"] as const;
  for (const kind of kinds.filter((kind) => wanted(context, kind))) {
    if (isLate(context, DTYPE_SECONDS)) checks.skip(`${kind}: the calls of a step`, "no time is left");
    else found[kind] = await profiled(context, kind, checks);
  }
  return found;
}
