/** Errors about data sets that callers may want to tell apart. */
import { DataError } from "../ffi/errors.ts";

/** Why the files of a data set were not found: nowhere looked at, or where a note says that cannot be read. */
export type NotFoundReason = "missing" | "unreadableNote";

/** The files of a data set that is known by its name are not on this machine. */
export class DataNotFoundError extends DataError {
  /** The class's name, for messages. */
  override name = "DataNotFoundError";
  /** The data set's name. */
  readonly set: string;
  /** Why they were not found. */
  readonly why: NotFoundReason;

  /** An error about a set, which says where it was looked for and what to do. */
  constructor(message: string, options: { set: string; why: NotFoundReason; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.set = options.set;
    this.why = options.why;
  }
}
