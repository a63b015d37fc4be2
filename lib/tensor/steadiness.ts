/** Whether a step does the same in each of its runs, so that it may be recorded. */
import type { Trace } from "./trace.ts";

/** Equal runs that a step must show once two of its runs have differed. */
const patience = 3;

/** What the runs of a step have shown so far. */
export class Steadiness {
  #last: Trace | undefined;
  /** How many runs on end did the same. */
  #equal = 0;
  #needed = 1;
  #difference: string | undefined;

  /** Whether the next run may be recorded: it is then the second, or a later one where the first runs differed. */
  get steady(): boolean {
    return this.#equal >= this.#needed;
  }

  /** What differed between two runs, in words, once that happened more than once: such a step is never recorded. */
  get difference(): string | undefined {
    return this.#difference;
  }

  /**
   * Takes a run in; whether it was the same as the one before. The first run of a step may make state, and so differ
   * from the second: then some equal runs on end make it steady.
   */
  note(run: Trace): boolean {
    const difference = this.#last === undefined ? undefined : run.differenceFrom(this.#last);
    this.#last = run;
    if (difference === undefined) {
      this.#equal++;
      return true;
    }
    if (this.#needed === patience) {
      this.#difference = difference;
      this.#last = undefined;
    }
    this.#equal = 1;
    this.#needed = patience;
    return false;
  }
}
