/** JSON files. */
import { LibtrainError } from "../ffi/errors.ts";
import { writeFileAtomic } from "./atomic_file.ts";
import { readRegularText } from "./regular_file.ts";

/** A file that should hold JSON of some form, and does not. */
export class JsonFileError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "JsonFileError";
}

/** A value as the bytes of an indented JSON file. */
export function jsonText(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a value as an indented JSON file, whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, [jsonText(value)]);
}

/** What values in a JSON file must be, by their names. */
export type Kinds = Readonly<Record<string, "number" | "object">>;

/**
 * The object in a JSON file, with what it must have at least; undefined where there is no such file. Throws a
 * {@linkcode JsonFileError} where it holds something else; `advice` says what to do then.
 */
export async function readJson(
  path: string,
  options: { kinds?: Kinds; advice?: string } = {},
): Promise<Record<string, unknown> | undefined> {
  const { kinds = {}, advice = "restore it from a copy" } = options;
  let text: string;
  try {
    text = await readRegularText(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new JsonFileError(`Expected JSON in "${path}", got other text (${(error as Error).message}): ${advice}`, {
      cause: error,
    });
  }
  if (kindOf(found) !== "object") {
    throw new JsonFileError(
      `Expected a JSON object in "${path}", got ${JSON.stringify(found).slice(0, 40)}: ${advice}`,
    );
  }
  const values = found as Record<string, unknown>;
  const wrong = Object.keys(kinds).find((name) => kindOf(values[name]) !== kinds[name]);
  if (wrong === undefined) return values;
  const got = JSON.stringify(values[wrong])?.slice(0, 40) ?? "none";
  throw new JsonFileError(`Expected "${wrong}" in "${path}" as a JSON ${kinds[wrong]}, got ${got}: ${advice}`);
}

function kindOf(value: unknown): string {
  return value === null || Array.isArray(value) ? "other" : typeof value;
}
