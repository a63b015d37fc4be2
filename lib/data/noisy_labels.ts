/** Labels with a share of wrong ones, from the table that Imagenette and Imagewoof bring along: `noisy_imagenette.csv`. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { isThere, ownPartial, writeFileAtomic } from "../io/atomic_file.ts";
import { readRegularText } from "../io/regular_file.ts";
import { shown } from "../io/shown.ts";
import type { CacheHeader } from "./cache_file.ts";
import { defaultCache, type Prepared } from "./prepare.ts";
import { findInTar } from "./tar_entry.ts";

/** A label for each image of a part, in its order. */
export interface NoisyLabels {
  /** Places among the classes. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** SHA-256 of level and labels. */
  readonly sha256: string;
}

/** Where the images are, and which labels. */
export interface NoisyOptions {
  /** As the data set was asked for. */
  readonly name: string;
  /** The folder or archive. */
  readonly source: string;
  readonly prepared: Prepared;
  /** What is trained on. */
  readonly header: CacheHeader;
  /** Percent of wrong labels. */
  readonly noise: number;
  readonly cache?: string;
  readonly signal?: AbortSignal;
}

/** How the table is called. */
const tableName = /^noisy_\w+\.csv$/;
const column = "noisy_labels_";
/** How many of a kind an error names. */
const named = 3;

/** The table's text and name, of a folder; null where there is none. */
async function tableOfFolder(folder: string): Promise<Table | null> {
  for await (const { name } of Deno.readDir(folder)) {
    if (tableName.test(name)) return { file: name, text: await readRegularText(join(folder, name)) };
  }
  return null;
}

interface Table {
  readonly file: string;
  readonly text: string;
}

/** The same of an archive. It is kept beside the pixel caches, since to find it can take reading all of the archive. */
async function tableOfArchive({ source, prepared, cache = defaultCache, signal }: NoisyOptions): Promise<Table | null> {
  const kept = join(cache, `noisy-${prepared.source.key.slice(0, 20)}.csv`);
  if (await isThere(kept)) return { file: kept, text: await readRegularText(kept) };
  const found = await findInTar(source, (path) => tableName.test(path.slice(path.lastIndexOf("/") + 1)), { signal });
  if (found === null) return null;
  await writeFileAtomic(kept, [found.bytes], ownPartial(kept));
  return { file: found.path, text: new TextDecoder().decode(found.bytes) };
}

/** What the first line of the table calls, as places in each of the others. */
function columnsOf({ text, file }: Table, noise: number): { path: number; label: number; valid: number; all: number } {
  const names = text.slice(0, text.indexOf("\n") < 0 ? undefined : text.indexOf("\n")).trimEnd().split(",");
  const [path, valid, label] = ["path", "is_valid", `${column}${noise}`].map((name) => names.indexOf(name));
  const levels = names.flatMap((name) => name.startsWith(column) ? [name.slice(column.length)] : []);
  if (path! < 0 || valid! < 0 || levels.length === 0) {
    throw new DataError(
      `Expected the first line of "${shown(file)}" to call path, ${column}… and is_valid, got "${
        shown(names.join(",").slice(0, 100))
      }"`,
    );
  }
  if (label! < 0) {
    throw new DataError(`Expected \`noise\` as one of ${levels.join(", ")}, as "${shown(file)}" has, got ${noise}`);
  }
  return { path: path!, label: label!, valid: valid!, all: names.length };
}

/** The label of each path that is trained on. */
function labelsIn(table: Table, { classes }: CacheHeader, noise: number): Map<string, number> {
  const places = new Map(classes.map((name, at) => [name, at]));
  const { path, label, valid, all } = columnsOf(table, noise);
  const labels = new Map<string, number>();
  for (const [at, line] of table.text.split("\n").entries()) {
    const fields = line.trimEnd().split(",");
    if (at === 0 || line.trim() === "") continue;
    const where = `line ${at + 1} of "${shown(table.file)}"`;
    if (fields.length !== all) throw new DataError(`Expected ${all} fields in ${where}, got ${fields.length}`);
    if (!/^(true|false)$/i.test(fields[valid]!)) {
      throw new DataError(`Expected is_valid as True or False in ${where}, got "${shown(fields[valid]!)}"`);
    }
    // What is measured with keeps its true labels.
    if (/^true$/i.test(fields[valid]!)) continue;
    const place = places.get(fields[label]!);
    if (place === undefined) {
      const known = classes.slice(0, 10).map(shown).join(", ");
      throw new DataError(`Expected a class in ${where}, one of ${known}, got "${shown(fields[label]!)}"`);
    }
    if (labels.has(fields[path]!)) throw new DataError(`Expected one row for each image, got ${where} again`);
    labels.set(fields[path]!, place);
  }
  return labels;
}

function first(paths: readonly string[]): string {
  return `${paths.slice(0, named).map(shown).join(", ")}${paths.length > named ? ", …" : ""}`;
}

/** The labels of a level of noise for the images that are trained on; a DataError where table and images do not agree. */
export async function noisyLabels(options: NoisyOptions): Promise<NoisyLabels> {
  const { name, source, prepared, header, noise } = options;
  const table = await (prepared.source.kind === "folder" ? tableOfFolder(source) : tableOfArchive(options));
  if (table === null) {
    throw new DataError(
      `Expected noisy_….csv beside train/ in "${
        shown(name)
      }", which says the labels of \`noise\` ${noise}, found none: ` +
        "leave `noise` out, or take imagenette2 or imagewoof2, which have it",
    );
  }
  const rows = labelsIn(table, header, noise);
  const lacking = header.paths.filter((path) => !rows.has(path));
  if (lacking.length > 0) {
    throw new DataError(
      `Expected a row in "${shown(table.file)}" for each image to train on, found none for ${lacking.length} of ` +
        `${header.paths.length}: ${first(lacking)}`,
    );
  }
  const known = new Set([...header.paths, ...header.unreadable.map(({ path }) => path)]);
  const strange = [...rows.keys()].filter((path) => !known.has(path));
  if (strange.length > 0) {
    throw new DataError(
      `Expected rows of images that are there in "${shown(table.file)}", got ${strange.length} of others: ${
        first(strange)
      }`,
    );
  }
  const labels = Int32Array.from(header.paths, (path) => rows.get(path)!);
  const sha256 = createHash("sha256").update(`noise ${noise}\n`).update(labels).digest("hex");
  return { labels, sha256 };
}
