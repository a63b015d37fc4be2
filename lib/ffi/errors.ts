/** Errors of the library as classes; wrong types and shapes are TypeErrors, numbers out of range RangeErrors. */

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
  /** Bytes that the device's queue holds. */
  readonly held?: number;
  /** Bytes that are free, where the device tells. */
  readonly free?: number;
}

/** The device's memory could not be had; weights and optimizer state are as they were. */
export class OutOfMemoryError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "OutOfMemoryError";
  /** Bytes that were asked for, where it is known. */
  readonly asked: number | undefined;
  /** Bytes that the device's queue holds, where it is known. */
  readonly held: number | undefined;
  /** Bytes that are free, where the device tells. */
  readonly free: number | undefined;

  /** An error with its reason and what it knows of the memory. */
  constructor(reason: string, options: OutOfMemoryOptions = {}) {
    super(reason, options);
    this.asked = options.asked;
    this.held = options.held;
    this.free = options.free;
  }
}

/**
 * An op that was enqueued earlier failed while it ran: everything after it was skipped.
 *
 * `device.recover()` goes on with the state before the error.
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
  /** Bytes that the device's queue holds. */
  readonly held?: number;
  /** Bytes that are free. */
  readonly free?: number;
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
      return new LateError(reason, { op: op ?? "", record, lost });
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
