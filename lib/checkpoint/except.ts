/** Which weights of a file are not taken: those of a head for other classes, say. */
import { kindOf } from "../tensor/ops/checks.ts";

/**
 * What is left out, by paths in the model: a pattern, or the path of a part with all that is in it, say `head` or `stages.3`;
 * or several of these.
 */
export type Except = RegExp | string | readonly (RegExp | string)[];

/** Whether a name is in what a pattern or a part's path stands for. */
export function isIn(part: RegExp | string, name: string): boolean {
  if (typeof part === "string") return name === part || name.startsWith(`${part}.`);
  // search() and not test(), which goes on from where a pattern with the flag g matched last.
  return name.search(part) >= 0;
}

/** Whether a name, or one of the names of the same thing, is left out. */
export type LeftOut = (...names: (string | null)[]) => boolean;

/**
 * What `except` leaves out. Throws a RangeError where a part of it matches none of the names, as it would be a setting without
 * effect.
 */
export function leftOutBy(op: string, except: Except | undefined, names: Iterable<string>): LeftOut {
  const parts: readonly unknown[] = except === undefined ? [] : Array.isArray(except) ? except : [except];
  const known = [...names];
  for (const part of parts) {
    if (!(part instanceof RegExp) && typeof part !== "string" || part === "") {
      throw new TypeError(
        `${op}(): Expected \`except\` as a pattern, a part's path or a list of these, got ${kindOf(part)}`,
      );
    }
    if (known.some((name) => isIn(part, name))) continue;
    const tops = [...new Set(known.map((name) => name.split(".", 1)[0]!))];
    const shown = tops.slice(0, 8).map((name) => `"${name}"`).join(", ");
    throw new RangeError(
      `${op}(): Expected \`except\` to match a name of the model or the file, got ${
        part instanceof RegExp ? part : `"${part}"`
      }, which matches none: their parts are ${shown}${tops.length > 8 ? ` and ${tops.length - 8} more` : ""}`,
    );
  }
  return (...own) => own.some((name) => name !== null && parts.some((part) => isIn(part as RegExp | string, name)));
}

/** The parts that names belong to, where they are few: what to give as `except`; undefined for many. */
export function partsOf(names: readonly string[]): string | undefined {
  const parts = [...new Set(names.map((name) => name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : name))];
  if (parts.length === 0 || parts.length > 2) return undefined;
  const [first] = parts;
  return parts.length === 1 ? `"${first}"` : `[${parts.map((part) => `"${part}"`).join(", ")}]`;
}
