/** Errors of the library as classes; wrong types and shapes are TypeErrors, numbers out of range RangeErrors. */
import type { BudgetSource, MemoryHolders } from "./memory.ts";

/** What an error knows besides its text. */
export interface LibtrainErrorOptions {
  /** The op or function that failed; its name goes in front of the message. */
  readonly op?: string;
  /** What led to it. */
  readonly cause?: unknown;
}

/** The base class of everything that the library throws by itself and that is not a wrong argument. */
export class LibtrainError extends Error {
  /** The class's name, for messages. */
  override name = "LibtrainError";
  /** The op or function that failed, where one did. */
  readonly op: string | undefined;
  /** The message without the op's name and without advice. */
  readonly reason: string;

  /** An error with its reason; `advice` says in the message what to do instead. */
  constructor(reason: string, options: LibtrainErrorOptions = {}, advice = "") {
    super(named(options.op, reason) + advice, options.cause === undefined ? {} : { cause: options.cause });
    this.op = options.op;
    this.reason = reason;
  }
}

/** A tensor, graph or device was used after it was disposed. */
export class DisposedError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "DisposedError";
}

/** What an {@linkcode OutOfMemoryError} knows. */
export interface OutOfMemoryOptions extends LibtrainErrorOptions {
  /** Bytes that were asked for. */
  readonly asked?: number;
  /** Bytes that are held: by the whole process, or by the device where its own limit was met. */
  readonly held?: number;
  /** Bytes that are free, where the device tells. */
  readonly free?: number;
  /** Bytes that may be held in all. */
  readonly budget?: number;
  /** What the budget comes from. */
  readonly source?: BudgetSource;
  /** Bytes by what holds them; together they are `held`. */
  readonly holders?: MemoryHolders;
  /** What to do, for the message; by default to dispose of tensors, or to use a smaller batch. */
  readonly advice?: string;
}

/**
 * Memory could not be had, of the device or within the budget; weights and optimizer state are as they were.
 *
 * Nothing of what was asked for was taken, and memory that was only kept for reuse has gone back to the system: a smaller
 * batch works afterwards.
 */
export class OutOfMemoryError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "OutOfMemoryError";
  /** Bytes that were asked for, where it is known. */
  readonly asked: number | undefined;
  /** Bytes that are held, where it is known: by the whole process, or by the device where its own limit was met. */
  readonly held: number | undefined;
  /** Bytes that are free, where the device tells. */
  readonly free: number | undefined;
  /** Bytes that may be held in all, where that is known. */
  readonly budget: number | undefined;
  /** What the budget comes from; `system` where the system or a driver has refused by itself. */
  readonly source: BudgetSource;
  /** Bytes by what holds them, where it is known; together they are `held`. */
  readonly holders: MemoryHolders | undefined;

  /** An error with its reason and what it knows of the memory. */
  constructor(reason: string, options: OutOfMemoryOptions = {}) {
    super(reason, options, `: ${options.advice ?? "dispose tensors, or use a smaller batch"}`);
    this.asked = options.asked;
    this.held = options.held;
    this.free = options.free;
    this.budget = options.budget;
    this.source = options.source ?? "system";
    this.holders = options.holders;
  }

  /** The same error with other advice, and itself as its cause. */
  withAdvice(advice: string): OutOfMemoryError {
    const { op, asked, held, free, budget, source, holders } = this;
    const known = { op, asked, held, free, budget, source, holders };
    const options = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
    return new OutOfMemoryError(this.reason, { ...options, advice, cause: this });
  }
}

/** The message of V8 where it cannot have the memory of an array. */
const V8_REFUSALS = /Array buffer allocation failed|Invalid typed array length|Invalid array (buffer )?length/;

/** Makes arrays of JavaScript, `bytes` in all; an OutOfMemoryError where there is no memory for them. */
export function withArrays<Result>(op: string, bytes: number, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError) || !V8_REFUSALS.test(error.message)) throw error;
    const reason = `Expected ${bytes} bytes in arrays of JavaScript, got none (${error.message})`;
    throw new OutOfMemoryError(reason, { op, asked: bytes, cause: error });
  }
}

/**
 * An op that was enqueued earlier failed while it ran: everything after it was skipped.
 *
 * `device.recover()` goes on with the state before the error. Where a kernel had no memory for its buffers, `cause` is the
 * {@linkcode OutOfMemoryError}.
 */
export class LateError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "LateError";
  /** The op that failed. */
  override readonly op: string;
  /** The number of its command in the device's queue. */
  readonly record: number;
  /** Whether the device is of no use to this process any more. */
  readonly lost: boolean;

  /** An error of an op, with the record that failed. */
  constructor(reason: string, options: { op: string; record: number; lost?: boolean; cause?: unknown }) {
    super(reason, options);
    this.op = options.op;
    this.record = options.record;
    this.lost = options.lost ?? false;
  }
}

/** What a {@linkcode DeviceError} knows. */
export interface DeviceErrorOptions extends LibtrainErrorOptions {
  /** Whether the device is of no use to this process any more. */
  readonly lost?: boolean;
  /** The kind of device that can do it. */
  readonly instead?: "cpu";
}

/** A device that this machine does not have, or something that it cannot do. */
export class DeviceError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "DeviceError";
  /** Whether the device is of no use to this process any more: start it anew, from its last checkpoint. */
  readonly lost: boolean;
  /** The kind of device that can do it, where one can. */
  readonly instead: "cpu" | undefined;

  /** An error with its reason; the message says which device to use instead. */
  constructor(reason: string, options: DeviceErrorOptions = {}) {
    super(reason, options, options.instead === undefined ? "" : `: use the device "${options.instead}"`);
    this.lost = options.lost ?? false;
    this.instead = options.instead;
  }
}

/** The call does not fit the state of the device or of the graph. */
export class StateError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "StateError";
}

/** A file, archive or image that cannot be used, or a disk that takes no more. */
export class DataError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "DataError";
}

/** The native library failed in a way that is its own fault. */
export class InternalError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "InternalError";
}

/** An error as it crosses the ABI. */
export interface NativeError {
  /** The export's status code. */
  readonly status: number;
  /** The text, without the op. */
  readonly reason: string;
  /** The op or export that failed, where one did. */
  readonly op?: string;
  /** The failed command of a late error. */
  readonly record?: number;
  /** Whether the device is of no use to this process any more. */
  readonly lost?: boolean;
  /** Bytes that were asked for. */
  readonly asked?: number;
  /** Bytes that are held. */
  readonly held?: number;
  /** Bytes that are free. */
  readonly free?: number;
  /** Bytes that may be held. */
  readonly budget?: number;
  /** What the budget comes from. */
  readonly source?: BudgetSource;
  /** Bytes by what holds them. */
  readonly holders?: MemoryHolders;
  /** Whether memory is what was refused; a late error has that as its cause. */
  readonly ofMemory?: boolean;
}

/** "op(): reason", or the reason alone. */
function named(op: string | undefined, reason: string): string {
  return op === undefined ? reason : `${op}(): ${reason}`;
}

/** The class of an error of the native library, with its fields. */
export function errorOf({ status, reason, ...fields }: NativeError): Error {
  const { op, record = 0, lost = false } = fields;
  switch (status) {
    case 1:
      return new RangeError(named(op, reason));
    case 2:
    case 3:
    case 5:
      return new TypeError(named(op, reason));
    case 4:
      return new DisposedError(reason, fields);
    case 6:
      return new OutOfMemoryError(reason, fields);
    case 7:
      return new LateError(reason, {
        op: op ?? "",
        record,
        lost,
        ...(fields.ofMemory ? { cause: new OutOfMemoryError(reason, fields) } : {}),
      });
    case 9:
      return new DeviceError(reason, { ...fields, instead: "cpu" });
    case 10:
      return new DeviceError(reason, fields);
    case 11:
      return new StateError(reason, fields);
    case 12:
      return new DataError(reason, fields);
    default:
      return new InternalError(reason, fields);
  }
}
