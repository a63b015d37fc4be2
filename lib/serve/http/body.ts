/** Bodies of requests: so many bytes, in so much time. */
import { later } from "../../io/later.ts";
import { HttpError } from "./http_error.ts";

/** Bytes of bodies that are being read or looked at, of all requests together. */
export class BodyBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that are held at the moment. */
  get held(): number {
    return this.#held;
  }

  /** Takes some more for a request; throws where there are none left. */
  take(bytes: number): void {
    if (this.#held + bytes > this.#most) {
      throw new HttpError(429, "The server has as many bytes of requests as it may hold: try again later", {
        "retry-after": "1",
      });
    }
    this.#held += bytes;
  }

  /** Gives back what a request took. */
  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}

/** How much of a body to take. */
export interface BodyOptions {
  /** Bytes, at most. */
  readonly most: number;
  /** Seconds for the whole of it. */
  readonly seconds: number;
  /** What all bodies together may hold. */
  readonly budget: BodyBudget;
}

/** A body's bytes, which count as held until it is disposed. */
export interface Body extends Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function tooLarge(most: number, got: string): HttpError {
  return new HttpError(413, `Expected a body of at most ${most} bytes, got ${got}`, { connection: "close" });
}

/** Reads a request's body; throws an HttpError for one that is too large, too slow, or ends before its end. */
export async function readBody(request: Request, { most, seconds, budget }: BodyOptions): Promise<Body> {
  const told = request.headers.get("content-length");
  if (told !== null && Number(told) > most) throw tooLarge(most, told);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const free = (): void => {
    budget.giveBack(length);
    length = 0;
  };
  try {
    const reader = request.body?.getReader();
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => {});
    const inTime = later(1000 * seconds, () => {
      const message = `Expected the whole body within ${seconds} s, got ${length} bytes of it`;
      late.reject(new HttpError(408, message, { connection: "close" }));
    });
    try {
      while (reader !== undefined) {
        const { done, value } = await Promise.race([reader.read(), late.promise]);
        if (done) break;
        if (length + value.length > most) throw tooLarge(most, "more");
        budget.take(value.length);
        length += value.length;
        chunks.push(value);
      }
    } catch (error) {
      // What the client still sends is nobody's.
      void reader?.cancel().catch(() => {});
      if (error instanceof HttpError) throw error;
      throw new HttpError(400, "The body ended before its end");
    } finally {
      inTime();
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (told !== null && length !== Number(told)) throw new HttpError(400, "The body ended before its end");
    return { bytes, [Symbol.dispose]: free };
  } catch (error) {
    free();
    throw error;
  }
}

/** The kind of a body, without its parameters, in lower case; empty where none is told. */
export function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

/** Refuses a body of another kind than these. */
export function requireType(request: Request, types: readonly string[]): string {
  const type = mediaType(request);
  if (types.includes(type)) return type;
  throw new HttpError(415, `Expected a body of the type ${types.join(", ")}, got ${type === "" ? "none" : type}`);
}

/** Refuses a client that takes no JSON. */
export function requireTakesJson(request: Request): void {
  const accept = request.headers.get("accept")?.trim() ?? "";
  if (accept === "") return;
  const kinds = accept.split(",").map((part) => part.split(";").map((each) => each.trim().toLowerCase()));
  // The nearest kind decides (RFC 9110, 12.5.1): who takes all but JSON takes none.
  const nearest = ["application/json", "application/*", "*/*"]
    .map((wanted) => kinds.filter(([kind]) => kind === wanted)).find((found) => found.length > 0) ?? [];
  if (!nearest.some(([, ...rest]) => !rest.some((each) => /^q=0(\.0*)?$/.test(each)))) {
    throw new HttpError(406, `Expected a client that takes application/json, got Accept: ${accept}`);
  }
}

/** The text of a body; throws for bytes that are none. */
export function textOf({ bytes }: Body): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, "Expected a body in UTF-8, got other bytes");
  }
}
