/** Numbers in as many digits as a reader takes in. */

/** A number of a few digits. */
export function short(value: number, digits = 3): string {
  return `${Number(value.toPrecision(digits))}`;
}

/** A share as a percentage: with so many digits behind the point, else with as many as it has, up to four. */
export function percent(share: number, digits?: number): string {
  return `${digits === undefined ? Number((100 * share).toFixed(4)) : (100 * share).toFixed(digits)} %`;
}
