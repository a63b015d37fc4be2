/** Errors of the library as classes; wrong types and shapes are TypeErrors, numbers out of range RangeErrors. */

/** An error that callers may want to catch by its class. */
export class LibtrainError extends Error {
  /** The class's name, for messages. */
  override name = "LibtrainError";
}

/** A tensor, graph or device was used after it was disposed. */
export class DisposedError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "DisposedError";
}

/** The device's memory could not be had; weights and optimizer state are as they were. */
export class OutOfMemoryError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "OutOfMemoryError";
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
  readonly op: string;
  /** The number of its command in the device's queue. */
  readonly record: number;

  /** An error of an op, with the record that failed. */
  constructor(message: string, options: { op: string; record: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.op = options.op;
    this.record = options.record;
  }
}

/** A device that this machine does not have, or something that it cannot do. */
export class DeviceError extends LibtrainError {
  /** The class's name, for messages. */
  override name = "DeviceError";
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

const LATE = /^(\w+)\(\): ([\s\S]*) \(record (\d+)\)$/;

/** The error of a status code and the library's message. */
export function errorOf(status: number, message: string): Error {
  switch (status) {
    case 1:
      return new RangeError(message);
    case 2:
    case 3:
      return new TypeError(message);
    case 4:
      return new DisposedError(message);
    case 5:
      return new TypeError(message);
    case 6:
      return new OutOfMemoryError(message);
    case 7: {
      const [, op = "", text = message, record = "0"] = LATE.exec(message) ?? [];
      return new LateError(`${op}(): ${text}`, { op, record: Number(record) });
    }
    case 9:
    case 10:
      return new DeviceError(message);
    case 11:
      return new StateError(message);
    case 12:
      return new DataError(message);
    default:
      return new InternalError(message);
  }
}
