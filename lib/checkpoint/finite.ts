/** Whether saved numbers are finite: what is not must never take the place of what is. */
import { StateError } from "../ffi/errors.ts";
import type { SafeTensor } from "./safetensors.ts";

/** How many numbers of a tensor are not finite; 0 for whole numbers. */
export function countNonFinite({ dtype, data }: SafeTensor): number {
  let count = 0;
  if (dtype === "BF16") {
    // All bits of the exponent: infinities and what is no number.
    for (let at = 0; at < data.length; at++) if ((data[at]! & 0x7f80) === 0x7f80) count++;
  } else if (dtype === "F32" || dtype === "F64") {
    // An infinity less itself is no number, nor is what was none before.
    for (let at = 0; at < data.length; at++) if (data[at]! - data[at]! !== 0) count++;
  }
  return count;
}

/** A tensor with numbers that are not finite. */
export interface NonFinite {
  /** Its name. */
  readonly name: string;
  /** How many of its numbers are not finite. */
  readonly count: number;
  /** How many it has. */
  readonly size: number;
}

/** The first tensor that holds a number which is not finite; undefined where there is none, those of `except` aside. */
export function firstNonFiniteOf(
  tensors: ReadonlyMap<string, SafeTensor>,
  except: { has(name: string): boolean } = new Set<string>(),
): NonFinite | undefined {
  for (const [name, saved] of tensors) {
    const count = except.has(name) ? 0 : countNonFinite(saved);
    if (count > 0) return { name, count, size: saved.data.length };
  }
  return undefined;
}

/** `"head.bias" is not finite in 2 of 10 numbers` */
export function nonFiniteText({ name, count, size }: NonFinite): string {
  return `"${name}" is not finite in ${count} of ${size} numbers`;
}

/**
 * Refuses to let tensors that are not finite take the place of saved ones that are; `saved` reads those, where there are
 * any. What was not finite before, a mask of -Infinity say, may be so again.
 */
export async function requireNoneLost(
  path: string,
  tensors: ReadonlyMap<string, SafeTensor>,
  saved: () => Promise<ReadonlyMap<string, SafeTensor> | undefined>,
): Promise<void> {
  if (firstNonFiniteOf(tensors) === undefined) return;
  const before = await saved();
  if (before === undefined) return;
  const broken = { has: (name: string): boolean => countNonFinite(before.get(name) ?? none) > 0 };
  const found = firstNonFiniteOf(tensors, broken);
  if (found === undefined) return;
  throw new StateError(
    `Cannot save "${path}": ${nonFiniteText(found)}. What was saved there before is finite, and is kept: ` +
      "give another path to have both",
  );
}

const none: SafeTensor = { dtype: "F32", shape: [0], data: new Float32Array(0) };
