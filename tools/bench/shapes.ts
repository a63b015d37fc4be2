/** `deno task bench shapes`: training steps of other sizes and networks, beside PyTorch eager. */
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { Contenders, type Measured } from "./contenders.ts";
import { rounded } from "./figures.ts";
import { channelsOf, depthwise, type Network, oddChannels, peerNetwork } from "./networks.ts";
import { handOver, outFlag, requireOut, threadsOf, wordsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import type { Rival } from "./rival.ts";
import { requirePeer, type Starts, starts } from "./starts.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

/** What is measured: batches so small that all of it takes minutes. */
const entry: Network = { preset: "imagenette-128-5" };
const shapes: Readonly<Record<string, { readonly network: Network; readonly size: number; readonly bs: number }>> = {
  entry64: { network: entry, size: 64, bs: 16 },
  entry192: { network: entry, size: 192, bs: 8 },
  entry256: { network: entry, size: 256, bs: 4 },
  xresnet18: { network: { arch: "xresnet18" }, size: 128, bs: 16 },
  xresnet50: { network: { arch: "xresnet50" }, size: 128, bs: 8 },
  depthwise: { network: depthwise, size: 128, bs: 16 },
  odd: { network: oddChannels, size: 128, bs: 16 },
};

const names = Object.keys(shapes);
const layouts = ["nchw", "nhwc"] as const;

/** A shape in a dtype: ours, and PyTorch's by layout. */
export interface ShapeRow {
  readonly shape: string;
  readonly dtype: string;
  readonly size: number;
  readonly bs: number;
  readonly own: Measured;
  readonly peers: Readonly<Record<string, Measured>>;
  /** Ours over PyTorch's in its better layout; null without it. */
  readonly ratio: number | null;
}

/** A row of what was measured, by `own` and layouts. */
export function rowOf(
  shape: Pick<ShapeRow, "shape" | "dtype" | "size" | "bs">,
  measured: readonly (Measured & { readonly label: string })[],
): ShapeRow {
  const by = Object.fromEntries(measured.map(({ label, ...figures }) => [label, figures]));
  const { own, ...peers } = by as Record<string, Measured> & { own: Measured };
  const best = Math.max(...Object.values(peers).map(({ img_per_s }) => img_per_s));
  return { ...shape, own, peers, ratio: Number.isFinite(best) ? rounded(own.img_per_s / best, 3) : null };
}

/** The table on screen. */
export function shapeLines(rows: readonly ShapeRow[]): string[] {
  const withPeer = rows.some(({ ratio }) => ratio !== null);
  const columns: Column<ShapeRow>[] = [
    { head: "network", right: false, text: ({ shape }) => shape },
    { head: "dtype", right: false, text: ({ dtype }) => dtype },
    { head: "px", text: ({ size }) => `${size}` },
    { head: "batch", text: ({ bs }) => `${bs}` },
    { head: "img/s", text: ({ own }) => shownNumber(own.img_per_s) },
    ...(withPeer
      ? [
        ...layouts.map((layout): Column<ShapeRow> => ({
          head: `PyTorch ${layout}`,
          text: ({ peers }) => shownNumber(peers[layout]?.img_per_s),
        })),
        { head: "ours", text: ({ ratio }: ShapeRow) => shownRatio(ratio) },
      ]
      : []),
  ];
  return tableLines(columns, rows);
}

/** Processes that stay for all shapes. */
async function startAll(
  starts: Starts,
  stack: AsyncDisposableStack,
  { peer, threads, signal }: { peer: boolean; threads: number; signal: AbortSignal },
): Promise<Map<string, Rival>> {
  const rivals = new Map([["own", stack.use(await starts.own({ signal }))]]);
  for (const layout of peer ? layouts : []) {
    rivals.set(layout, stack.use(await starts.peer("torch_step.py", { threads, signal })));
  }
  return rivals;
}

const flags = {
  peer: { kind: "switch", help: "Measure PyTorch eager too, in turn, in both layouts" },
  only: { kind: "string", placeholder: "names", help: `Only these, joined by commas: ${names.join(", ")}` },
  dtypes: { kind: "string", placeholder: "words", default: "f32", help: "f32, bf16 or both, joined by commas" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  rounds: { kind: "integer", min: 1, default: 2, help: "Rounds of each, in turn" },
  steps: { kind: "integer", min: 1, default: 3, help: "Steps a round" },
  out: outFlag("Write the rows to this file"),
} as const;

/** The command line of `deno task bench shapes`. */
export const shapesCommand: Command<typeof flags> = {
  name: "deno task bench shapes",
  about: "Measures training steps of other image sizes and networks than the entry's.",
  examples: ["deno task bench shapes --peer --out benchmarks/results/shapes.json"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { rounds, steps, out } = flags;
    const threads = threadsOf(flags.threads);
    const peer = flags.peer === true;
    const chosen = wordsOf("only", flags.only ?? names.join(","), names);
    const dtypes = wordsOf("dtypes", flags.dtypes, ["f32", "bf16"]);
    requireOut(out);
    if (peer) requirePeer();
    await using stack = new AsyncDisposableStack();
    const rivals = await startAll(starts, stack, { peer, threads, signal });
    const note = (line: string): void => report.note(line);
    const rows: ShapeRow[] = [];
    for (const dtype of dtypes) {
      for (const shape of chosen) {
        const { network, size, bs } = shapes[shape]!;
        const contenders = new Contenders<string>({ bs, rounds, steps, note });
        for (const [label, rival] of rivals) {
          const sizes = { dtype, bs, size, threads };
          const setup = label === "own"
            ? { ...sizes, what: "train", network }
            : { ...sizes, network: peerNetwork(network), channels: channelsOf(network), mode: "eager", layout: label };
          const name = `${shape} ${dtype}, ${label === "own" ? "libtrain" : `PyTorch ${label}`}`;
          await contenders.add(rival, { name, setup, ways: [{ label }] });
        }
        rows.push(rowOf({ shape, dtype, size, bs }, await contenders.measure()));
      }
    }
    for (const line of shapeLines(rows)) report.line(line);
    const facts = { what: "training steps of other shapes, in turn", ...await originOf(), threads, rounds, steps };
    await handOver({ ...facts, peer: rivals.get("nchw")?.facts ?? null, rows }, { report, out });
    return exitCodes.done;
  },
};
