/** Devices: where tensors live and ops run. */
import type { Handle } from "../ffi/call.ts";
import { DeviceError, LateError } from "../ffi/errors.ts";
import { bytesIn } from "../ffi/memory.ts";
import { shown } from "../ffi/shown.ts";
import { type DeviceStats, NativeQueue } from "../ffi/queue.ts";
import { deviceInfo } from "./device_info.ts";

/** What can be asked for; `auto` is CUDA where it works, else the CPU. */
export type DeviceKind = "auto" | "cpu" | "cuda";

/** How to open a device. */
export interface DeviceOptions {
  /** Threads of the CPU; by default LIBTRAIN_THREADS or every core. */
  threads?: number;
  /**
   * Whether f32 products and convolutions on CUDA may round their factors to TF32, which is several times faster; by
   * default they compute in f32.
   */
  tf32?: boolean;
  /** Whether late errors name the line that enqueued the op; costs a stack trace a call. */
  debug?: boolean;
  /**
   * What the device may hold: bytes, or a text with K, M, G or T for powers of 1024, say 500M. By default as much as the
   * process may in all, see docs/memory.md; that bounds it in any case.
   */
  memory?: number | string;
}

/** @internal Something that keeps numbers on the host which a late error may have left unlike those on the device. */
export interface Recoverable {
  /** Puts them right; called once the device goes on. */
  recovered(): Promise<void>;
}

/** How many lines of enqueued ops debug mode remembers. */
const REMEMBERED_LINES = 8192;

/**
 * A device with its queue: ops are enqueued and run in order on a thread of its own.
 *
 * @example
 * ```ts
 * import { Device, tensor } from "@libtrain/libtrain";
 *
 * using cpu = new Device("cpu", { threads: 1 });
 * using x = tensor([1, 2, 3], [3], { device: cpu });
 * console.log(await x.data());
 * ```
 */
export class Device {
  /** cpu or cuda. */
  readonly kind: "cpu" | "cuda";
  /** Whether late errors name the line that enqueued the op. */
  readonly debug: boolean;
  #queue: NativeQueue;
  #lines = new Map<number, string>();
  /** Weak, as a device outlives what uses it. */
  readonly #recoverables = new Set<WeakRef<Recoverable>>();

  /** Throws a DeviceError that says what is missing where the machine has no such device. */
  constructor(kind: DeviceKind = "auto", options: DeviceOptions = {}) {
    requireDeviceOptions(options);
    const threads = options.threads ?? 0;
    if (!Number.isInteger(threads) || threads < 0 || threads > 256) {
      throw new RangeError(`Device(): Expected \`threads\` as a whole number from 1 to 256, got ${shown(threads)}`);
    }
    if (!["auto", "cpu", "cuda"].includes(kind)) {
      throw new DeviceError(`Expected a device auto, cpu or cuda, got ${shown(kind)}`);
    }
    const memory = bytesIn(options.memory);
    if (options.memory !== undefined && memory === undefined) {
      throw new RangeError(
        `Device(): Expected \`memory\` as a whole number of bytes from 1, or a text such as 500M, got ${
          shown(options.memory)
        }`,
      );
    }
    this.debug = options.debug ?? false;
    const queue = kind === "cpu" ? undefined : cudaQueue(kind, options);
    this.kind = queue === undefined ? "cpu" : "cuda";
    this.#queue = queue ?? new NativeQueue(0, threads, false);
    if (memory !== undefined) this.#queue.limit(memory);
  }

  /** @internal The native queue. */
  get queue(): NativeQueue {
    return this.#queue;
  }

  /** @internal The native queue's handle; throws once the device is disposed. */
  get handle(): Handle {
    return this.#queue.handle;
  }

  /** Resolves when everything enqueued so far has run; rejects with a late error. */
  async synchronize(): Promise<void> {
    await this.wait(this.#queue.enqueued());
  }

  /** Resolves when the command of a ticket has passed; rejects with a late error. */
  async wait(ticket: number): Promise<void> {
    if (!Number.isSafeInteger(ticket) || ticket < 0) {
      throw new RangeError(`wait(): Expected \`ticket\` as a whole number from 0, got ${shown(ticket)}`);
    }
    try {
      await this.#queue.wait(ticket);
    } catch (error) {
      if (!(error instanceof LateError)) throw error;
      // All who wait get the same error, and each may add to its own.
      const line = this.#lines.get(error.record);
      const { reason, op, record, lost, cause } = error;
      throw new LateError(line === undefined ? reason : `${reason}\n    enqueued ${line}`, { op, record, lost, cause });
    }
  }

  /** Goes on after a late error, with the state before it; tensors that were skipped stay unreadable. */
  async recover(): Promise<void> {
    await this.#queue.recover();
    for (const reference of this.#recoverables) {
      const recoverable = reference.deref();
      if (recoverable === undefined) this.#recoverables.delete(reference);
      else await recoverable.recovered();
    }
  }

  /** @internal Has something told whenever the device goes on after a late error. */
  afterRecovery(recoverable: Recoverable): void {
    this.#recoverables.add(new WeakRef(recoverable));
  }

  /** Counts of live tensors, memory and work; asks the system how much memory may be held. */
  stats(): DeviceStats {
    return { ...this.#queue.stats(), memory: this.#queue.memory() };
  }

  /**
   * What was chosen by timing, say the algorithms of convolutions on a GPU, as a text for {@linkcode usePlan}; empty on the
   * CPU. With the same plan a training gives the same bits again.
   */
  plan(): string {
    return this.#queue.plan();
  }

  /** Takes a plan over, where nothing was chosen yet: call it before the first step. */
  usePlan(plan: string): void {
    if (typeof plan !== "string") throw new TypeError(`usePlan(): Expected a plan as a string, got ${shown(plan)}`);
    this.#queue.usePlan(plan);
  }

  /** Gives memory that nothing uses back to the system. */
  trim(): void {
    this.#queue.trim();
  }

  /** In debug mode, remembers the script's line that enqueued a command. */
  remember(ticket: number): void {
    const lines = (new Error().stack ?? "").split("\n").slice(1).map((line) => line.trim());
    const own = new URL(".", import.meta.url).href;
    this.#lines.set(ticket, lines.find((line) => !line.includes(own)) ?? lines.at(-1) ?? "");
    this.#lines.delete(ticket - REMEMBERED_LINES);
  }

  /** Ends the device; its tensors can still be disposed, but no longer used. */
  dispose(): void {
    this.#queue.destroy();
    if (current === this) current = undefined;
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A one-line description. */
  toString(): string {
    if (!this.#queue.alive) return `Device(${this.kind}, disposed)`;
    const what = this.kind === "cuda" ? gpuName() : `${this.stats().chunksByThread.length} threads`;
    return `Device(${this.kind}, ${what})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** Throws where options are none, or name what there is none of: a setting without effect. */
function requireDeviceOptions(options: unknown): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`Device(): Expected options, got ${shown(options)}: write new Device("cpu", { threads: 4 })`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!["threads", "tf32", "debug", "memory"].includes(name)) {
      throw new TypeError(`Device(): Expected options among threads, tf32, debug, memory, got \`${name}\``);
    }
    if (name !== "threads" && name !== "memory" && value !== undefined && typeof value !== "boolean") {
      throw new TypeError(`Device(): Expected \`${name}\` as true or false, got ${shown(value)}`);
    }
  }
}

/** The queue of a GPU; undefined where `auto` finds none. */
function cudaQueue(kind: "auto" | "cuda", { tf32 = false }: DeviceOptions): NativeQueue | undefined {
  // Nobody who has no driver expects CUDA; one that is there and cannot be used is worth a line.
  if (kind === "auto" && deviceInfo().cuda.driver === null) return undefined;
  try {
    return new NativeQueue(1, 0, tf32);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const { reason, cause } = error;
    if (kind === "cuda") throw new DeviceError(`CUDA was asked for, but ${reason}`, { instead: "cpu", cause });
    console.warn(`Using the CPU: ${reason}`);
    return undefined;
  }
}

/** The GPU that CUDA opens: the first one. */
function gpuName(): string {
  return deviceInfo().cuda.gpus[0]?.name ?? "GPU";
}

let current: Device | undefined;

/** The device that calls use when none is given: CUDA where it works, else the CPU; opened at the first use. */
export function defaultDevice(): Device {
  current ??= new Device();
  return current;
}

/** Makes a device the default, or none, so that the next use opens one; returns the one before it, if any was open. */
export function setDefaultDevice(device: Device | undefined): Device | undefined {
  if (device !== undefined && !(device instanceof Device)) {
    throw new TypeError(`setDefaultDevice(): Expected a Device or undefined, got ${shown(device)}`);
  }
  const previous = current;
  current = device;
  return previous;
}
