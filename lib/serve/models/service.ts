/** Models in service: taken from jobs, opened when they are asked, closed when others are asked more. */
import { dirname } from "node:path";
import { removeIfThere, syncFolder } from "../../io/atomic_file.ts";
import { LibtrainError } from "../../ffi/errors.ts";
import type { Prediction } from "../../recipe/predict.ts";
import type { ModelVersion, StoredModel } from "../store/models.ts";
import type { Store } from "../store/store.ts";

/** What answers with a model; several may ask it at once. */
export interface Predictor extends AsyncDisposable {
  /** Says what an image shows, by its file's bytes. */
  predict(image: Uint8Array<ArrayBuffer>, options: { readonly top: number }): Promise<Prediction>;
}

/** Opens the file of a model. */
export type OpenPredictor = (path: string) => Promise<Predictor>;

/** Writes the model of a run as one file. */
export type Pack = (
  run: string,
  options: { out: string },
) => Promise<{ readonly bytes: number; readonly sha256: string }>;

/** How models are packed and opened. */
export interface ModelServiceOptions {
  readonly pack: Pack;
  readonly open: OpenPredictor;
  /** Models that are kept open. */
  readonly mostOpen: number;
  readonly now: () => number;
}

/** A model that this server should have and cannot use: its file or its run is damaged or gone. */
export class ModelError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "ModelError";

  /** What was to be done, and why it cannot be. */
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

interface Opened {
  readonly predictor: Promise<Predictor>;
  users: number;
}

/** The models of a state. */
export class ModelService implements AsyncDisposable {
  readonly #store: Store;
  readonly #options: ModelServiceOptions;
  /** The least lately used first. */
  readonly #opened = new Map<string, Opened>();
  readonly #closing = new Set<Promise<void>>();
  /** Versions of one name are made one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: Store, options: ModelServiceOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Models that are open. */
  get open(): readonly string[] {
    return [...this.#opened.keys()];
  }

  /** Takes the model of a run into service, once it has been opened: one that cannot answer replaces none. */
  put(name: string, { job, run }: { readonly job: string; readonly run: string }): Promise<StoredModel> {
    const put = this.#turn.then(() => this.#put(name, job, run));
    this.#turn = put.catch(() => {});
    return put;
  }

  async #put(asked: string, job: string, run: string): Promise<StoredModel> {
    const { models } = this.#store;
    const name = models.find(asked)?.name ?? asked;
    const version = models.nextVersion(name);
    const path = this.#store.modelFile(name, version);
    await Deno.mkdir(dirname(path), { recursive: true });
    const { bytes, sha256 } = await this.#options.pack(run, { out: path }).catch((error: unknown) => {
      throw new ModelError(`Cannot take the model of the job "${job}"`, error);
    });
    try {
      const now = models.find(name);
      const inService = now?.versions.find(({ version }) => version === now.version);
      const same = now !== undefined && inService?.job === job && inService.sha256 === sha256;
      // Asked once more, by a client that did not hear the answer; or by one whose model is damaged.
      if (same && await this.#isWhole(name, now.version)) {
        await removeIfThere(path);
        return now;
      }
      await syncFolder(dirname(path));
      await this.#use(name, version, () => Promise.resolve());
      return models.put({ name, version, job, madeAt: this.#options.now(), bytes, sha256 });
    } catch (error) {
      await removeIfThere(path);
      throw error;
    }
  }

  /** Whether a version's file can be opened, as it will have to be by the next server. */
  async #isWhole(name: string, version: number): Promise<boolean> {
    try {
      await using _ = await this.#options.open(this.#store.modelFile(name, version));
      return true;
    } catch {
      return false;
    }
  }

  /** Does something with a model's predictor, which stays open meanwhile. */
  async predict(
    { name, version }: Pick<ModelVersion, "name" | "version">,
    images: readonly Uint8Array<ArrayBuffer>[],
    options: { readonly top: number },
  ): Promise<readonly PromiseSettledResult<Prediction>[]> {
    return await this.#use(name, version, async (predictor) =>
      // Each by itself, as one that cannot be answered takes no answer from the others; they are in one batch all the same.
      await Promise.allSettled(images.map((image) => predictor.predict(image, options))));
  }

  async #use<Result>(
    name: string,
    version: number,
    work: (predictor: Predictor) => Promise<Result>,
  ): Promise<Result> {
    const key = `${name}@${version}`;
    const found = this.#opened.get(key) ?? {
      predictor: this.#options.open(this.#store.modelFile(name, version)),
      users: 0,
    };
    found.users++;
    this.#opened.delete(key);
    this.#opened.set(key, found);
    try {
      const predictor = await found.predictor.catch((error: unknown) => {
        // It is tried anew next time.
        if (this.#opened.get(key) === found) this.#opened.delete(key);
        throw new ModelError(`Cannot open version ${version} of the model "${name}"`, error);
      });
      return await work(predictor);
    } finally {
      found.users--;
      this.#closeSome();
    }
  }

  /** Closes those that were not used for longest, so that memory does not grow with each version. */
  #closeSome(): void {
    for (const [key, { users, predictor }] of this.#opened) {
      if (this.#opened.size <= this.#options.mostOpen) return;
      if (users > 0) continue;
      this.#opened.delete(key);
      this.#close(predictor);
    }
  }

  #close(predictor: Promise<Predictor>): void {
    const closing: Promise<void> = predictor.then((open) => open[Symbol.asyncDispose](), () => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Closes all models, after the answers under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    for (const { predictor } of this.#opened.values()) this.#close(predictor);
    this.#opened.clear();
    await Promise.all(this.#closing);
  }
}
