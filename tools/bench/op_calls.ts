/** The calls of one training step with their parameters and times, gathered by what they do. */
import { type Device, noGrad, rand, scope } from "../../mod.ts";
import { median } from "../../benchmarks/support.ts";
import { type TimedCall, timedCalls } from "../../lib/tensor/profile.ts";
import { Trace, traceUnder } from "../../lib/tensor/trace.ts";
import { leastTime, operations, type Peaks } from "../gpu_check/roofline.ts";
import { rounded } from "./figures.ts";

/** An op's parameters by their names. */
export type Params = Readonly<Record<string, unknown>>;

/** A timed call with its parameters; without them where the step made another number of such calls than were timed. */
export interface OpCall extends TimedCall {
  readonly params: Params | undefined;
}

/** Notes the parameters of each op that a step calls. */
class Noted extends Trace {
  readonly params = new Map<string, Params[]>();

  constructor() {
    super([]);
  }

  override note(name: string, _inputs: unknown, params: object): void {
    const known = this.params.get(name) ?? [];
    this.params.set(name, known);
    known.push({ ...params });
  }

  override made(): void {}
}

/** Times the calls of a step, op by op: the median of some steps for each. */
export async function timedStep(device: Device, step: () => void, steps: number): Promise<OpCall[]> {
  const noted = new Noted();
  const runs: TimedCall[][] = [];
  // Its threads and clock are awake by the time the step begins.
  using square = rand([512, 512], { seed: 3, device });
  for (let i = 0; i < steps; i++) {
    let before = 0;
    const calls = await timedCalls(device, () => {
      for (; before < 4; before++) noGrad(() => scope(() => square.matmul(square))).dispose();
      if (i === 0) traceUnder(noted, step);
      else step();
    });
    runs.push(calls.slice(before));
  }
  return withParams(runs, noted.params);
}

/** The calls of the first run with their median times and their parameters. */
export function withParams(runs: readonly (readonly TimedCall[])[], params: ReadonlyMap<string, Params[]>): OpCall[] {
  const [first = []] = runs;
  const counts = Map.groupBy(first, ({ op }) => op);
  const next = new Map<string, number>();
  return first.map((call, at) => {
    const known = params.get(call.op);
    const place = next.get(call.op) ?? 0;
    next.set(call.op, place + 1);
    const own = known?.length === counts.get(call.op)!.length ? known[place] : undefined;
    return { ...call, ms: median(runs.map((calls) => calls[at]?.ms ?? NaN)), params: own };
  });
}

/** Calls of an op with the same shapes and parameters, or all of an op. */
export interface OpRow {
  readonly op: string;
  /** Of the inputs and outputs; empty for all of an op. */
  readonly shapes: string;
  readonly calls: number;
  /** Milliseconds of all of them. */
  readonly ms: number;
  /** Of the step, 0 to 1. */
  readonly share: number;
  /** 10⁹ operations, and bytes read and written, a second. */
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** The least time that they could take over the time that they take, 0 to 1: above 1 for what fits a cache. */
  readonly roofline: number;
  /** Milliseconds of PyTorch's ops for those calls that it has one for; null where it has none. */
  readonly peerMs: number | null;
  /** Milliseconds of the library's own calls among those. */
  readonly comparedMs: number;
  /** PyTorch's better layout, where it saw one. */
  readonly peerLayout: string | null;
}

/** What PyTorch took for a call. */
export interface PeerTime {
  readonly ms: number | null;
  readonly layout: string | null;
}

/** A call's inputs and outputs, `f32[32,64,64,64] … -> f32[32,64,64,64]`. */
export function shapesOf({ inputs, outputs }: TimedCall): string {
  const text = (operands: TimedCall["inputs"]): string =>
    operands.map((operand) => operand === null ? "-" : `${operand[0]}[${operand[1]}]`).join(" ");
  return `${text(inputs)} -> ${text(outputs)}`;
}

/** What makes two calls the same work. */
export function keyOf(call: OpCall): string {
  return JSON.stringify([call.op, shapesOf(call), call.params ?? null]);
}

/** Rows of calls, the slowest first: by what they do, or by op alone. */
export function rowsOf(
  calls: readonly OpCall[],
  peaks: Peaks,
  { peers, by }: { peers: ReadonlyMap<string, PeerTime>; by: "call" | "op" },
): OpRow[] {
  const total = calls.reduce((sum, { ms }) => sum + ms, 0);
  const groups = Map.groupBy(calls, (call) => by === "op" ? call.op : keyOf(call));
  return [...groups.values()].map((group): OpRow => {
    const [first] = group as [OpCall];
    const sum = (of: (call: OpCall) => number, among: readonly OpCall[] = group): number =>
      among.reduce((sum, call) => sum + of(call), 0);
    const ms = sum((call) => call.ms);
    const compared = group.filter((call) => typeof peers.get(keyOf(call))?.ms === "number");
    return {
      op: first.op,
      shapes: by === "op" ? "" : shapesOf(first),
      calls: group.length,
      ms: rounded(ms),
      share: rounded(ms / total, 3),
      gflops: rounded(sum(operations) / ms / 1e6, 3),
      gigabytesPerSecond: rounded(sum(({ read, written }) => read + written) / ms / 1e6, 3),
      roofline: rounded(sum((call) => leastTime(call, peaks)) / ms, 3),
      peerMs: compared.length === 0 ? null : rounded(sum((call) => peers.get(keyOf(call))!.ms!, compared)),
      comparedMs: rounded(sum((call) => call.ms, compared)),
      peerLayout: by === "op" ? null : peers.get(keyOf(first))?.layout ?? null,
    };
  }).sort((a, b) => b.ms - a.ms);
}
