/** `deno task bench decode`: images of a folder decoded and resized for the first time, beside Pillow in processes of its own. */
import { join, resolve } from "@std/path";
import { data } from "../../mod.ts";
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { median, outputOf } from "../../benchmarks/support.ts";
import { rounded } from "./figures.ts";
import { handOver, outFlag, requireOut, threadsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import { peerPython, requirePeer, root } from "./starts.ts";

/** Where both sides write their pixels; emptied before and after each round. */
const scratch = `${root}.cache/bench-decode`;

interface Decoded {
  readonly images: number;
  readonly seconds: number;
}

async function emptyScratch(): Promise<void> {
  await Deno.remove(scratch, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(scratch, { recursive: true });
}

/** Ours, from the folder to caches on the disk, by threads of the library. */
async function ours(folder: string, size: number, threads: number, signal: AbortSignal): Promise<Decoded> {
  await emptyScratch();
  const start = performance.now();
  const { train, valid } = await data.open(folder, { size, threads, signal, cache: scratch });
  const seconds = (performance.now() - start) / 1000;
  const images = train.length + valid.length;
  train.dispose();
  valid.dispose();
  return { images, seconds };
}

async function pillow(folder: string, size: number, processes: number, signal: AbortSignal): Promise<Decoded> {
  await emptyScratch();
  const args = [`${root}benchmarks/peer/pil_decode.py`, folder, `${size}`, `${processes}`, join(scratch, "pixels")];
  return JSON.parse(await outputOf(`${root}${peerPython}`, args, { signal }));
}

const flags = {
  data: {
    kind: "string",
    placeholder: "folder",
    required: true,
    path: true,
    help: "Folder with train and val, a folder a class in each",
  },
  size: { kind: "integer", min: 8, max: 1024, default: 128, help: "Pixels of the shorter side afterwards" },
  threads: { kind: "integer", min: 1, max: 256, help: "Our threads, and processes of Pillow, all cores unless given" },
  rounds: { kind: "integer", min: 1, default: 3, help: "Rounds of each, in turn" },
  peer: { kind: "switch", help: "Measure Pillow too, in turn" },
  out: outFlag("Write the rounds to this file"),
} as const;

/** The command line of `deno task bench decode`. */
export const decodeCommand: Command<typeof flags> = {
  name: "deno task bench decode",
  about:
    "Measures how fast images of a folder are decoded and resized for the first time; Pillow's count is of whole processes' work alone.",
  examples: ["deno task bench decode --data imagenette2-320 --peer"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { size, rounds, out, peer = false } = flags;
    const threads = threadsOf(flags.threads);
    if (flags.data === undefined) throw new UsageError("Expected --data with the folder of images, got none");
    const folder = resolve(flags.data);
    if (!(await Deno.stat(folder).catch(() => undefined))?.isDirectory) {
      throw new UsageError(`Expected --data with a folder of images, got "${folder}"`);
    }
    requireOut(out);
    if (peer) requirePeer();
    const took: Record<"ours" | "pillow", Decoded[]> = { ours: [], pillow: [] };
    for (let round = 1; round <= rounds; round++) {
      took.ours.push(await ours(folder, size, threads, signal));
      if (peer) took.pillow.push(await pillow(folder, size, threads, signal));
      const last = took.ours.at(-1)!;
      const theirs = took.pillow.at(-1);
      if (theirs !== undefined && theirs.images !== last.images) {
        throw new UsageError(
          `Expected a folder of which both sides take the same images, got ${last.images} and ${theirs.images}`,
        );
      }
      const beside = theirs === undefined ? "" : `, Pillow ${theirs.seconds.toFixed(2)} s`;
      report.note(`round ${round}: ${last.images} images, libtrain ${last.seconds.toFixed(2)} s${beside}`);
    }
    await Deno.remove(scratch, { recursive: true });
    const seconds = (all: readonly Decoded[]): number => median(all.map((each) => each.seconds));
    const speed = peer ? rounded(seconds(took.pillow) / seconds(took.ours), 3) : null;
    const { images } = took.ours[0]!;
    report.line(
      `${images} images to ${size} px by ${threads} threads: ${(images / seconds(took.ours)).toFixed(0)} img/s`,
    );
    if (peer) {
      report.line(
        `Pillow by ${threads} processes: ${(images / seconds(took.pillow)).toFixed(0)} img/s; ours ${speed}x`,
      );
    }
    const facts = {
      what: "first decoding and resizing of a folder's images, seconds",
      ...await originOf(),
      size,
      threads,
    };
    await handOver({ ...facts, images, ours: took.ours, pillow: took.pillow, speed }, { report, out });
    return exitCodes.done;
  },
};
