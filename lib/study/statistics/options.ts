/** How statistics are made, and what they ask of numbers. */
import {
  kindOf,
  requireFlag,
  requireKnownOptions,
  requireNumber,
  requireOptions,
  requireWhole,
} from "../../tensor/ops/checks.ts";
import { whole } from "../../data/checks.ts";

/** How sure intervals and verdicts are to be. */
export interface AlphaOptions {
  /** The chance of being wrong that is taken: intervals cover with 1 - alpha, verdicts need p below it; 0.0001 to 0.5, by default 0.05. */
  alpha?: number;
}

/** How to make intervals. */
export interface SummaryOptions extends AlphaOptions {
  /** What the bootstrap, and the sign flips of more than 20 pairs, follow from; by default 0. */
  seed?: number;
  /** Samples of the bootstrap; by default 10000. */
  resamples?: number;
}

/** How to compare. */
export interface PairedOptions extends SummaryOptions {
  /** Whether more is better, as of an accuracy; false of a loss; by default true. */
  higherIsBetter?: boolean;
}

/** The options with nothing left open. */
export function filledOptions<Name extends keyof PairedOptions>(
  op: string,
  options: PairedOptions,
  known: readonly Name[],
): Pick<Required<PairedOptions>, Name> {
  requireOptions(op, options, `${op}(…, { alpha: 0.05 })`);
  requireKnownOptions(op, options, known, {});
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  const filled: Required<PairedOptions> = {
    ...{ alpha: 0.05, seed: 0, resamples: 10_000, higherIsBetter: true },
    ...Object.fromEntries(given),
  };
  requireNumber(op, "alpha", filled.alpha, {
    fits: (alpha) => alpha >= 1e-4 && alpha <= 0.5,
    wanted: "from 0.0001 to 0.5, say 0.05 for intervals of 95 %",
  });
  whole(op, "seed", filled.seed, 0, 2 ** 32 - 1);
  whole(op, "resamples", filled.resamples, 100, 1_000_000);
  requireFlag(op, "higherIsBetter", filled.higherIsBetter);
  return filled;
}

/** The largest size of a measured value: squares of differences stay finite. */
const LARGEST = 1e150;

/** Throws where something is no measured value. */
export function requireMeasured(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === "number" && Math.abs(value) <= LARGEST) return;
  if (typeof value === "number" && Number.isFinite(value)) {
    throw new RangeError(
      `${op}(): Expected \`${name}\` from -${LARGEST} to ${LARGEST}, got ${value}: scale all values`,
    );
  }
  if (typeof value === "number") {
    throw new RangeError(
      `${op}(): Expected \`${name}\` as a finite number, got ${value}: give the values of the other runs, and tell of this ` +
        "one beside them",
    );
  }
  throw new TypeError(`${op}(): Expected \`${name}\` as a number, got ${kindOf(value)}`);
}

/** Throws where counts are no part and its whole. */
export function requirePart(op: string, right: unknown, n: unknown): void {
  requireWhole(op, "n", n, 1);
  requireWhole(op, "right", right);
  if (right > n) throw new RangeError(`${op}(): Expected \`right\` from 0 to the ${n} of \`n\`, got ${right}`);
}
