/** Checks of the numbers that scripts give. */
import { kindOf, requireNumber } from "../tensor/ops/checks.ts";

/** Refuses what is no whole number in a range; `high` may be Infinity. */
export function whole(caller: string, name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  const range = high === Infinity ? `from ${low}` : `from ${low} to ${high}`;
  throw new RangeError(`${caller}(): Expected \`${name}\` as a whole number ${range}, got ${kindOf(value)}`);
}

/** Refuses what is no share. */
export function share(caller: string, name: string, value: number): void {
  requireNumber(caller, name, value, { fits: (share) => share >= 0 && share <= 1, wanted: "from 0 to 1" });
}

/** Refuses a shape of square images that has the channels first, as PyTorch has them. */
export function channelsLast(caller: string, imageShape: readonly number[]): void {
  const [first = 0, second = 0, third = 0] = imageShape;
  if (!(first === 1 || first === 3) || second !== third || third <= 4) return;
  throw new TypeError(
    `${caller}(): Expected \`imageShape\` as [h, w, c], got [${
      imageShape.join(", ")
    }], which looks like channels first: ` +
      `images are [n, h, w, c] here, so that of these is [${second}, ${third}, ${first}]; with more than one channel, the ` +
      "bytes are in another order too",
  );
}
