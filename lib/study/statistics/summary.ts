/** What several values of one measure come to. */
import { requireNumbers } from "../../tensor/ops/checks.ts";
import { bootstrapInterval, deviationOf, type Interval, meanOf, studentInterval } from "./intervals.ts";
import { filledOptions, requireMeasured, type SummaryOptions } from "./options.ts";

/** Values of one measure, say the accuracies of some seeds. */
export interface Summary {
  /** How many there are. */
  readonly n: number;
  /** Their mean. */
  readonly mean: number;
  /** Their standard deviation (n - 1); null of one value, which has none. */
  readonly sd: number | null;
  /** Student's interval for the mean; null of one value. */
  readonly t: Interval | null;
  /** The percentile bootstrap's interval for the mean, too narrow for few values; null of one value. */
  readonly bootstrap: Interval | null;
  /** Why there is no interval; null where there is one. */
  readonly note: string | null;
  /** Each value, in its order. */
  readonly values: readonly number[];
}

/** The summary of checked values. */
export function summaryOf(
  values: readonly number[],
  options: Required<SummaryOptions>,
): Summary {
  const several = values.length > 1;
  return {
    n: values.length,
    mean: meanOf(values),
    sd: several ? deviationOf(values) : null,
    t: several ? studentInterval(values, options.alpha) : null,
    bootstrap: several ? bootstrapInterval(values, options) : null,
    note: several ? null : "One value has no spread: an interval takes at least two",
    values: [...values],
  };
}

/**
 * Mean, standard deviation and intervals of values, as of several seeds of one recipe. The same values and seed give the
 * same intervals.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const { mean, t } = study.summary([0.941, 0.948, 0.944, 0.951, 0.946]);
 * console.log(mean.toFixed(3), t?.low.toFixed(3), t?.high.toFixed(3)); // 0.946 0.941 0.951
 * ```
 */
export function summary(values: readonly number[], options: SummaryOptions = {}): Summary {
  requireNumbers("summary", "values", values, "summary([…])");
  const filled = filledOptions("summary", options, ["alpha", "seed", "resamples"]);
  if (values.length === 0) {
    throw new RangeError("summary(): Expected at least one value, got none: give one of each run");
  }
  // Copied, as a place that holds nothing is passed over otherwise.
  const given = Array.from(values);
  given.forEach((value, at) => requireMeasured("summary", `values[${at}]`, value));
  return summaryOf(given, filled);
}
