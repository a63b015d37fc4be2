/** What a machine has for jobs, divided so that all that run together never take more. */

/** What a job may use. */
export interface Share {
  /** CPU threads. */
  readonly threads: number;
  /** What its process may hold, MiB. */
  readonly memory: number;
}

/** Threads and memory of a machine, and how many jobs share them. */
export class Shares {
  /** All there is. */
  readonly whole: Share;
  /** Jobs at once. */
  readonly jobs: number;
  #taken = { jobs: 0, threads: 0, memory: 0 };

  constructor(whole: Share, jobs: number) {
    this.whole = whole;
    this.jobs = jobs;
  }

  /** What is taken at the moment. */
  get taken(): Share & { readonly jobs: number } {
    return this.#taken;
  }

  /** What a job gets that asks for nothing: an equal part. */
  get usual(): Share {
    const { threads, memory } = this.whole;
    return { threads: Math.max(1, Math.floor(threads / this.jobs)), memory: Math.floor(memory / this.jobs) };
  }

  /** What a job would get. */
  of(asked: Partial<Share>): Share {
    return { threads: asked.threads ?? this.usual.threads, memory: asked.memory ?? this.usual.memory };
  }

  /** Whether a job that asks for this can run at all. */
  canEver({ threads, memory }: Share): boolean {
    return threads <= this.whole.threads && memory <= this.whole.memory;
  }

  /** Takes a share until it is disposed; undefined where not enough is left. */
  take({ threads, memory }: Share): Disposable | undefined {
    const { jobs, threads: usedThreads, memory: usedMemory } = this.#taken;
    const fits = jobs < this.jobs && usedThreads + threads <= this.whole.threads &&
      usedMemory + memory <= this.whole.memory;
    if (!fits) return undefined;
    this.#taken = { jobs: jobs + 1, threads: usedThreads + threads, memory: usedMemory + memory };
    return this.#lease(threads, memory);
  }

  /** Counts what a process uses that runs already, whether it fits or not: the next ones wait for it. */
  count({ threads, memory }: Share): Disposable {
    const taken = this.#taken;
    this.#taken = { jobs: taken.jobs + 1, threads: taken.threads + threads, memory: taken.memory + memory };
    return this.#lease(threads, memory);
  }

  #lease(threads: number, memory: number): Disposable {
    let held = true;
    return {
      [Symbol.dispose]: (): void => {
        if (!held) return;
        held = false;
        const taken = this.#taken;
        this.#taken = { jobs: taken.jobs - 1, threads: taken.threads - threads, memory: taken.memory - memory };
      },
    };
  }
}
