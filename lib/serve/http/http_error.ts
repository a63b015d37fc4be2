/** Answers that are errors. */
import { StoreError, type StoreFault } from "../store/database.ts";
import { JobQueueFullError } from "../jobs/supervisor.ts";
import { ModelError } from "../models/service.ts";
import { QueueFullError } from "../predict/batcher.ts";
import { LibtrainError } from "../../ffi/errors.ts";

/** What is wrong with a request, or in the way of it, as a status and one line. */
export class HttpError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "HttpError";
  /** The status of the answer. */
  readonly status: number;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  /** An answer of this status with this line. */
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

const statusOf: Readonly<Record<StoreFault, number>> = {
  full: 507,
  locked: 503,
  readonly: 500,
  damaged: 500,
  version: 500,
  held: 500,
  failed: 500,
};

/** What an error is to a client; undefined for one that is a mistake of the server's, of which it tells nothing. */
export function httpErrorOf(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof JobQueueFullError) return new HttpError(429, error.message, { "retry-after": "10" });
  if (error instanceof QueueFullError) {
    const wanted = "Expected fewer images that wait for their answers, got one more: try again after a while";
    return new HttpError(429, wanted, { "retry-after": "1" });
  }
  if (error instanceof StoreError) {
    const status = statusOf[error.fault];
    return new HttpError(status, error.message, status === 503 ? { "retry-after": "1" } : {});
  }
  if (isFullDisk(error)) {
    return new HttpError(507, "The disk of this server is full: nothing was changed, try again later");
  }
  if (error instanceof ModelError) return new HttpError(500, error.message);
  return undefined;
}

function isFullDisk(error: unknown): boolean {
  return error instanceof Error && ((error as { code?: unknown }).code === "ENOSPC" || isFullDisk(error.cause));
}

/** A value as an answer. */
export function json(value: unknown, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  headers.set("content-type", "application/json; charset=utf-8");
  return new Response(`${JSON.stringify(value)}\n`, { ...init, headers });
}

/** An error as an answer. */
export function errorResponse({ status, message, headers }: HttpError): Response {
  // One line, whatever it speaks of.
  return json({ error: message.replaceAll(/\s*\n\s*/g, " ") }, { status, headers });
}
