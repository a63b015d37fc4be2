/** A training under way: events to follow, and a result to wait for. */
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import type { Emit, TrainingEvent } from "./events.ts";
import { type ResumeOptions, resumeRun, type TrainOptions, trainRecipe, type TrainResult } from "./run.ts";
import type { Recipe } from "./recipe.ts";

/** An event, and what tells the training that it was dealt with. */
interface Delivery {
  readonly event: TrainingEvent;
  readonly done: () => void;
}

/** Someone who follows a training with `for await`: the training goes on once the loop comes back for the next event. */
class Follower implements AsyncIterableIterator<TrainingEvent> {
  readonly #waiting: Delivery[] = [];
  /** The event that the loop is busy with. */
  #delivered: Delivery | undefined;
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  /** Resolves once the loop has dealt with the event. */
  take(event: TrainingEvent): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ event, done: resolve });
    this.#wake?.();
    return promise;
  }

  /** No event comes any more. */
  end(failure?: { error?: unknown }): void {
    this.#end = failure ?? {};
    this.#wake?.();
  }

  /** Calls that overlap are answered one after another. */
  next(): Promise<IteratorResult<TrainingEvent>> {
    const answer = this.#last.then(() => this.#next());
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #next(): Promise<IteratorResult<TrainingEvent>> {
    this.#delivered?.done();
    this.#delivered = undefined;
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.#delivered = this.#waiting.shift();
    if (this.#delivered !== undefined) return { value: this.#delivered.event, done: false };
    const end = this.#end!;
    this.#end = {};
    if (Object.hasOwn(end, "error")) throw end.error;
    return { value: undefined, done: true };
  }

  /** The loop was left: the training goes on without it. */
  return(): Promise<IteratorResult<TrainingEvent>> {
    this.#leave();
    this.#end = {};
    for (const { done } of [this.#delivered, ...this.#waiting.splice(0)].filter((one) => one !== undefined)) done();
    this.#delivered = undefined;
    this.#wake?.();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * A training that has begun. `for await` over it gives its events in order; `result` what it came to.
 *
 * It runs whether or not somebody follows it. It waits while a loop deals with an event, so that a signal given there stops
 * it after that very step: a loop must not wait for `result` before its own end. A loop that is left does not stop it.
 * Where the training fails, `result` rejects, and the loop throws the same error.
 */
export class Training<Result = TrainResult> implements AsyncIterable<TrainingEvent> {
  readonly #result: Promise<Result>;
  readonly #followers = new Set<Follower>();
  #over: { error?: unknown } | undefined;
  /** Whether somebody has asked for what it came to. */
  #asked = false;

  /** Begins it, once the caller has had its turn to follow it. */
  constructor(run: (emit: Emit) => Promise<Result>) {
    this.#result = Promise.resolve().then(() => run((event) => this.#emit(event)));
    this.#result.then(() => this.#finish(), (error: unknown) => {
      // A loop over it throws the same error, unless it was left.
      const heard = this.#asked || this.#followers.size > 0;
      this.#finish({ error });
      // As any rejection that nobody listens to: it must not pass in silence.
      if (!heard) throw error;
    });
  }

  /** What it came to; `stopped` in it says whether a signal ended it. */
  get result(): Promise<Result> {
    this.#asked = true;
    return this.#result;
  }

  /** Its events from now on. */
  [Symbol.asyncIterator](): AsyncIterableIterator<TrainingEvent> {
    const follower = new Follower(() => void this.#followers.delete(follower));
    if (this.#over === undefined) this.#followers.add(follower);
    else follower.end(this.#over);
    return follower;
  }

  async #emit(event: TrainingEvent): Promise<void> {
    await Promise.all([...this.#followers].map((follower) => follower.take(event)));
  }

  #finish(failure?: { error?: unknown }): void {
    this.#over = failure ?? {};
    for (const follower of this.#followers) follower.end(failure);
    this.#followers.clear();
  }
}

/**
 * Trains a recipe into a new run folder.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 256 } });
 * const training = recipe.train(mine, { signal: AbortSignal.timeout(600_000) });
 * for await (const event of training) {
 *   if (event.type === "epochEnd") console.log(event.epoch, event.evaluation?.top1);
 * }
 * const { folder, top1 } = await training.result;
 * console.log(folder, top1);
 * ```
 */
export function train(recipe: Recipe, options: TrainOptions = {}): Training {
  requireOptions("train", options, 'train(recipe, { data: "photos" })');
  return new Training((emit) => trainRecipe(recipe, options, emit));
}

/**
 * Goes on with a run that was stopped or killed, exactly: with the bits that it would have had.
 *
 * Rejects with a ChangedSettingsError where settings, data, code or instruction set are not as they were, and with a
 * RunNotFoundError where there is no run.
 */
export function resume(folder: string, options: ResumeOptions = {}): Training {
  requireText("resume", "folder", folder);
  requireOptions("resume", options, "resume(folder, { force: true })");
  return new Training((emit) => resumeRun(folder, options, emit));
}
