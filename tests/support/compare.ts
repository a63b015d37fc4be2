/** Numbers compared under a tolerance. */

/** How far a value may be from what is expected: atol + rtol · |expected|. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/** The element that uses up most of its tolerance. */
export interface Worst {
  readonly index: number;
  readonly got: number;
  readonly expected: number;
  /** Difference over tolerance: above 1 is too far. */
  readonly share: number;
}

/** The worst element of two lists of one length; NaN equals NaN, and infinities only themselves. */
export function worstOf(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance): Worst {
  let worst: Worst = { index: -1, got: 0, expected: 0, share: 0 };
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [got[index]!, expected[index]!];
    if (Object.is(a, b) || a === b) continue;
    const share = Math.abs(a - b) / (tolerance.atol + tolerance.rtol * Math.abs(b));
    // A lone NaN or infinity is as wrong as can be.
    const counted = Number.isFinite(share) ? share : Infinity;
    if (counted > worst.share) worst = { index, got: a, expected: b, share: counted };
  }
  return worst;
}

/** Throws, saying what is compared, where a list is too far from what is expected; returns the worst element. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): Worst {
  if (got.length !== expected.length) {
    throw new Error(`${what}: expected ${expected.length} values, got ${got.length}`);
  }
  const worst = worstOf(got, expected, tolerance);
  if (worst.share > 1) {
    throw new Error(
      `${what}: expected ${worst.expected} at index ${worst.index} of ${expected.length}, got ${worst.got}: ` +
        `difference ${Math.abs(worst.got - worst.expected)}, ${worst.share.toFixed(2)} times the tolerance ` +
        `(atol ${tolerance.atol}, rtol ${tolerance.rtol})`,
    );
  }
  return worst;
}

/** A step of float32 at a number: what rounding alone may make of it. */
function ulp32(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23);
}

/**
 * Throws where a run in f32 is further from the same run in f64 than `factor` times another's: `theirs` is the other's
 * largest difference up to that step, and at least one step of float32, as it may be right by chance.
 */
export function assertNoFurther(
  losses: readonly number[],
  stored: { readonly f64: ArrayLike<number>; readonly f32: ArrayLike<number> },
  factor: number,
  what: string,
): void {
  let theirs = 0;
  const rows = losses.map((loss, step) => {
    const exact = stored.f64[step]!;
    theirs = Math.max(theirs, Math.abs(stored.f32[step]! - exact), ulp32(exact));
    return { step, ours: Math.abs(loss - exact), theirs };
  });
  const table = rows.map(({ step, ours, theirs }) =>
    `step ${step}: ours ${ours.toExponential(2)}, theirs ${theirs.toExponential(2)}, ratio ${
      (ours / theirs).toFixed(2)
    }`
  );
  if (rows.some(({ ours, theirs }) => !(ours <= factor * theirs))) throw new Error(`${what}:\n${table.join("\n")}`);
}
