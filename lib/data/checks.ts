/** Checks of the numbers that scripts give. */

/** Refuses what is no whole number in a range; `high` may be Infinity. */
export function whole(caller: string, name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  const range = high === Infinity ? `from ${low}` : `from ${low} to ${high}`;
  throw new RangeError(`${caller}(): Expected \`${name}\` as a whole number ${range}, got ${value}`);
}

/** Refuses what is no share. */
export function share(caller: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${caller}(): Expected \`${name}\` from 0 to 1, got ${value}`);
}
