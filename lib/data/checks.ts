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

/** A largest number of unreadable images: a share, or a text with a number or a percentage. */
export function unreadableLimit(caller: string, value: number | string): { share: number } | { count: number } {
  if (typeof value === "number") {
    share(caller, "maxUnreadable", value);
    return { share: value };
  }
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(String(value)) ?? [];
  const number = Number(digits);
  if (percent === "%" && number <= 100) return { share: number / 100 };
  if (percent === "" && Number.isSafeInteger(number)) return { count: number };
  throw new TypeError(
    `${caller}(): Expected \`maxUnreadable\` as a number of images or a percentage in a text, say "10" or "2%", or as a ` +
      `share from 0 to 1 that is a number, got ${kindOf(value)}`,
  );
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
