/** Predictions of several requests in shared batches. */
import { OutOfMemoryError } from "../../ffi/errors.ts";
import { Answering, type Decoded, requireTop } from "../../recipe/answering.ts";
import type { Prediction } from "../../recipe/predict.ts";
import type { Trained } from "../../recipe/trained.ts";
import { kindOf, requireNumber, requireOptionsOf, requireWhole } from "../../tensor/ops/checks.ts";
import type { TensorData } from "../../tensor/typed_arrays.ts";

/** How images are gathered. */
export interface BatcherOptions {
  /** The most images of one batch; by default 64. */
  largest?: number;
  /** How long the first image of a batch waits for others that are being decoded, milliseconds, 0 to 1,000; by default 5. */
  window?: number;
  /** The most images that wait or are under way; one more is refused. By default 1,024. */
  queued?: number;
  /** Height and width that images are brought to; by default as in training. */
  size?: number;
}

/** How one image is to be answered. */
export interface BatchedOptions {
  /** Classes to give; by default 3. */
  top?: number;
  /** Gives the place up: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Too many images wait: ask again after a while. */
export class QueueFullError extends Error {
  /** Tells this error from others, in logs too. */
  override readonly name = "QueueFullError";
}

/** What a batcher has done. */
export interface BatcherStats {
  /** Images that were answered. */
  readonly answered: number;
  /** Batches that they were in. */
  readonly batches: number;
  /** Images that wait or are under way. */
  readonly queued: number;
}

/** An image that was decoded and waits for its answer. */
interface Waiting {
  readonly decoded: Decoded;
  readonly top: number;
  readonly resolve: (prediction: Prediction) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Answers images of many callers by one model: each is decoded by itself, and all that are decoded while a batch is under way
 * are the next one. An image alone is answered at once; where others are being decoded, it waits for them, but no longer than
 * the window. Answers are those of {@linkcode Trained.predict} but for rounding, which the size of a batch may change.
 *
 * It borrows the model, which stays open after it.
 *
 * @example
 * ```ts ignore
 * import { recipe, serve } from "@libtrain/libtrain";
 *
 * using trained = await recipe.open("runs/20250131-120000-imagenette-128-5");
 * await using batcher = new serve.Batcher(trained, { largest: 32 });
 * const files = ["a.jpg", "b.jpg"].map((path) => Deno.readFileSync(path));
 * const [a, b] = await Promise.all(files.map((bytes) => batcher.predict(bytes)));
 * console.log(a!.guesses[0], b!.guesses[0]);
 * ```
 */
export class Batcher implements AsyncDisposable {
  readonly #answering: Answering;
  readonly #largest: number;
  readonly #window: number;
  readonly #most: number;
  readonly #ready: Waiting[] = [];
  readonly #idle: (() => void)[] = [];
  #decoding = 0;
  #underWay = 0;
  #running = false;
  #closed = false;
  #answered = 0;
  #batches = 0;
  /** Ends the wait for others. */
  #hurry: (() => void) | undefined;

  /** Throws a SettingError where the model's size is not known and none is given. */
  constructor(trained: Trained, options: BatcherOptions = {}) {
    requireOptionsOf("Batcher", options, {
      example: "new Batcher(trained, { largest: 32 })",
      known: ["largest", "window", "queued", "size"],
    });
    const { largest = 64, window = 5, queued = 1024, size } = options;
    requireWhole("Batcher", "largest", largest, 1);
    requireWhole("Batcher", "queued", queued, 1);
    requireNumber("Batcher", "window", window, {
      fits: (value) => value >= 0 && value <= 1000,
      wanted: "as milliseconds from 0 to 1000",
    });
    this.#answering = new Answering(trained, { size });
    this.#largest = largest;
    this.#window = window;
    this.#most = queued;
  }

  /** What it has done. */
  get stats(): BatcherStats {
    return { answered: this.#answered, batches: this.#batches, queued: this.#queued };
  }

  get #queued(): number {
    return this.#decoding + this.#ready.length + this.#underWay;
  }

  /**
   * What an image shows, by its file's bytes (JPEG, PNG or WebP).
   *
   * Rejects with a {@linkcode QueueFullError} where too many wait, with a LibtrainError for what is no image or cannot be
   * answered, with the signal's reason, and with a TypeError once it is closed.
   */
  async predict(image: Uint8Array<ArrayBuffer>, options: BatchedOptions = {}): Promise<Prediction> {
    requireOptionsOf("predict", options, { example: "batcher.predict(bytes, { top: 1 })", known: ["top", "signal"] });
    const { top = 3, signal } = options;
    if (!(image instanceof Uint8Array)) {
      throw new TypeError(`predict(): Expected \`image\` as a file's bytes (Uint8Array), got ${kindOf(image)}`);
    }
    requireTop(top);
    signal?.throwIfAborted();
    if (this.#closed) throw new TypeError("predict(): Expected an open batcher, got one that is closed: make another");
    if (this.#queued >= this.#most) {
      throw new QueueFullError(
        `Expected at most ${this.#most} images that wait, got one more: ask again after a while, or raise \`queued\``,
      );
    }
    this.#decoding++;
    let decoded: Decoded;
    try {
      decoded = await this.#answering.decode(image, "0", signal);
    } catch (error) {
      this.#decoding--;
      this.#wake();
      throw error;
    }
    this.#decoding--;
    const { promise, resolve, reject } = Promise.withResolvers<Prediction>();
    const waiting: Waiting = { decoded, top, resolve, reject };
    const leave = (): void => {
      const place = this.#ready.indexOf(waiting);
      // One whose batch is under way is answered for nobody.
      if (place >= 0) {
        this.#ready.splice(place, 1);
        decoded.pixels.dispose();
        this.#wake();
      }
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    this.#ready.push(waiting);
    this.#wake();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  /** Something has changed: begins a batch, ends a wait, or lets a close go on. */
  #wake(): void {
    if (this.#ready.length >= this.#largest || this.#decoding === 0) this.#hurry?.();
    if (!this.#running && this.#ready.length > 0) void this.#run();
    if (this.#queued === 0) { for (const done of this.#idle.splice(0)) done(); }
  }

  /** Others that are on their way may come along. */
  async #gather(): Promise<void> {
    if (this.#window === 0 || this.#decoding === 0 || this.#ready.length >= this.#largest) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#window);
    this.#hurry = resolve;
    await promise;
    this.#hurry = undefined;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#ready.length > 0) {
      await this.#gather();
      const batch = this.#ready.splice(0, this.#largest);
      if (batch.length > 0) await this.#answer(batch);
    }
    this.#running = false;
    this.#wake();
  }

  async #answer(batch: readonly Waiting[]): Promise<void> {
    this.#underWay = batch.length;
    await this.#settle(batch);
    for (const { decoded } of batch) decoded.pixels.dispose();
    this.#underWay = 0;
  }

  /** Every image of a batch has its answer or its error; a batch that memory does not hold is halved. */
  async #settle(batch: readonly Waiting[]): Promise<void> {
    let probabilities: readonly TensorData[];
    try {
      probabilities = await this.#answering.answer(batch.map(({ decoded }) => decoded));
    } catch (error) {
      if (batch.length === 1 || !(error instanceof OutOfMemoryError)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = batch.length >> 1;
      await this.#settle(batch.slice(0, half));
      return await this.#settle(batch.slice(half));
    }
    this.#batches++;
    for (const [at, { decoded, top, resolve, reject }] of batch.entries()) {
      const answer = this.#answering.prediction(decoded, probabilities[at]!, top);
      if (answer instanceof Error) reject(answer);
      else {
        this.#answered++;
        resolve(answer);
      }
    }
  }

  /** Answers what waits, and takes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#queued === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    await promise;
  }
}
