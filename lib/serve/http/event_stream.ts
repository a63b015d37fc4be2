/** A job's events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { EventReader, Happening } from "../jobs/events.ts";

/** What to send. */
export interface EventStreamOptions {
  /** The file of events. */
  readonly path: string;
  /** Only those after this number. */
  readonly after: number;
  /** What tells of new ones; undefined where the job has no process, and there will be none. */
  readonly happening: () => Happening | undefined;
  /** Where the job stands, for the last message. */
  readonly state: () => string | undefined;
  /** Whether more may come. */
  readonly goesOn: () => boolean;
  /** Ends the stream; the client comes again with the number of its last event. */
  readonly signal: AbortSignal;
  /** Called once at its end. */
  readonly onEnd: () => void;
}

/** Milliseconds after which a comment is sent, by which both sides notice that the other is gone. */
const quiet = 15_000;

/** Milliseconds after which a job that waits is looked at again. */
const look = 1000;

async function* messages(options: EventStreamOptions, signal: AbortSignal): AsyncGenerator<string> {
  const { path, after, happening, state, goesOn } = options;
  const reader = new EventReader(path);
  if (after > 0) await reader.skip(after);
  // How long a client waits before it comes again.
  yield "retry: 1000\n\n";
  let last = performance.now();
  while (!signal.aborted) {
    // Asked for before reading: what comes after the last reading is then seen by the next one.
    const more = goesOn();
    const lines = await reader.next();
    const text = lines.filter(({ event: { n } }) => n > after)
      .map(({ event: { n, type }, text: line }) => `id: ${n}\nevent: ${type}\ndata: ${line}\n\n`).join("");
    if (text !== "") {
      yield text;
      last = performance.now();
    }
    if (lines.length > 0) continue;
    if (!more) break;
    await (happening() ?? new Happening()).wait(look, signal);
    if (performance.now() - last > quiet) {
      yield ": \n\n";
      last = performance.now();
    }
  }
  if (!signal.aborted) yield `event: end\ndata: ${JSON.stringify({ state: state() ?? null })}\n\n`;
}

/** The stream as an answer. It is read at the client's pace, so that a slow one holds nothing here. */
export function eventStream(options: EventStreamOptions): Response {
  const gone = new AbortController();
  const found = messages(options, AbortSignal.any([options.signal, gone.signal]));
  const encoder = new TextEncoder();
  let ended = false;
  const end = (): void => {
    if (!ended) options.onEnd();
    ended = true;
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      try {
        const { done, value } = await found.next();
        if (!done) return controller.enqueue(encoder.encode(value));
        end();
        controller.close();
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    cancel(): void {
      gone.abort();
      end();
    },
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
}
