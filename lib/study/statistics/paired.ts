/** Two recipes on the same seeds. */
import { kindOf } from "../../tensor/ops/checks.ts";
import { shown } from "../../io/shown.ts";
import { filledOptions, type PairedOptions, requireMeasured } from "./options.ts";
import { type SignFlip, signFlip } from "./sign_flip.ts";
import { type Summary, summaryOf } from "./summary.ts";
import { decide, type Decision } from "./verdict.ts";

/** Values by what tells runs apart, say an accuracy by its seed. */
export type ByKey = ReadonlyMap<string | number, number> | Readonly<Record<string, number>>;

/** What the comparison came to; mean, deviation and intervals are of the differences. */
export interface Paired extends Summary, SignFlip, Decision {
  /** The pairs' keys, in the baseline's order. */
  readonly keys: readonly string[];
}

/** Values by text, each key once. */
function entriesOf(name: string, given: unknown): Map<string, number> {
  if (typeof given !== "object" || given === null || Array.isArray(given) || ArrayBuffer.isView(given)) {
    throw new TypeError(
      `paired(): Expected \`${name}\` as values by seed, got ${kindOf(given)}: write { 1: 0.94, 2: 0.95 } or a Map`,
    );
  }
  const entries = given instanceof Map ? [...given] : Object.entries(given);
  const values = new Map<string, number>();
  for (const [key, value] of entries) {
    if (typeof key !== "string" && typeof key !== "number") {
      throw new TypeError(`paired(): Expected keys of \`${name}\` as seeds or names, got ${kindOf(key)}`);
    }
    const text = `${key}`;
    if (values.has(text)) {
      throw new TypeError(`paired(): Expected each key of \`${name}\` once, got "${shown(text)}" twice`);
    }
    requireMeasured("paired", `${name}["${shown(text)}"]`, value);
    values.set(text, value);
  }
  return values;
}

/** Keys in a message. */
function list(keys: readonly string[]): string {
  return keys.slice(0, 8).map(shown).join(", ") + (keys.length > 8 ? ", …" : "");
}

function requireSameKeys(baseline: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): void {
  const alone = { baseline: [...baseline.keys()].filter((key) => !other.has(key)), other: [...other.keys()] };
  alone.other = alone.other.filter((key) => !baseline.has(key));
  const told = Object.entries(alone).filter(([, keys]) => keys.length > 0)
    .map(([name, keys]) => `${list(keys)} in \`${name}\` alone`);
  if (told.length > 0) {
    throw new RangeError(
      `paired(): Expected the same keys in both, got ${
        told.join(" and ")
      }: train what is missing, or leave it out of both`,
    );
  }
  if (baseline.size === 0) throw new RangeError("paired(): Expected at least one pair, got none: give values by seed");
}

/**
 * Compares two recipes that were trained with the same seeds by the differences `other` - `baseline`: their mean with its
 * intervals, the two-sided sign-flip test, exact up to 20 pairs, and a verdict in words.
 *
 * The error rate is alpha where the number of pairs was fixed beforehand: adding pairs until p is small raises it.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const max = { 1: 0.941, 2: 0.944, 3: 0.939, 4: 0.945, 5: 0.942, 6: 0.940 };
 * const blur = { 1: 0.944, 2: 0.950, 3: 0.943, 4: 0.947, 5: 0.946, 6: 0.945 };
 * const { verdict, p } = study.paired(max, blur);
 * console.log(verdict, p); // better 0.03125
 * ```
 */
export function paired(baseline: ByKey, other: ByKey, options: PairedOptions = {}): Paired {
  const [before, after] = [entriesOf("baseline", baseline), entriesOf("other", other)];
  const filled = filledOptions("paired", options, ["alpha", "seed", "resamples", "higherIsBetter"]);
  requireSameKeys(before, after);
  const keys = [...before.keys()];
  const differences = keys.map((key) => after.get(key)! - before.get(key)!);
  const found = { ...summaryOf(differences, filled), ...signFlip(differences, filled) };
  return { keys, ...found, ...decide(found, filled) };
}
