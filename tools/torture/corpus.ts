/** What fuzzers begin from: a kept corpus, and the fixtures that the tests have anyway. */
import { join } from "@std/path";
import { recipe } from "../../mod.ts";
import { filesIn } from "./files.ts";
import { root } from "./child.ts";
import { archive, longName, pax, paxLine } from "./tar_maker.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Fixtures beyond this many bytes say little more and take longer. */
const MOST_BYTES = 8192;

/** The folder of a target's kept corpus. */
export function corpusFolder(target: string): string {
  return join(root, "fuzz", "corpus", target);
}

async function kept(target: string): Promise<Bytes[]> {
  try {
    return [...(await filesIn(corpusFolder(target))).values()];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function images(ending: string): Promise<Bytes[]> {
  const files = await filesIn(join(root, "tests", "fixtures", "images"));
  return [...files].filter(([name, bytes]) => name.endsWith(ending) && bytes.length <= MOST_BYTES).map(([, bytes]) =>
    bytes
  );
}

function safetensorsOf(header: unknown, data: number): Bytes {
  const json = new TextEncoder().encode(JSON.stringify(header).padEnd(8));
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function safetensors(): Bytes[] {
  const tensor = (dtype: string, shape: readonly number[], begin: number, end: number): unknown => (
    { dtype, shape, data_offsets: [begin, end] }
  );
  return [
    safetensorsOf({ a: tensor("F32", [2, 3], 0, 24), b: tensor("U8", [4], 24, 28) }, 28),
    safetensorsOf({ __metadata__: { format: "pt" }, a: tensor("BF16", [1], 0, 2) }, 2),
    safetensorsOf({ s: tensor("I64", [], 0, 8), t: tensor("F64", [1, 1], 8, 16) }, 16),
    safetensorsOf({}, 0),
  ];
}

function recipes(): Bytes[] {
  const made = recipe.presetNames().map((name) => recipe.preset(name));
  return made.map((each) => new TextEncoder().encode(JSON.stringify(each)));
}

async function tars(): Promise<Bytes[]> {
  const image = (await images(".png"))[0] ?? new Uint8Array(16);
  const file = (name: string): { name: string; body: Bytes } => ({ name, body: image });
  const set = ["train/cat", "train/dog", "val/cat", "val/dog"].map((path) => file(`set/${path}/1.png`));
  return [
    archive(set),
    archive([...set, pax(paxLine("path", "set/train/cat/2.png") + paxLine("size", String(image.length))), file("x")]),
    archive([...set, longName(`set/train/cat/${"n".repeat(120)}.png`), file("x")]),
    archive([{ name: "set/train/", type: "5" }, ...set, { name: "set/l", type: "2", link: "train" }]),
  ];
}

/** Inputs to begin from. */
export async function seedsOf(target: string): Promise<Bytes[]> {
  const made: Readonly<Record<string, () => Bytes[] | Promise<Bytes[]>>> = {
    safetensors,
    recipe: recipes,
    jpeg: () => images(".jpg"),
    png: () => images(".png"),
    webp: () => images(".webp"),
    tar: tars,
  };
  return [...await kept(target), ...await made[target]?.() ?? []];
}
