/** `deno task bench scale`: how the entry's step scales with threads and batches, begins cold, and holds over many steps. */
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { median } from "../../benchmarks/support.ts";
import { Contenders, type Measured } from "./contenders.ts";
import { rounded } from "./figures.ts";
import { handOver, numbersOf, outFlag, requireOut, threadsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import type { Round, SetUp } from "./rival.ts";
import { type Starts, starts } from "./starts.ts";
import { shownNumber, shownRatio, tableLines } from "./table.ts";

/** Steps of a part of the long run. */
const PART = 50;

/** What is measured in all of it. */
interface Scale {
  readonly dtype: "f32" | "bf16";
  readonly size: number;
  readonly threads: number;
  readonly rounds: number;
  readonly steps: number;
  readonly starts: Starts;
  readonly signal: AbortSignal;
  note(line: string): void;
}

/** A step of so many images on so many threads. */
export interface ScaleRow extends Measured {
  readonly bs: number;
  readonly threads: number;
}

/** Steps in turn, a process each. */
async function measured(kinds: readonly { bs: number; threads: number }[], scale: Scale): Promise<ScaleRow[]> {
  const { starts, signal, dtype, size } = scale;
  await using stack = new AsyncDisposableStack();
  const rows: ScaleRow[] = [];
  // Contenders share a number of images, for which they give images a second.
  for (const [bs, group] of Map.groupBy(kinds, ({ bs }) => bs)) {
    const contenders = new Contenders<{ bs: number; threads: number }>({ ...scale, bs });
    for (const label of group) {
      const rival = stack.use(await starts.own({ signal }));
      const setup = { what: "train", network: { preset: "imagenette-128-5" }, dtype, size, ...label };
      await contenders.add(rival, { name: `batch ${bs}, ${label.threads} threads`, setup, ways: [{ label }] });
    }
    rows.push(...(await contenders.measure()).map(({ label, ...figures }) => ({ ...label, ...figures })));
  }
  return rows;
}

/** Seconds from starting a process to the end of its first step. */
async function coldStart({ starts, signal, dtype, size, threads, rounds, note }: Scale, bs: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await using rival = await starts.own({ signal });
    const network = { preset: "imagenette-128-5" };
    await rival.ask<SetUp>("setup", { what: "train", network, dtype, bs, size, threads, warm: 1 });
    times.push(rounded((performance.now() - start) / 1000));
    note(`cold process: its first step is done after ${times.at(-1)} s`);
  }
  return times;
}

/** Median milliseconds of each part of a long run. */
async function longRun(
  { starts, signal, dtype, size, threads, note }: Scale,
  bs: number,
  steps: number,
): Promise<number[]> {
  await using rival = await starts.own({ signal });
  await rival.ask<SetUp>("setup", { what: "train", network: { preset: "imagenette-128-5" }, dtype, bs, size, threads });
  const parts: number[] = [];
  for (let done = 0; done < steps; done += PART) {
    const { ms } = await rival.ask<Round>("run", { steps: Math.min(PART, steps - done) });
    parts.push(rounded(median(ms)));
    note(`${Math.min(done + PART, steps)} of ${steps} steps: ${parts.at(-1)} ms a step`);
  }
  return parts;
}

/** How far the parts of a run are from its first, the farthest: 0.03 for 3 % more time or less. */
export function driftOf(parts: readonly number[]): number {
  const [first = NaN] = parts;
  return rounded(parts.reduce((most, ms) => Math.abs(ms / first - 1) > Math.abs(most) ? ms / first - 1 : most, 0), 3);
}

/** How far the times of an image are from each other: 0.05 where the longest is 5 % above the least. */
export function spreadOf(rows: readonly Pick<ScaleRow, "ms" | "bs">[]): number {
  const times = rows.map(({ ms, bs }) => ms / bs);
  return rounded(Math.max(...times) / Math.min(...times) - 1, 3);
}

/** The table on screen; `speed` is that of all threads over one. */
export function scaleLines(rows: readonly ScaleRow[]): string[] {
  const one = (bs: number): ScaleRow | undefined => rows.find((row) => row.bs === bs && row.threads === 1);
  return tableLines<ScaleRow>([
    { head: "batch", text: ({ bs }) => `${bs}` },
    { head: "threads", text: ({ threads }) => `${threads}` },
    { head: "img/s", text: ({ img_per_s }) => shownNumber(img_per_s, 2) },
    { head: "ms an image", text: ({ ms, bs }) => shownNumber(ms / bs, 2) },
    { head: "MiB", text: ({ whole_peak_mib }) => shownNumber(whole_peak_mib, 0) },
    {
      head: "of one thread",
      text: ({ bs, threads, ms }) => threads === 1 ? "" : shownRatio((one(bs)?.ms ?? NaN) / ms),
    },
  ], rows);
}

const flags = {
  dtype: { kind: "choice", choices: ["f32", "bf16"], default: "f32", help: "What the network computes in" },
  size: { kind: "integer", min: 32, max: 1024, default: 128, help: "Height and width of the images" },
  bs: { kind: "string", placeholder: "numbers", default: "16,32,64,128", help: "Images a step, joined by commas" },
  threads: { kind: "integer", min: 2, max: 256, help: "CPU threads beside one, all unless given" },
  rounds: { kind: "integer", min: 1, default: 3, help: "Rounds of each, in turn" },
  steps: { kind: "integer", min: 1, default: 3, help: "Steps a round" },
  long: { kind: "boolean", help: "Measure whether a step takes as long after many of them, too" },
  "long-steps": { kind: "integer", min: 1, default: 500, help: "How many those are" },
  out: outFlag("Write the rows to this file"),
} as const;

/** The command line of `deno task bench scale`. */
export const scaleCommand: Command<typeof flags> = {
  name: "deno task bench scale",
  about:
    "Measures the entry's step on one thread and on all, in larger batches, in a new process, and after many steps.",
  examples: ["deno task bench scale", "deno task bench scale --long --dtype bf16"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { size, rounds, steps, out } = flags;
    const threads = Math.max(2, threadsOf(flags.threads));
    const dtype = flags.dtype as "f32" | "bf16";
    const sizes = numbersOf("bs", flags.bs);
    requireOut(out);
    const note = (line: string): void => report.note(line);
    const scale: Scale = { dtype, size, threads, rounds, steps, starts, signal, note };
    const usual = sizes.includes(32) ? 32 : sizes[0]!;
    const kinds = [{ bs: usual, threads: 1 }, ...sizes.map((bs) => ({ bs, threads }))];
    const rows = (await measured(kinds, scale)).toSorted((a, b) => a.threads - b.threads || a.bs - b.bs);
    const cold = await coldStart(scale, usual);
    const parts = flags.long ? await longRun(scale, usual, flags["long-steps"]) : null;
    for (const line of scaleLines(rows)) report.line(line);
    const spread = spreadOf(rows.filter((row) => row.threads === threads));
    report.line(`time an image, over batches: within ${(100 * spread).toFixed(1)} %`);
    report.line(`first step of a new process: ${shownNumber(median(cold), 2)} s`);
    const drift = parts === null ? null : driftOf(parts);
    if (drift !== null) {
      report.line(`over ${flags["long-steps"]} steps: up to ${(100 * drift).toFixed(1)} % from the first ${PART}`);
    }
    const facts = { what: "how the entry's training step scales", ...await originOf(), dtype, size, rounds, steps };
    await handOver({ ...facts, rows, spread, coldSeconds: cold, longMs: parts, drift }, { report, out });
    return exitCodes.done;
  },
};
