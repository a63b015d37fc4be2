/** Leaves that ask for no gradient while a function runs. */
import type { Sync } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** How many of the functions under way want none for a leaf. */
const muted = new Map<Tensor, number>();

/** Whether a leaf asks for no gradient just now, whatever it says of itself. */
export function isMuted(leaf: Tensor): boolean {
  return muted.size > 0 && muted.has(leaf);
}

/** Runs a synchronous function in which some leaves ask for no gradient. */
export function muting<Result>(leaves: readonly Tensor[], fn: () => Sync<Result>): Result {
  for (const leaf of leaves) muted.set(leaf, (muted.get(leaf) ?? 0) + 1);
  try {
    return fn() as Result;
  } finally {
    for (const leaf of leaves) {
      const others = muted.get(leaf)! - 1;
      if (others === 0) muted.delete(leaf);
      else muted.set(leaf, others);
    }
  }
}
