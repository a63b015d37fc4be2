/** Words that a person sorts runs by. */
import { join } from "node:path";
import { ownPartial, removeIfThere, writeFileAtomic } from "../io/atomic_file.ts";
import { jsonText, readJson } from "../io/json_file.ts";
import { RunFolderError } from "./folder_name.ts";

/** The longest tag, in characters. */
const longest = 40;

function fileIn(folder: string): string {
  return join(folder, "tags.json");
}

/** Throws a TypeError or RangeError for what is no tag: letters, digits, `.`, `_`, `-`, a letter or digit first. */
export function requireTag(op: string, tag: unknown): asserts tag is string {
  const wanted = `${op}(): Expected a tag of up to ${longest} letters, digits, ".", "_" and "-"`;
  if (typeof tag !== "string") throw new TypeError(`${wanted}, got ${tag === null ? "null" : typeof tag}`);
  if (tag.length > longest || !/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(tag)) {
    throw new RangeError(`${wanted}, got ${JSON.stringify(tag.slice(0, 2 * longest))}`);
  }
}

/** The tags of a run, sorted; none where it was given none. Rejects with a RunFolderError where the file is no list of them. */
export async function tagsIn(folder: string): Promise<string[]> {
  const path = fileIn(folder);
  const found = await readJson(path, { advice: "remove it, and tag the run again" });
  if (found === undefined) return [];
  const tags: unknown = found["tags"];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return [...new Set(tags)].sort();
  throw new RunFolderError(
    `Expected "tags" in "${path}" as a list of words, got others: remove it, and tag the run again`,
  );
}

/** Writes a run's tags, whole or not at all; without any there is no file. */
export async function writeTags(folder: string, tags: readonly string[]): Promise<void> {
  const path = fileIn(folder);
  if (tags.length === 0) return await removeIfThere(path);
  await writeFileAtomic(path, [jsonText({ tags: [...new Set(tags)].sort() })], ownPartial(path));
}
