/**
 * Decodes one bomb, in a process of its own as what another has freed may still be there. Arguments: folder, its number or
 * `control`. Answers as children/hostile_archives.ts does, and how many bombs there are.
 */
import { join } from "@std/path";
import { data, Device } from "../../../mod.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import { LibtrainError } from "../../../lib/ffi/errors.ts";
import { prepare } from "../../../lib/data/prepare.ts";
import { fixture } from "../../../tests/support/image_files.ts";
import { jpegOf, pngOf } from "../bomb_files.ts";
import { zerosGzipped } from "../hostile.ts";
import { measured } from "../meter.ts";
import { END, entryBytes, joined } from "../tar_maker.ts";
import type { HostileAnswer } from "./hostile_archives.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What came of it. */
export interface BombAnswer extends HostileAnswer {
  readonly bombs: number;
}

const [folder = "", part = "0"] = Deno.args;

/**
 * MiB and seconds of processor. An image that is decoded after all has its pixels, and may have them twice more meanwhile:
 * the decoder's, and those that an interlaced or progressive one is put together from.
 */
const MOST = { mib: 64, seconds: 1, copies: 3 };

const progressive = await fixture("progressive_444.jpg");
const baseline = await fixture("baseline_420.jpg");
const small = await fixture("png_rgb.png");

/** Each made when it is met: to make all of them takes longer than to meet one. */
const images: readonly [string, () => Bytes][] = [
  ["a PNG of 65,535 x 65,535", () => pngOf({ width: 65535, height: 65535, zeros: 1 << 20 })],
  ["a PNG of 2^31 - 1 pixels a side", () => pngOf({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, zeros: 1 << 20 })],
  ["a PNG of 16,384 x 16,384", () => pngOf({ width: 16384, height: 16384, zeros: 32 << 20 })],
  ["a PNG of 7,000 x 7,000 in 16 bits", () => pngOf({ width: 7000, height: 7000, depth: 16, zeros: 7000 * 42001 })],
  ["a PNG of 4,000 x 4,000, interlaced", () => pngOf({ width: 4000, height: 4000, interlaced: true, zeros: 64 << 20 })],
  ["a PNG with a text of 256 MiB", () => pngOf({ width: 8, height: 8, zeros: 200, textMib: 256 })],
  ["a PNG whose data are 256 MiB too long", () => pngOf({ width: 8, height: 8, zeros: 256 << 20 })],
  ["a JPEG of 65,500 x 65,500", () => jpegOf(baseline, { width: 65500, height: 65500, scans: 1 })],
  ["a JPEG of 49 Mpx and 240 scans", () => jpegOf(progressive, { width: 7000, height: 7000, scans: 240 })],
  ["a JPEG of 10,000 scans", () => jpegOf(progressive, { width: 640, height: 480, scans: 10_000 })],
];

const image = entryBytes({ name: "set/val/cat/1.png", body: small });
const large = entryBytes({ name: "set/val/cat/2.png", size: 200 << 20 });
const archives: readonly [string, () => Promise<Bytes>][] = [
  ["an image of 200 MiB of zeros, compressed", () => zerosGzipped(200, joined([image, large]))],
  ["one whose data are mostly behind its end", () => zerosGzipped(256, joined([image, END]))],
];

using device = new Device("cpu", { threads: 2 });

/** Pixels, MiB, which belong to the caller. */
async function decoded(bytes: Bytes): Promise<number> {
  using tensor = await data.decodeImage(bytes, { device });
  return tensor.shape.reduce((product, size) => product * size, 1) / 2 ** 20;
}

async function prepared(bytes: Bytes): Promise<number> {
  const path = join(folder, "bomb.tgz");
  await Deno.writeFile(path, bytes);
  try {
    await prepare(path, { trainSize: null, validSize: 16 }, { cache: join(folder, "cache"), threads: 1 });
  } finally {
    await Deno.remove(path);
  }
  return 0;
}

/** The planted bug: a decoder that makes room for what a header says. */
async function believing(bytes: Bytes): Promise<number> {
  const view = new DataView(bytes.buffer);
  const pixels = new Uint8Array(Math.min(view.getUint32(16) * view.getUint32(20) * 3, 400 << 20)).fill(1);
  await Promise.resolve();
  return pixels.length < 0 ? 1 : 0;
}

const lost: string[] = [];
let [tried, refused, most, slowest] = [0, 0, 0, 0];

async function meet(name: string, work: () => Promise<number>): Promise<void> {
  const { cost, result, error } = await measured(work);
  device.trim();
  const mib = cost.mib - MOST.copies * (result ?? 0);
  tried++;
  refused += Number(error !== undefined);
  most = Math.max(most, mib);
  slowest = Math.max(slowest, cost.seconds);
  if (error !== undefined && !(error instanceof LibtrainError)) lost.push(`${name}: ${messageOf(error)}`);
  else if (mib > MOST.mib) {
    lost.push(`${name}: took ${Math.round(mib)} MiB${error ? "" : " beside its pixels and two copies"}`);
  } else if (cost.seconds > MOST.seconds) lost.push(`${name}: took ${cost.seconds} s of processor`);
}

await decoded(small);
/** A name, and what makes the bomb and gives the work on it. */
type Bomb = readonly [string, () => Promise<() => Promise<number>>];

const all: readonly Bomb[] = [
  ...images.map(([name, make]): Bomb => [name, () => {
    const bytes = make();
    return Promise.resolve(() => decoded(bytes));
  }]),
  ...archives.map(([name, make]): Bomb => [name, async () => {
    const bytes = await make();
    return () => prepared(bytes);
  }]),
];
if (part === "control") await meet("a PNG of 65,535 x 65,535", () => believing(images[0]![1]()));
else {
  const [name, make] = all[Number(part)]!;
  await meet(name, await make());
}
const answer: BombAnswer = { bombs: all.length, tried, refused, lost, mib: Math.round(most), seconds: slowest };
console.log(JSON.stringify(answer));
