/** `deno task bench infer`: answers of the entry's network, many at once and one at a time, beside PyTorch's. */
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { Contenders, type Measured } from "./contenders.ts";
import { rounded } from "./figures.ts";
import { channelsOf, type Network, peerNetwork } from "./networks.ts";
import { handOver, numbersOf, outFlag, requireOut, threadsOf, wordsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import type { Rival } from "./rival.ts";
import { type LimitedIsa, requirePeer, type Starts, starts } from "./starts.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

const entry: Network = { preset: "imagenette-128-5" };
const modes = ["eager", "compile", "autotune"] as const;
const layouts = ["nchw", "nhwc"] as const;

/** The library's ways: `evaluate()` of batches, one forward read at a time, the same replayed. */
const ways = ["evaluate", "forward", "replay"] as const;

/** Answers that were measured. */
export interface InferRow extends Measured {
  readonly who: "own" | "peer";
  readonly dtype: string;
  readonly bs: number;
  /** The library's way or PyTorch's mode. */
  readonly way: string;
  readonly layout?: string;
}

type Label = Pick<InferRow, "who" | "dtype" | "bs" | "way" | "layout">;

/** What a row is called, whatever its layout. */
export function nameOf({ who, way, dtype }: Label): string {
  return `${who === "own" ? "libtrain" : "PyTorch"} ${way} ${dtype}`;
}

/** The library's fastest way over each of PyTorch's modes in its better layout, by batch size. */
export function ratiosOf(rows: readonly InferRow[]): { own: string; rival: string; bs: number; speed: number }[] {
  const fastest = (group: readonly InferRow[]): InferRow => group.toSorted((a, b) => b.img_per_s - a.img_per_s)[0]!;
  const grouped = (who: string, key: (row: InferRow) => string): InferRow[] =>
    [...Map.groupBy(rows.filter((row) => row.who === who), key).values()].map(fastest);
  const own = grouped("own", ({ dtype, bs }) => `${dtype} ${bs}`);
  return grouped("peer", (row) => `${nameOf(row)} ${row.bs}`).flatMap((rival) =>
    own.filter(({ bs, dtype }) => bs === rival.bs && dtype === rival.dtype).map((each) => ({
      own: nameOf(each),
      rival: `${nameOf(rival)}, ${rival.layout}`,
      bs: rival.bs,
      speed: rounded(each.img_per_s / rival.img_per_s, 3),
    }))
  );
}

/** The tables on screen. */
export function inferLines(rows: readonly InferRow[]): string[] {
  const columns: Column<InferRow>[] = [
    { head: "what", right: false, text: nameOf },
    { head: "layout", right: false, text: ({ layout = "" }) => layout },
    { head: "batch", text: ({ bs }) => `${bs}` },
    { head: "img/s", text: ({ img_per_s }) => shownNumber(img_per_s) },
    { head: "best", text: ({ best_img_per_s }) => shownNumber(best_img_per_s) },
    { head: "ms", text: ({ ms }) => shownNumber(ms) },
    { head: "MiB", text: ({ whole_peak_mib }) => shownNumber(whole_peak_mib, 0) },
    { head: "first answer s", text: ({ first_step_s }) => shownNumber(first_step_s) },
  ];
  const ratios = ratiosOf(rows).map(({ own, rival, bs, speed }) => `batch ${bs}: ${own} ${shownRatio(speed)} ${rival}`);
  return [...tableLines(columns, rows), ...ratios];
}

/** Where to start what, by its way and layout; each holds one network at a time, and is set up anew for each size. */
async function startAll(
  stack: AsyncDisposableStack,
  { starts, modes, layouts, threads, isa, signal }: {
    starts: Starts;
    modes: readonly string[];
    layouts: readonly string[];
    threads: number;
    isa: LimitedIsa;
    signal: AbortSignal;
  },
): Promise<{ rival: Rival; who: "own" | "peer"; way: string; layout?: string }[]> {
  const started: { rival: Rival; who: "own" | "peer"; way: string; layout?: string }[] = [];
  for (const way of ways) started.push({ rival: stack.use(await starts.own({ isa, signal })), who: "own", way });
  for (const way of modes) {
    for (const layout of layouts) {
      const rival = stack.use(await starts.peer("torch_infer.py", { isa, threads, signal }));
      started.push({ rival, who: "peer", way, layout });
    }
  }
  return started;
}

const flags = {
  peer: { kind: "switch", help: "Measure PyTorch too, in turn: eager, and compiled with its weights frozen" },
  bs: { kind: "string", placeholder: "numbers", default: "64,1", help: "Images a batch, joined by commas" },
  size: { kind: "integer", min: 32, max: 1024, default: 128, help: "Height and width of the images" },
  dtypes: { kind: "string", placeholder: "words", default: "f32,bf16", help: "f32, bf16 or both, joined by commas" },
  modes: {
    kind: "string",
    placeholder: "words",
    help: `PyTorch's: ${modes.join(", ")} (default eager,compile)`,
  },
  layouts: { kind: "string", placeholder: "words", default: "nchw,nhwc", help: "PyTorch's: nchw, nhwc or both" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  rounds: { kind: "integer", min: 1, default: 3, help: "Rounds of each, in turn" },
  steps: { kind: "integer", min: 1, help: "Batches a round (default: 256 images, at most 20 batches)" },
  isa: { kind: "choice", choices: ["avx2"], help: "Keep both sides to an instruction set" },
  out: outFlag("Write the rows to this file"),
} as const;

/** The command line of `deno task bench infer`. */
export const inferCommand: Command<typeof flags> = {
  name: "deno task bench infer",
  about:
    "Measures answers of the entry's network in evaluation: images a second of batches, and the time of one image.",
  examples: ["deno task bench infer --peer --out benchmarks/results/infer.json"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { size, rounds, out } = flags;
    const threads = threadsOf(flags.threads);
    if (flags.peer !== true && flags.modes !== undefined) {
      throw new UsageError("Expected --modes with --peer, got it alone: add --peer");
    }
    const isa = flags.isa as LimitedIsa;
    const sizes = numbersOf("bs", flags.bs);
    const dtypes = wordsOf("dtypes", flags.dtypes, ["f32", "bf16"]);
    const wanted = flags.peer === true ? wordsOf("modes", flags.modes ?? "eager,compile", modes) : [];
    const chosen = wordsOf("layouts", flags.layouts, layouts);
    requireOut(out);
    if (flags.peer === true) requirePeer();
    await using stack = new AsyncDisposableStack();
    const all = await startAll(stack, { starts, modes: wanted, layouts: chosen, threads, isa, signal });
    const rows: InferRow[] = [];
    for (const bs of sizes) {
      for (const dtype of dtypes) {
        const steps = flags.steps ?? Math.max(1, Math.min(20, Math.floor(256 / bs)));
        const contenders = new Contenders<Label>({ bs, rounds, steps, note: (line) => report.note(line) });
        for (const { rival, who, way, layout } of all) {
          const label: Label = { who, way, dtype, bs, ...(layout === undefined ? {} : { layout }) };
          const plain = { dtype, bs, size, threads };
          const setup = who === "own"
            ? { ...plain, what: way, network: entry }
            : { ...plain, network: peerNetwork(entry), channels: channelsOf(entry), mode: way, layout, isa };
          await contenders.add(rival, { name: `${nameOf(label)} batch ${bs}`, setup, ways: [{ label }] });
        }
        rows.push(...(await contenders.measure()).map(({ label, ...figures }): InferRow => ({ ...label, ...figures })));
      }
    }
    for (const line of inferLines(rows)) report.line(line);
    const facts = { what: "answers of the entry's network, in turn", ...await originOf(isa), size, threads, rounds };
    const peer = all.find(({ who }) => who === "peer")?.rival.facts ?? null;
    await handOver({ ...facts, peer, rows, ratios: ratiosOf(rows) }, { report, out });
    return exitCodes.done;
  },
};
