/** The library's queues: one a device and isolate. */
import { type Handle, out, u64At } from "./call.ts";
import type { DtypeName } from "./codes.ts";
import { DisposedError, LateError } from "./errors.ts";
import { symbols } from "./library.ts";
import { check, textAt } from "./out.ts";

/** A tensor of a timed call: dtype and shape; null for an input that is absent. */
export type TimedOperand = readonly [dtype: DtypeName, shape: readonly number[]] | null;

/** How long a call took on the device; the op `replay` is a captured step as a whole. */
export interface TimedCall {
  readonly op: string;
  /** Milliseconds. */
  readonly ms: number;
  /** Bytes of all tensors that it reads. */
  readonly read: number;
  /** Bytes of all tensors that it writes. */
  readonly written: number;
  /** The first four inputs. */
  readonly inputs: readonly TimedOperand[];
  /** The first four outputs. */
  readonly outputs: readonly TimedOperand[];
}

/** What a queue holds and has done. */
export interface QueueStats {
  /** Tensor handles alive. */
  handles: number;
  /** Buffers alive; views share one. */
  storages: number;
  /** Bytes of the buffers alive. */
  bytes: number;
  /** Bytes held from the system, in use or kept for reuse. */
  reservedBytes: number;
  /** Blocks ever asked from the system. */
  systemAllocations: number;
  /** Calls that had to wait as the queue was full. */
  stalls: number;
  /** What was launched on a GPU: kernels, and captured steps as one each; 0 on the CPU. */
  launches: number;
  /** Pieces of work run by each thread of the CPU; the first is the queue's own. */
  chunksByThread: number[];
}

interface Waiter {
  ticket: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Room for a plan: a line for each shape of a convolution or product. */
const PLAN_WORDS = 1 << 18;

const ABSENT: Handle = { slot: 0, generation: 0 };

/** A queue of the library and those who wait for it. */
export class NativeQueue {
  #handle: Handle;
  #waiters: Waiter[] = [];
  #waiting = false;
  #stallWarned = false;

  /** kind 0 is the CPU, 1 is CUDA; threads 0 takes LIBTRAIN_THREADS or every core; tf32 is CUDA's. */
  constructor(kind: number, threads: number, tf32: boolean) {
    check(symbols().lt_queue_create(kind, threads, Number(tf32), out, out.byteLength), out);
    this.#handle = { slot: out[0]!, generation: out[1]! };
  }

  /** Throws once the queue is destroyed. */
  get handle(): Handle {
    if (this.#handle === ABSENT) throw new DisposedError("Cannot use a device after it was disposed");
    return this.#handle;
  }

  /** Whether the queue still runs. */
  get alive(): boolean {
    return this.#handle !== ABSENT;
  }

  /**
   * Resolves when the command of a ticket has passed; rejects with a late error.
   *
   * All waits of the isolate share one native call at a time, as those calls share Deno's threads with file I/O.
   */
  wait(ticket: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ ticket, resolve, reject });
    if (!this.#waiting) this.#pump();
    return promise;
  }

  async #pump(): Promise<void> {
    this.#waiting = true;
    const { slot, generation } = this.#handle;
    const buffer = new Uint32Array(1024);
    while (this.#waiters.length > 0) {
      const ticket = Math.min(...this.#waiters.map((waiter) => waiter.ticket));
      const status = await symbols().lt_queue_wait(
        slot,
        generation,
        ticket >>> 0,
        Math.floor(ticket / 2 ** 32),
        buffer,
        buffer.byteLength,
      );
      let failure: unknown;
      let passed = Infinity;
      try {
        check(status, buffer);
        passed = u64At(0, buffer);
      } catch (error) {
        failure = error;
      }
      const ready = this.#waiters.filter((waiter) => waiter.ticket <= passed);
      this.#waiters = this.#waiters.filter((waiter) => waiter.ticket > passed);
      for (const waiter of ready) failure === undefined ? waiter.resolve() : waiter.reject(failure);
    }
    this.#waiting = false;
  }

  /** The last ticket that has passed. */
  completed(): number {
    if (!this.alive) return Infinity;
    this.#progress();
    return u64At(0);
  }

  /** The last ticket that was given. */
  enqueued(): number {
    this.#progress();
    return u64At(2);
  }

  /** Whether a late error waits to be seen. */
  failed(): boolean {
    this.#progress();
    return out[4] === 1;
  }

  #progress(): void {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_progress(slot, generation, out, out.byteLength), out);
  }

  /** Forgets the late error; what was skipped stays unreadable. */
  async recover(): Promise<void> {
    const { slot, generation } = this.handle;
    try {
      await this.wait(this.enqueued());
    } catch (error) {
      if (!(error instanceof LateError)) throw error;
    }
    check(symbols().lt_queue_recover(slot, generation, out, out.byteLength), out);
  }

  stats(): QueueStats {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_stats(slot, generation, out, out.byteLength), out);
    const numbers = Array.from({ length: 8 }, (_, i) => u64At(2 * i));
    const [handles = 0, storages = 0, bytes = 0, reservedBytes = 0, systemAllocations = 0] = numbers;
    const [stalls = 0, launches = 0, threads = 0] = numbers.slice(5);
    const chunksByThread = Array.from({ length: threads }, (_, i) => u64At(16 + 2 * i));
    return { handles, storages, bytes, reservedBytes, systemAllocations, stalls, launches, chunksByThread };
  }

  /** Says once when a script enqueues faster than the device runs. */
  warnIfStalled(): void {
    if (this.#stallWarned || this.stats().stalls === 0) return;
    this.#stallWarned = true;
    console.warn(
      "The device's queue is full, so calls wait for it: `await device.synchronize()` now and then keeps the event loop free",
    );
  }

  /** Begins or ends timing every call on the device, and forgets what was timed before. */
  profile(on: boolean): void {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_profile(slot, generation, Number(on), out, out.byteLength), out);
  }

  /** What was timed; wait for it first. */
  timed(): TimedCall[] {
    const { slot, generation } = this.handle;
    const calls: TimedCall[] = [];
    while (true) {
      check(symbols().lt_queue_timed(slot, generation, calls.length, out, out.byteLength), out);
      if (out[0] === 0) return calls;
      calls.push(...JSON.parse(`[${textAt(out, 1)}]`) as TimedCall[]);
    }
  }

  /** What was chosen by timing; empty where nothing was. */
  plan(): string {
    const { slot, generation } = this.handle;
    const buffer = new Uint32Array(PLAN_WORDS);
    check(symbols().lt_queue_plan(slot, generation, buffer, buffer.byteLength), buffer);
    return textAt(buffer, 0);
  }

  /** Takes over what was chosen at another time. */
  usePlan(plan: string): void {
    const { slot, generation } = this.handle;
    const bytes = new TextEncoder().encode(plan);
    check(symbols().lt_queue_use_plan(slot, generation, bytes, bytes.byteLength, out, out.byteLength), out);
  }

  /** Gives memory that nothing uses back to the system. */
  trim(): void {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_trim(slot, generation, out, out.byteLength), out);
  }

  /** Ends the queue's thread; a second call does nothing. */
  destroy(): void {
    if (!this.alive) return;
    const { slot, generation } = this.#handle;
    this.#handle = ABSENT;
    check(symbols().lt_queue_destroy(slot, generation, out, out.byteLength), out);
  }
}
