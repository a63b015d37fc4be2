/** When an attempt is to stop. */
import type { StopReason } from "./events.ts";
import { instantOf } from "./kinds.ts";

/** Milliseconds between two looks at the clock: it may jump, say where a machine was suspended. */
const look = 1000;

/** A signal that aborts at a deadline, or with another signal, whichever comes first, and says which. */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #until: () => number;
  readonly #outer: AbortSignal | undefined;
  readonly #listener = (): void => this.#stop("signal");
  #timer: ReturnType<typeof setTimeout> | undefined;
  #why: StopReason | undefined;

  /**
   * `deadline` is seconds from now on, by a clock that does not jump, or an instant by `now`, in milliseconds since 1970;
   * undefined for none.
   */
  constructor(deadline: number | string | undefined, options: { now: () => number; signal?: AbortSignal }) {
    const { now, signal } = options;
    const begun = performance.now();
    const instant = typeof deadline === "string" ? instantOf(deadline)! : Infinity;
    this.#until = typeof deadline === "number"
      ? (): number => 1000 * deadline - (performance.now() - begun)
      : (): number => instant - now();
    this.#outer = signal;
    if (signal?.aborted) this.#stop("signal");
    signal?.addEventListener("abort", this.#listener);
    if (deadline !== undefined) this.#look();
  }

  /** Aborts once. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What it was that came first; undefined as long as nothing did. */
  get why(): StopReason | undefined {
    return this.#why;
  }

  #look(): void {
    if (this.#why !== undefined) return;
    const left = this.#until();
    if (left <= 0) return this.#stop("deadline");
    this.#timer = setTimeout(() => this.#look(), Math.min(left, look));
  }

  #stop(why: StopReason): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#listener);
  }
}
