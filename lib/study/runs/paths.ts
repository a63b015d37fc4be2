/** Paths as a caller gives them. */
import { kindOf, requireText } from "../../tensor/ops/checks.ts";

/** Throws where something is no list of texts, or has fewer than `least`. */
export function requirePaths(
  op: string,
  name: string,
  paths: unknown,
  least = 0,
): asserts paths is readonly string[] {
  if (!Array.isArray(paths)) {
    throw new TypeError(`${op}(): Expected \`${name}\` as an array of folders, got ${kindOf(paths)}`);
  }
  paths.forEach((path, at) => requireText(op, `${name}[${at}]`, path));
  if (paths.length >= least) return;
  throw new RangeError(`${op}(): Expected \`${name}\` with at least ${least}, got ${paths.length}`);
}
