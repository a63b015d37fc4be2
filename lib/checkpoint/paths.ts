/** Paths of files of weights, as they are given from JavaScript too. */
import { kindOf } from "../tensor/ops/checks.ts";

/** Refuses what is no path. */
export function requirePath(op: string, path: unknown): asserts path is string {
  if (typeof path === "string" && path !== "") return;
  const got = path === "" ? "an empty text" : kindOf(path);
  throw new TypeError(`${op}(): Expected \`path\` as a text, a file's path, got ${got}`);
}
