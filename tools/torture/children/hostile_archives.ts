/** Reads archives that mean harm. Arguments: folder, part. Answers what was tried, what was lost and what it cost. */
import { join } from "@std/path";
import { messageOf } from "../../../lib/cli/command.ts";
import { prepare } from "../../../lib/data/prepare.ts";
import { LibtrainError } from "../../../lib/ffi/errors.ts";
import { fixture } from "../../../tests/support/image_files.ts";
import { type Cost, measured } from "../meter.ts";
import { archive } from "../tar_maker.ts";
import { type Hostile, hostileArchives } from "../hostile.ts";

/** What came of it. */
export interface HostileAnswer {
  readonly tried: number;
  readonly refused: number;
  readonly lost: readonly string[];
  readonly mib: number;
  readonly seconds: number;
}

/** MiB and seconds of processor that an archive may take beyond what there was before. */
const MOST: Cost = { mib: 64, seconds: 1 };

const [folder = "", part = "run"] = Deno.args;
const mark = `torture-${crypto.randomUUID()}`;
const image = await fixture("png_rgb.png");

/** Everything below a folder, with what it is. */
function tree(path: string): string[] {
  return [...Deno.readDirSync(path)].flatMap((entry) => {
    const file = join(path, entry.name);
    const kind = entry.isSymlink ? "link" : entry.isDirectory ? "folder" : entry.isFile ? "file" : "other";
    return [`${kind} ${file}`, ...(kind === "folder" ? tree(file) : [])];
  });
}

const inside = join(folder, "a", "b", "cache");

/** What is outside of the cache folder, or in it and no plain file. */
function outside(): string[] {
  const strange = tree(folder).filter((line) => !line.startsWith(`file ${inside}`) && !line.startsWith("folder "));
  try {
    Deno.lstatSync(join("/tmp", mark));
    return [...strange, `file /tmp/${mark}`];
  } catch {
    return strange;
  }
}

/** The planted bug: whoever reads the archive unpacks it, and goes where its names lead. */
async function unpack(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder("latin1").decode(bytes);
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const name = text.slice(at, at + 100).split("\0")[0]!;
    const size = parseInt(text.slice(at + 124, at + 135), 8);
    const target = join(inside, name);
    await Deno.mkdir(join(target, ".."), { recursive: true });
    await Deno.writeFile(target, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

async function tried({ name, bytes }: Hostile, read: (path: string) => Promise<unknown>): Promise<{
  cost: Cost;
  refused: boolean;
  wrong?: string;
}> {
  const path = join(folder, "archive.tgz");
  await Deno.writeFile(path, bytes);
  const before = outside();
  const { cost, error } = await measured(() => read(path));
  const more = outside().filter((line) => !before.includes(line));
  await Deno.remove(path);
  const wrong = more.length > 0
    ? `${name}: made ${more}`
    : error !== undefined && !(error instanceof LibtrainError)
    ? `${name}: ${messageOf(error)}`
    : cost.mib > MOST.mib
    ? `${name}: took ${Math.round(cost.mib)} MiB`
    : cost.seconds > MOST.seconds
    ? `${name}: took ${cost.seconds} s of processor`
    : undefined;
  return { cost, refused: error !== undefined, wrong };
}

const reading = (path: string): Promise<unknown> =>
  prepare(path, { trainSize: 16, validSize: 16 }, { cache: inside, threads: 2, onWarning: (): void => {} });

await Deno.mkdir(inside, { recursive: true });
const all = part === "control"
  ? [{ name: "climbs by ..", bytes: archive([{ name: `../../${mark}`, body: image }]) }]
  : await hostileArchives(image, mark);
// The first one also pays for threads and tables that stay.
await tried({ name: "warm", bytes: archive([{ name: "set/train/cat/1.png", body: image }]) }, reading);
let [refused, mib, seconds] = [0, 0, 0];
const lost: string[] = [];
for (const each of all) {
  const outcome = await tried(each, part === "control" ? unpack : reading);
  if (outcome.wrong !== undefined) lost.push(outcome.wrong);
  refused += Number(outcome.refused);
  mib = Math.max(mib, outcome.cost.mib);
  seconds = Math.max(seconds, outcome.cost.seconds);
}
const answer: HostileAnswer = { tried: all.length, refused, lost, mib: Math.round(mib), seconds };
console.log(JSON.stringify(answer));
