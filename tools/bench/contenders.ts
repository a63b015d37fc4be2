/** What is measured in turn: processes that were set up for the same work. */
import { alternate, type Figures, figuresOf } from "./figures.ts";
import type { Rival, Round, SetUp } from "./rival.ts";

/** A round as the library of another checkout tells of it: without the memory of its steps alone. */
export type PlainRound = Omit<Round, "peak_mib"> & { readonly peak_mib: number | null };

/** What was measured of one. */
export interface Measured extends Figures {
  /** The most memory that its process held, and in its steps alone, MiB; null where that is not known. */
  readonly whole_peak_mib: number;
  readonly peak_mib: number | null;
  /** Seconds to the end of the first step, compiling included; null where each round has a process of its own. */
  readonly first_step_s: number | null;
  /** Graphs that an earlier process had compiled. */
  readonly cached_graphs?: number;
}

interface Contender<Label> {
  readonly label: Label;
  readonly name: string;
  readonly setUp: SetUp | undefined;
  round(): Promise<PlainRound>;
}

/** How to measure. */
export interface ContenderOptions {
  readonly bs: number;
  readonly rounds: number;
  /** Steps a round. */
  readonly steps: number;
  note(line: string): void;
}

/** Those that compute the same, each with a label of the caller's. */
export class Contenders<Label> {
  readonly #options: ContenderOptions;
  readonly #all: Contender<Label>[] = [];
  #parameters: number | undefined;

  constructor(options: ContenderOptions) {
    this.#options = options;
  }

  /**
   * Sets a process up, and enters it once for each way to run it. Refuses another number of parameters than the first's:
   * what is compared is the same network.
   */
  async add(
    rival: Rival,
    { name, setup, ways }: {
      name: string;
      setup: Readonly<Record<string, unknown>>;
      ways: readonly { label: Label; name?: string; run?: Readonly<Record<string, unknown>> }[];
    },
  ): Promise<void> {
    const { note, steps } = this.#options;
    const setUp = await rival.ask<SetUp>("setup", setup);
    this.#parameters ??= setUp.parameters;
    if (setUp.parameters !== this.#parameters) {
      throw new Error(`${name}: Expected a network of ${this.#parameters} parameters, got one of ${setUp.parameters}`);
    }
    const cached = (setUp.cached_graphs ?? 0) > 0 ? ", compiled before" : "";
    note(`${name}: ready, its first step after ${setUp.first_step_s} s${cached}`);
    for (const { label, name: own = name, run } of ways) {
      this.#all.push({ label, name: own, setUp, round: () => rival.ask<Round>("run", { steps, ...run }) });
    }
  }

  /** Enters what is measured in another way. */
  enter(label: Label, name: string, round: () => Promise<PlainRound>): void {
    this.#all.push({ label, name, setUp: undefined, round });
  }

  /** Measures all of them in turn. */
  async measure(): Promise<(Measured & { readonly label: Label })[]> {
    const { note, rounds, bs } = this.#options;
    const measured = await alternate(this.#all, rounds, async ({ name, round }, at) => {
      const answer = await round();
      const infinite = answer.loss === null ? ", its loss is not finite" : "";
      note(`round ${at + 1}: ${name} ${figuresOf([answer.ms], bs).img_per_s} img/s${infinite}`);
      return answer;
    });
    return [...measured].map(([{ label, setUp }, answers]) => {
      const peaks = answers.map(({ peak_mib }) => peak_mib).filter((peak) => peak !== null);
      return {
        label,
        ...figuresOf(answers.map(({ ms }) => ms), bs),
        whole_peak_mib: Math.max(...answers.map(({ whole_peak_mib }) => whole_peak_mib)),
        peak_mib: peaks.length === 0 ? null : Math.max(...peaks),
        first_step_s: setUp?.first_step_s ?? null,
        ...(setUp?.cached_graphs === undefined ? {} : { cached_graphs: setUp.cached_graphs }),
      };
    });
  }
}
