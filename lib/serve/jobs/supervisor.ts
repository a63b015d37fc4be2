/** Runs a server's jobs, as many at once as the machine is divided into. */
import { join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { StoreError } from "../store/database.ts";
import { type JobChange, restStates, type StoredJob } from "../store/jobs.ts";
import type { Store } from "../store/store.ts";
import { Happening } from "./events.ts";
import { RunningJob, type RunningJobOptions, unknownBase } from "./running_job.ts";
import { type Share, Shares } from "./share.ts";

/** How jobs are run. */
export interface SupervisorOptions
  extends Pick<RunningJobOptions, "command" | "cwd" | "env" | "timeLimit" | "grace" | "pause" | "onNote" | "now"> {
  /** What all jobs together may use. */
  readonly whole: Share;
  /** Jobs at once. */
  readonly jobs: number;
  /** Jobs that may wait. */
  readonly maxQueued: number;
  /** What a specification asks for. */
  readonly asks: (spec: Readonly<Record<string, unknown>>) => Partial<Share>;
}

/** Why a job is not taken. */
export class JobQueueFullError extends Error {
  /** Tells this error from others, in logs too. */
  override name = "JobQueueFullError";
}

/** Milliseconds between two tries to write what could not be written. */
const retry = 1000;

/** The jobs of a state that run, and those that wait. */
export class Supervisor {
  readonly #store: Store;
  readonly #options: SupervisorOptions;
  readonly #shares: Shares;
  readonly #running = new Map<string, RunningJob>();
  readonly #ends = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(store: Store, options: SupervisorOptions) {
    this.#store = store;
    this.#options = options;
    this.#shares = new Shares(options.whole, options.jobs);
  }

  /** What jobs share. */
  get shares(): Shares {
    return this.#shares;
  }

  /** Whether no job is started any more. */
  get draining(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Removes what a server that was killed did not get to. */
  async sweep(): Promise<void> {
    const trash = join(this.#store.folder, "trash");
    if (await isThere(trash)) await Deno.remove(trash, { recursive: true });
  }

  /** Takes up what a server before this one left, then the queue. At once, as a request must not come between. */
  start(): void {
    for (const job of this.#store.jobs.active()) this.#run(job, this.#shares.count(this.#shareOf(job)));
    this.#refill();
  }

  /** The job of a name that is worked at. */
  running(id: string): RunningJob | undefined {
    return this.#running.get(id);
  }

  /** All that are worked at. */
  get all(): readonly RunningJob[] {
    return [...this.#running.values()];
  }

  /**
   * Puts a new job into the queue, or one that rests once more; throws a JobQueueFullError. At once: while it waited for
   * anything, somebody else might come with the same name.
   */
  submit(id: string, spec: Readonly<Record<string, unknown>>, known?: StoredJob): StoredJob {
    const { maxQueued, now } = this.#options;
    const queued = this.#store.jobs.counts().queued;
    if (queued >= maxQueued) {
      throw new JobQueueFullError(`Expected at most ${maxQueued} jobs that wait, got another one: try again later`);
    }
    // What lies where its folder will be has lost its row.
    if (known === undefined) this.#discard(this.#clear(id));
    const job = known === undefined
      ? this.#store.jobs.add(id, spec, now())
      : this.#store.jobs.queueAgain(known.id, spec, now());
    // It is in the queue now: whatever keeps it from beginning is not the client's.
    this.#refill();
    return this.#store.jobs.find(job.id)!;
  }

  /** Cancels a job; one that rests stays as it is. */
  async cancel({ id }: StoredJob): Promise<StoredJob> {
    const { jobs } = this.#store;
    // As it stands at this moment: it may have come to rest since somebody looked.
    const job = jobs.find(id)!;
    if (rests(job)) return job;
    const running = this.#running.get(id);
    if (running === undefined) return jobs.change(id, { state: "cancelled", endedAt: this.#options.now() });
    await running.cancel(jobs.change(id, { state: "stopping", wish: "cancel" }));
    return running.job;
  }

  /**
   * Forgets a job that rests, with all its files: at once, so that nobody has it go on meanwhile; resolves once they are gone.
   * Throws where it cannot be forgotten, with all its files in their place.
   */
  async purge({ id }: StoredJob): Promise<void> {
    const trash = this.#clear(id);
    try {
      this.#store.jobs.remove(id);
    } catch (error) {
      if (trash === undefined) throw error;
      if (!(error instanceof StoreError) || error.fault !== "full") {
        Deno.renameSync(trash, this.#store.jobFolder(id));
        throw error;
      }
      // What is to be forgotten makes the room.
      Deno.removeSync(trash, { recursive: true });
      this.#store.jobs.remove(id);
      return;
    }
    if (trash !== undefined) await Deno.remove(trash, { recursive: true });
  }

  /** Stops all jobs until the next server goes on with them; resolves once none has a process here. */
  async drain(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.all.map((job) => job.drain()));
    await Promise.all(this.#ends);
  }

  /** Takes what lies where a job's folder will be out of the way, if anything does; gives where it lies then. */
  #clear(id: string): string | undefined {
    const trash = join(this.#store.folder, "trash");
    Deno.mkdirSync(trash, { recursive: true });
    const path = join(trash, crypto.randomUUID());
    try {
      Deno.renameSync(this.#store.jobFolder(id), path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    return path;
  }

  /** Removes something from the trash; what stays there the next server sweeps out. */
  #discard(path: string | undefined): void {
    if (path === undefined) return;
    const end = Deno.remove(path, { recursive: true })
      .catch((error: unknown) => this.#options.onNote(`Cannot remove "${path}": ${(error as Error).message}`))
      .finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  #shareOf({ spec }: StoredJob): Share {
    return this.#shares.of(this.#options.asks(spec));
  }

  /** Starts jobs from the queue's head while there is room; a large one is not overtaken by small ones for ever. */
  #fill(): void {
    while (!this.draining) {
      const job = this.#store.jobs.head();
      if (job === undefined) return;
      const share = this.#shareOf(job);
      if (!this.#shares.canEver(share)) {
        const { threads, memory } = this.#shares.whole;
        const reason =
          `it asks for ${share.threads} threads and ${share.memory} MiB, and this server has ${threads} and ` +
          `${memory}`;
        this.#store.jobs.change(job.id, { state: "failed", reason, endedAt: this.#options.now() });
        continue;
      }
      const lease = this.#shares.take(share);
      if (lease === undefined) return;
      let started: StoredJob;
      try {
        started = this.#store.jobs.change(job.id, { state: "running", base: unknownBase });
      } catch (error) {
        lease[Symbol.dispose]();
        throw error;
      }
      this.#run(started, lease);
    }
  }

  /** `trouble` is what kept the server from looking after the job before. */
  #run(job: StoredJob, lease: Disposable, trouble?: string): void {
    const { command, cwd, env, timeLimit, grace, pause, onNote, now } = this.#options;
    const running = new RunningJob(job, {
      folder: this.#store.jobFolder(job.id),
      share: this.#shareOf(job),
      change: (change) => this.#written(job.id, change),
      ...{ command, cwd, env, timeLimit, grace, pause, onNote, now },
    });
    this.#running.set(job.id, running);
    const end = running.run()
      .then(() => undefined, async (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== trouble) onNote(`job ${job.id}: ${message}`);
        await new Happening().wait(retry, this.#closing.signal);
        return message;
      })
      .then((message) => {
        this.#ends.delete(end);
        const left = message === undefined || this.draining ? undefined : this.#unended(job.id);
        // Its process runs on: it is taken up as after a server that was killed.
        if (left !== undefined && this.#running.get(job.id) === running) return this.#run(left, lease, message);
        // Somebody may have had it go on already.
        if (this.#running.get(job.id) === running) this.#running.delete(job.id);
        lease[Symbol.dispose]();
        running.happening.happened();
        this.#refill();
      });
    this.#ends.add(end);
  }

  /** A job that is still to be looked after; undefined where it rests, waits, or cannot be read. */
  #unended(id: string): StoredJob | undefined {
    try {
      return this.#store.jobs.active().find((job) => job.id === id);
    } catch (error) {
      this.#options.onNote((error as Error).message);
      return undefined;
    }
  }

  #refill(): void {
    try {
      this.#fill();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onNote(error.message);
      setTimeout(() => this.#refill(), retry);
    }
  }

  /** Writes a change down. A disk that is full now has room later: until then the job's files know what became of it. */
  async #written(id: string, change: JobChange): Promise<StoredJob> {
    for (let told = false;;) {
      try {
        return this.#store.jobs.change(id, change);
      } catch (error) {
        if (!(error instanceof StoreError) || this.draining) throw error;
        if (!told) this.#options.onNote(`job ${id}: ${error.message}`);
        told = true;
        await new Promise((resolve) => setTimeout(resolve, retry));
      }
    }
  }
}

/** Whether a job rests. */
export function rests({ state }: Pick<StoredJob, "state">): boolean {
  return restStates.includes(state);
}
