/**
 * Feeds a reader with mutants of a kept corpus, in this process. Arguments: target, seconds, seed, part. An input whose
 * answer is of a new kind is mutated further; with the part `keep` small ones are added to the corpus in fuzz/corpus.
 * Answers how many were tried, and what was lost with the smallest input.
 */
import { join } from "@std/path";
import { InternalError, LibtrainError } from "../../../lib/ffi/errors.ts";
import { injectPanic } from "../../../lib/ffi/native.ts";
import { maxHeaderBytes, parseHeader, parseHeaderLength } from "../../../lib/checkpoint/safetensors_header.ts";
import { sha256Of } from "../../../lib/io/sha256.ts";
import { data, Device, recipe } from "../../../mod.ts";
import { root } from "../child.ts";
import { corpusFolder, seedsOf } from "../corpus.ts";
import { mutate, mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { joined } from "../tar_maker.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What came of it. */
export interface FuzzAnswer {
  readonly tried: number;
  /** Kinds of answers that were met. */
  readonly kinds: number;
  readonly lost: readonly string[];
}

const [target = "", seconds = "1", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));
const planted = part === "control";

/** Reads an input, and says in a word what it is; throws what the library throws. */
type Reader = (bytes: Bytes) => Promise<string> | string;

function safetensors(bytes: Bytes): string {
  const length = parseHeaderLength(bytes.subarray(0, 8), bytes.length, "a file");
  if (length > maxHeaderBytes) throw new Error(`a header of ${length} bytes was let through`);
  const { entries } = parseHeader(bytes.subarray(8, 8 + length), bytes.length - 8 - length, "a file");
  const held = entries.reduce((sum, { begin, end }) => sum + end - begin, 0);
  if (held > bytes.length) throw new Error(`${held} bytes of tensors in a file of ${bytes.length}`);
  // The planted bug: nobody thought of a tensor without a name.
  if (planted && entries.some(({ name }) => name === "")) throw new RangeError("a tensor without a name");
  return `${entries.length} tensors`;
}

function recipes(bytes: Bytes): string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return "no JSON";
  }
  const { model } = recipe.check(value);
  return model.name;
}

/** The planted bug of the recipe's reader: it trusts that there is a list. */
function trusting(bytes: Bytes): string {
  let value: { metrics: readonly string[] };
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return "no JSON";
  }
  return value.metrics.join();
}

let opened: Device | undefined;

/** Opened at its first use: what TypeScript reads alone needs no library. */
function device(): Device {
  return opened ??= new Device("cpu", { threads: 1 });
}

async function image(bytes: Bytes): Promise<string> {
  using pixels = await data.decodeImage(bytes, { device: device(), size: 16 });
  return pixels.shape.join();
}

const work = await Deno.makeTempDir({ dir: join(root, ".cache", "torture") });

async function archived(bytes: Bytes): Promise<string> {
  const path = join(work, "set.tar");
  await Deno.writeFile(path, bytes);
  const { valid } = await data.open(path, {
    size: 8,
    cache: join(work, "cache"),
    threads: 1,
    device: device(),
    onWarning: (): void => {},
  }).then(({ train, valid }) => {
    train.dispose();
    return { valid };
  });
  using set = valid;
  const answer = `${set.length} images`;
  await Deno.remove(join(work, "cache"), { recursive: true });
  return answer;
}

const readers: Readonly<Record<string, Reader>> = {
  safetensors,
  recipe: planted ? trusting : recipes,
  jpeg: image,
  png: image,
  webp: image,
  tar: archived,
};

/** Texts are mutated by their tokens too. */
const isText = target === "recipe" || target === "safetensors";

/** A mutant of a safetensors file whose length still fits its header, or else nothing behind the length is ever read. */
function mutateHeader(bytes: Bytes): Bytes {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = mutateText(bytes.slice(8, 8 + length), rng);
  const parts = joined([new Uint8Array(8), header, bytes.subarray(8 + length)]);
  new DataView(parts.buffer).setBigUint64(0, BigInt(header.length), true);
  return parts;
}

function mutant(from: Bytes): Bytes {
  if (!isText || rng.chance(0.3)) return mutate(from, rng);
  const whole = target === "safetensors" && from.length > 16 && from[7] === 0 && from[6] === 0;
  return whole ? mutateHeader(from) : mutateText(from, rng);
}

/** An answer's kind: its words without numbers and names. */
function kindOf(text: string): string {
  return text.replaceAll(/"[^"]*"|`[^`]*`|\d+/g, "#").slice(0, 120);
}

const read = readers[target]!;
const seeds = await seedsOf(target);
/** Those, and mutants whose answer was of a new kind. */
const corpus = [...seeds];
const kinds = new Set<string>();
const lost = new Map<string, Bytes>();
let tried = 0;

async function meet(bytes: Bytes): Promise<void> {
  tried++;
  // The planted bug of what the native library reads: a panic among its calls.
  if (planted && !isText && tried === 20) injectPanic(1);
  let kind: string;
  try {
    kind = kindOf(await read(bytes));
  } catch (error) {
    kind = kindOf(String(error));
    const fine = error instanceof LibtrainError && !(error instanceof InternalError);
    if (!fine && (lost.get(kind)?.length ?? Infinity) > bytes.length) lost.set(kind, bytes);
  }
  if (kinds.has(kind)) return;
  kinds.add(kind);
  if (corpus.length < 2000) corpus.push(bytes);
}

/** Bytes and number of what is kept: a corpus is read at every run, and lies in the repository. */
const KEPT = { bytes: 1024, files: 60 };

/** Adds what was found, the smallest first, by names that follow from the content. */
async function keep(): Promise<void> {
  const folder = corpusFolder(target);
  await Deno.mkdir(folder, { recursive: true });
  const found = corpus.slice(seeds.length).filter(({ length }) => length <= KEPT.bytes);
  for (const bytes of found.sort((a, b) => a.length - b.length).slice(0, KEPT.files)) {
    await Deno.writeFile(join(folder, (await sha256Of(bytes)).slice(0, 16)), bytes);
  }
}

for (const bytes of seeds) await meet(bytes);
const until = performance.now() + 1000 * Number(seconds);
while (performance.now() < until && !(planted && lost.size > 0)) {
  // Half of them near what is right: most of what is kept is refused early.
  await meet(mutant(rng.pick(rng.chance(0.5) ? seeds : corpus)));
}
await Deno.remove(work, { recursive: true });
if (part === "keep") await keep();

/** Of an input: enough to make it again. */
const shown = (bytes: Bytes): string =>
  bytes.length > 400 ? `${bytes.length} bytes, ${bytes.slice(0, 400).toHex()}…` : bytes.toHex();
const answer: FuzzAnswer = {
  tried,
  kinds: kinds.size,
  lost: [...lost].map(([kind, bytes]) => `${kind}: ${shown(bytes)}`),
};
console.log(JSON.stringify(answer));
Deno.exit(0);
