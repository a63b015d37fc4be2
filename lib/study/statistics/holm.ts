/** Several tests at once. */
import { requireNumber, requireNumbers } from "../../tensor/ops/checks.ts";

/**
 * Holm's correction (Holm 1979): the p values of several tests such that, compared with alpha, one of them is wrong with a
 * chance of at most alpha, whatever they have to do with one another. In the order given.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * console.log(study.holm([0.01, 0.04, 0.03])); // [ 0.03, 0.06, 0.06 ]
 * ```
 */
export function holm(pValues: readonly number[]): number[] {
  requireNumbers("holm", "pValues", pValues, "holm([…])");
  const range = { fits: (p: number): boolean => p >= 0 && p <= 1, wanted: "from 0 to 1" };
  pValues.forEach((p, at) => requireNumber("holm", `pValues[${at}]`, p, range));
  const corrected = pValues.slice();
  const order = [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
  let largest = 0;
  for (const [rank, at] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[at]!));
    corrected[at] = largest;
  }
  return corrected;
}
