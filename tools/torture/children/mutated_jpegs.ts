/** A folder of mutated JPEGs, prepared twice. Arguments: folder, mutants, seed, part. Answers what was tried and lost. */
import { join } from "@std/path";
import { messageOf } from "../../../lib/cli/command.ts";
import { DataError, LibtrainError } from "../../../lib/ffi/errors.ts";
import { readHeader } from "../../../lib/data/cache_file.ts";
import { prepare, type Prepared } from "../../../lib/data/prepare.ts";
import { data, Device } from "../../../mod.ts";
import { fixture } from "../../../tests/support/image_files.ts";
import { mutate } from "../mutate.ts";
import { Random } from "../random.ts";

/** What came of it. */
export interface JpegAnswer {
  readonly tried: number;
  readonly unreadable: number;
  readonly lost: readonly string[];
}

const [folder = "", mutants = "10", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));
const KINDS = ["baseline_420", "baseline_444", "baseline_422", "progressive_444", "grey", "cmyk", "orientation_6"];

using device = new Device("cpu", { threads: 1 });
const set = join(folder, "set");
const lost: string[] = [];

async function decodes(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  try {
    using _ = await data.decodeImage(bytes, { device, size: 16 });
    return true;
  } catch (error) {
    if (!(error instanceof LibtrainError)) lost.push(`decodeImage: ${messageOf(error)}`);
    return false;
  }
}

/** Writes the folder; the paths of what does not decode by itself. */
async function write(): Promise<string[]> {
  const originals = await Promise.all(KINDS.map((name) => fixture(`${name}.jpg`)));
  const bad: string[] = [];
  for (const name of ["cat", "dog"]) await Deno.mkdir(join(set, "val", name), { recursive: true });
  for (let at = 0; at < Number(mutants); at++) {
    const bytes = mutate(rng.pick(originals), rng);
    const path = `val/${at % 2 === 0 ? "cat" : "dog"}/${at}.jpg`;
    await Deno.writeFile(join(set, path), bytes);
    if (!await decodes(bytes)) bad.push(path);
  }
  for (const name of ["cat", "dog"]) await Deno.writeFile(join(set, "val", name, "good.jpg"), originals[0]!);
  return bad.sort();
}

async function prepared(cache: string, threads: number, maxUnreadable: number): Promise<Prepared> {
  return await prepare(set, { trainSize: null, validSize: 16 }, { cache, threads, maxUnreadable });
}

const bad = await write();
if (part === "control") {
  // The planted bug: one that does not decode is taken as if it did.
  const [first] = bad;
  await Deno.writeFile(join(set, first!), await fixture("grey.jpg"));
}
const reports: string[] = [];
for (const threads of [1, 2]) {
  const { files } = await prepared(join(folder, `cache-${threads}`), threads, 1);
  const { unreadable } = await readHeader(files[0]!.path, device);
  reports.push(JSON.stringify(unreadable));
  const listed = unreadable.map(({ path }) => path).sort();
  const missing = bad.filter((path) => !listed.includes(path));
  const more = listed.filter((path) => !bad.includes(path));
  if (missing.length > 0) lost.push(`not listed: ${missing.length}, the first ${missing[0]}`);
  if (more.length > 0) lost.push(`listed although it decodes: ${more.length}, the first ${more[0]}`);
}
if (reports[0] !== reports[1]) lost.push("the second report is another");
try {
  await prepared(join(folder, "cache-limit"), 2, 0.01);
  if (bad.length > 0.01 * (Number(mutants) + 2)) lost.push("the limit of 1 % was not kept");
} catch (error) {
  if (!(error instanceof DataError)) lost.push(`beyond the limit: ${messageOf(error)}`);
}
const answer: JpegAnswer = { tried: Number(mutants), unreadable: bad.length, lost };
console.log(JSON.stringify(answer));
