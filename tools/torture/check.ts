/** What a check of the torture is: a promise, what tries to break it, and a planted bug that it must find. */
import type { Random } from "./random.ts";

/** How often a check tries: in the quick run and in the long one. */
export interface Sizes {
  readonly quick: number;
  readonly long: number;
}

/** Thrown, or told by {@linkcode Tally.skip}, where a machine cannot try something. */
export class Skipped extends Error {
  override name = "Skipped";
}

/** Where and how a check runs. */
export interface CheckContext {
  readonly rng: Random;
  /** How often to try, or for as many seconds where the check goes by time. */
  readonly count: number;
  readonly quick: boolean;
  /** A folder of its own, removed afterwards. */
  readonly folder: string;
  /** One line for whoever watches. */
  note(line: string): void;
  /** 0, 1, … below `count`, or as many as there is time for. */
  rounds(count?: number): Iterable<number>;
}

/** What the planted bug came to. */
export interface Control {
  /** What was planted. */
  readonly planted: string;
  /** Whether the check's own judgement found it. */
  readonly caught: boolean;
  /** What it said of it. */
  readonly said: string;
}

/** One promise and what tries to break it. */
export interface Check {
  /** By which `--only` picks it. */
  readonly name: string;
  /** A sentence: what is promised. */
  readonly promise: string;
  /** What is counted, in the plural. */
  readonly unit: string;
  readonly sizes: Sizes;
  /** Whether sizes are seconds, of which `--minutes` gives as many as it says. */
  readonly timed?: boolean;
  /** Whether it keeps one processor busy and measures nothing, so that others of its kind may run beside it. */
  readonly beside?: boolean;
  /** Tries, and tells the tally. */
  run(context: CheckContext, tally: Tally): Promise<void>;
  /** Does the same to a planted bug. */
  control(context: CheckContext): Promise<Control>;
}

/** A number or a word that a check measured. */
export type Figure = number | string;

/** Losses beyond this many are counted and not told. */
const TOLD = 20;

/** What a check tried and lost so far. */
export class Tally {
  #tried = 0;
  #lost = 0;
  readonly losses: string[] = [];
  readonly skipped: string[] = [];
  readonly figures: Record<string, Figure> = {};

  get tried(): number {
    return this.#tried;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Counts what was tried; `wrong` says what was lost, undefined for nothing. */
  count(wrong: string | undefined, tried = 1): void {
    this.#tried += tried;
    if (wrong === undefined) return;
    this.#lost++;
    if (this.losses.length < TOLD) this.losses.push(wrong);
  }

  /** Adds to a number that is told with the result. */
  add(figure: string, amount = 1): void {
    this.figures[figure] = Number(this.figures[figure] ?? 0) + amount;
  }

  /** Keeps the largest of what was measured. */
  most(figure: string, value: number): void {
    this.figures[figure] = Math.max(Number(this.figures[figure] ?? value), value);
  }

  /** Says that a part cannot be tried here. */
  skip(part: string, reason: string): void {
    this.skipped.push(`${part}: ${reason}`);
  }
}
