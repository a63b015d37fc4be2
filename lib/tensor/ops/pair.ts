/** Options that take one number for both axes, or one each. */
import { shown } from "../../ffi/shown.ts";

/** A number for height and width, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/** Both numbers of a pair. */
export function pair(op: string, name: string, value: Pair): [number, number] {
  const both: readonly number[] = typeof value === "number" ? [value, value] : value;
  if (!Array.isArray(both) || both.length !== 2 || both.some((number) => !Number.isInteger(number) || number < 0)) {
    throw new RangeError(
      `${op}(): Expected \`${name}\` as a whole number or [height, width], got ${shown(value)}`,
    );
  }
  return [both[0]!, both[1]!];
}
