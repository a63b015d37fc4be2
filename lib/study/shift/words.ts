/** Numbers of moving images in words. */
import { percent } from "../statistics/digits.ts";
import type { Interval } from "../statistics/intervals.ts";
import type { ShiftKind } from "./canvases.ts";

/** What comes into view. */
export const views: Readonly<Record<ShiftKind, string>> = {
  cropped: "windows move in images that are larger",
  circular: "what leaves the view on one side comes in on the other",
  padded: "what comes into view is black",
};

/** Where a share lies. */
export function shares({ low, high }: Interval): string {
  return `${(100 * low).toFixed(2)} to ${percent(high, 2)}`;
}

/** A difference of shares in percentage points. */
export function points(difference: number): string {
  const text = (100 * difference).toFixed(2);
  // Nothing has no sign.
  if (Number(text) === 0) return text.replace("-", "");
  return `${difference > 0 ? "+" : ""}${text}`;
}

/** Where such a difference lies; null where that is not known. */
export function pointsInterval(interval: Interval | null): string | null {
  return interval === null ? null : `${points(interval.low)} to ${points(interval.high)}`;
}
