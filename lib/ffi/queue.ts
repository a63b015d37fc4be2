/** The library's queues: one a device and isolate. */
import { type Handle, out, u64At } from "./call.ts";
import type { DtypeName } from "./codes.ts";
import { DisposedError, LateError } from "./errors.ts";
import { symbols } from "./library.ts";
import { type BudgetSource, holdersAt, type MemoryHolders, sourceOf } from "./memory.ts";
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
  /** The first six inputs. */
  readonly inputs: readonly TimedOperand[];
  /** The first six outputs. */
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

/** The memory of a device and of its process. */
export interface DeviceMemory {
  /** Bytes that the whole process may hold by the library, on the host, as the system says now. */
  budget: number;
  /** What the budget comes from. */
  source: BudgetSource;
  /** Bytes that the whole process holds of it. */
  held: number;
  /** Bytes that this device may hold by its option `memory`; null without one. */
  limit: number | null;
  /** Bytes that this device holds, by what holds them. */
  holders: MemoryHolders;
}

/** What a device holds and has done. */
export interface DeviceStats extends QueueStats {
  /** What may be held, and by what it is. */
  memory: DeviceMemory;
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

  /** Bounds what the queue may hold. */
  limit(bytes: number): void {
    const { slot, generation } = this.handle;
    const [low, high] = [bytes >>> 0, Math.floor(bytes / 2 ** 32)];
    check(symbols().lt_queue_limit(slot, generation, low, high, out, out.byteLength), out);
  }

  /** What it may hold, and by whom it is held; asks the system. */
  memory(): DeviceMemory {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_memory(slot, generation, out, out.byteLength), out);
    const [held = 0, budget = 0, source = 0, limit = 0] = [0, 1, 2, 3].map((place) => u64At(2 * place));
    return {
      budget,
      source: sourceOf(source),
      held,
      limit: limit > 0 ? limit : null,
      holders: holdersAt(out, 8),
    };
  }

  /**
   * Enqueues all of what a synchronous function does, or nothing: where it throws, what it would have written in place is as
   * it was.
   */
  allOrNothing<Result>(enqueue: () => Result): Result {
    const { slot, generation } = this.handle;
    check(symbols().lt_queue_hold(slot, generation, out, out.byteLength), out);
    let done = false;
    try {
      const result = enqueue();
      done = true;
      return result;
    } finally {
      if (this.alive) check(symbols().lt_queue_release(slot, generation, Number(done), out, out.byteLength), out);
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
