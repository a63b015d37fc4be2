import { shown } from "../io/shown.ts";
import { formatDuration, formatRate } from "./format.ts";
import type { Report } from "./report.ts";

const fullWidth = 29;
const leastWidth = 8;
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const redrawMs = 100;
const plainMs = 60_000;

/** One state of the bar. */
export interface ProgressState {
  /** What the bar is about, say `epoch 1/5`. */
  readonly label: string;
  /** Units done and to do, of what the rate counts. */
  readonly done: number;
  readonly total: number;
  /** Short facts shown before the rate, say `loss 1.842`. */
  readonly facts?: readonly string[];
}

/** The bar alone: `▕███▌      ▏`, `fraction` from 0 to 1; `width` characters between its ends. */
export function bar(fraction: number, width = fullWidth): string {
  const steps = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8);
  const filled = "█".repeat(Math.floor(steps / 8)) + eighths[steps % 8];
  return `▕${filled.padEnd(width)}▏`;
}

/**
 * Progress on stderr: a bar drawn over itself on a terminal, a plain line a minute elsewhere. Time left counts from
 * `start`, so work that another run had done before is not taken for speed.
 *
 * Writing is synchronous but bounded (one short line, at most ten times a second), so it neither waits nor piles up.
 */
export class Progress {
  readonly #report: Report;
  readonly #unit: string;
  readonly #now: () => number;
  #startedAt: number;
  #startedDone = 0;
  #nextAt: number;
  #drawn = false;

  constructor(report: Report, options: { unit?: string; now?: () => number } = {}) {
    this.#report = report;
    this.#unit = options.unit ?? "img";
    this.#now = options.now ?? ((): number => performance.now());
    this.#startedAt = this.#now();
    this.#nextAt = this.#startedAt + this.#interval;
  }

  get #interval(): number {
    return this.#report.streams.terminal ? redrawMs : plainMs;
  }

  /** Starts a new count, say an epoch's, of which `done` units are already done. */
  start(done = 0): void {
    this.#startedAt = this.#now();
    this.#startedDone = done;
  }

  /** Whether a call of `update` would show anything now: lets a loop skip reading values that nobody will see. */
  get due(): boolean {
    return this.#now() >= this.#nextAt;
  }

  /** Shows this state when it is time to; otherwise does nothing. */
  update(state: ProgressState): void {
    if (!this.due) return;
    this.#nextAt = this.#now() + this.#interval;
    const text = this.#text(state);
    if (this.#report.streams.terminal) {
      const cut = [...shown(text)].slice(0, Math.max(1, this.#report.streams.columns - 1)).join("");
      this.#report.streams.err(`\r\x1b[K${cut}`);
      this.#drawn = true;
    } else {
      this.#report.note(text);
    }
  }

  /** Prints a line that stays, say an epoch's row, taking the bar away first. */
  line(text: string): void {
    this.clear();
    this.#report.line(text);
  }

  /** Takes the bar away. */
  clear(): void {
    if (!this.#drawn) return;
    this.#report.streams.err("\r\x1b[K");
    this.#drawn = false;
  }

  /** The bar does not outlive its block: `using progress = new Progress(report)`. */
  [Symbol.dispose](): void {
    this.clear();
  }

  #text(state: ProgressState): string {
    const fraction = state.total > 0 ? state.done / state.total : 0;
    const elapsed = this.#now() - this.#startedAt;
    const perMs = elapsed > 0 ? (state.done - this.#startedDone) / elapsed : 0;
    const facts = [`${Math.floor(fraction * 100)} %`, ...(state.facts ?? [])];
    if (perMs > 0) {
      facts.push(`${formatRate(perMs * 1000)} ${this.#unit}/s`);
      facts.push(`${formatDuration((state.total - state.done) / perMs)} left`);
    }
    const { terminal, columns } = this.#report.streams;
    if (!terminal) return `${state.label} ${facts.join(" · ")}`;
    // On a narrow terminal the bar gives way to the facts: five characters are its ends, two spaces and the last column.
    const room = columns - state.label.length - facts.join(" · ").length - 5;
    const width = Math.min(fullWidth, Math.max(leastWidth, room));
    return `${state.label} ${bar(fraction, width)} ${facts.join(" · ")}`;
  }
}
