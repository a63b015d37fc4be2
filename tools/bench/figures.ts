/** What rounds of measured steps come to. */
import { median } from "../../benchmarks/support.ts";

/** Milliseconds of each step, by round. */
export type Rounds = readonly (readonly number[])[];

/** The figures of something that was measured in rounds. */
export interface Figures {
  /** Images a second at the median of the rounds' median steps, and at the fastest step. */
  readonly img_per_s: number;
  readonly best_img_per_s: number;
  /** Milliseconds of the former. */
  readonly ms: number;
  /** Median milliseconds of each round. */
  readonly rounds: readonly number[];
}

/** A number with so many digits that count. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value;
}

/** Figures of rounds of steps with so many images each. */
export function figuresOf(rounds: Rounds, bs: number): Figures {
  const medians = rounds.map(median);
  const ms = median(medians);
  return {
    img_per_s: rounded(1e3 * bs / ms),
    best_img_per_s: rounded(1e3 * bs / Math.min(...rounds.flat())),
    ms: rounded(ms),
    rounds: medians.map((each) => rounded(each)),
  };
}

/** Measures each of several in turn, so many rounds, and gives their answers in their order. */
export async function alternate<Key, Answer>(
  keys: readonly Key[],
  rounds: number,
  measure: (key: Key, round: number) => Promise<Answer>,
): Promise<Map<Key, Answer[]>> {
  const found = new Map<Key, Answer[]>(keys.map((key) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (const key of keys) found.get(key)!.push(await measure(key, round));
  }
  return found;
}
