/** A service with fake jobs and a fake model, asked without a network. */
import { LibtrainError } from "../../lib/ffi/errors.ts";
import { Reports } from "../../lib/serve/http/reports.ts";
import { type RequestLimits, Service } from "../../lib/serve/http/service.ts";
import { DataRoots } from "../../lib/serve/jobs/roots.ts";
import { askedOf } from "../../lib/serve/jobs/submit.ts";
import type { SupervisorOptions } from "../../lib/serve/jobs/supervisor.ts";
import { ModelService, type Predictor } from "../../lib/serve/models/service.ts";
import { Store } from "../../lib/serve/store/store.ts";
import { supervisorOf } from "./supervised.ts";

/** Limits that tests reach soon. */
export const limits: RequestLimits = {
  body: 100_000,
  bodies: 250_000,
  bodySeconds: 1,
  images: 4,
  streams: 4,
  queued: 100,
};

/** A service that is drained at the end of its block. */
export interface Served extends AsyncDisposable {
  readonly service: Service;
  readonly store: Store;
  readonly notes: string[];
  /** Files of models that are open. */
  readonly opened: string[];
  /** Asks it for JSON. */
  ask(
    method: string,
    path: string,
    options?: AskOptions,
  ): Promise<{ status: number; body: Answered; headers: Headers }>;
}

/** What an answer holds. */
// deno-lint-ignore no-explicit-any
export type Answered = any;

/** What is asked. */
export interface AskOptions {
  readonly body?: BodyInit | Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request to it. */
export function requestOf(method: string, path: string, { body, headers = {} }: AskOptions = {}): Request {
  const isPlain = body !== undefined && Object.getPrototypeOf(body) === Object.prototype;
  const sent = isPlain ? JSON.stringify(body) : body as BodyInit | undefined;
  const type: Record<string, string> = isPlain || typeof body === "string"
    ? { "content-type": "application/json" }
    : {};
  return new Request(`http://127.0.0.1:8470${path}`, { method, body: sent, headers: { ...type, ...headers } });
}

/** A model that calls an image by its first byte; one that begins with 0 is no image. */
export function fakePredictor(path: string, opened: string[]): Predictor {
  Deno.statSync(path);
  opened.push(path);
  return {
    predict: async (bytes, { top }) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (bytes.length === 0 || bytes[0] === 0) throw new LibtrainError(`Cannot use the image "0": it is none`);
      const guesses = Array.from(
        { length: top },
        (_, label) => ({ label, class: `${bytes[0]}`, probability: 1 / top }),
      );
      return { image: "0", guesses, damage: null };
    },
    [Symbol.asyncDispose]: () => {
      opened.splice(opened.indexOf(path), 1);
      return Promise.resolve();
    },
  };
}

/** A service over a state, with its jobs started. */
export async function served(
  folder: string,
  { roots = [], own = {}, alone = true, ...options }: Partial<SupervisorOptions> & {
    readonly roots?: readonly string[];
    readonly own?: Partial<RequestLimits>;
    readonly alone?: boolean;
  } = {},
): Promise<Served> {
  const store = await Store.open(folder, { hold: true });
  const notes: string[] = [];
  const opened: string[] = [];
  const supervisor = supervisorOf(store, notes, { asks: askedOf, ...options });
  const service = new Service({
    store,
    supervisor,
    models: new ModelService(store, {
      pack: async (run, { out }) => {
        await Deno.writeTextFile(out, run);
        return { bytes: run.length, sha256: `${run.length} ${run}` };
      },
      open: (path) => Promise.resolve().then(() => fakePredictor(path, opened)),
      mostOpen: 2,
      now: Date.now,
    }),
    reports: new Reports(store, {
      command: (run, out) => [
        Deno.execPath(),
        "eval",
        "-q",
        "Deno.mkdirSync(Deno.args[1], { recursive: true }); Deno.writeTextFileSync(Deno.args[1] + '/report.html', Deno.args[0])",
        run,
        out,
      ],
      cwd: Deno.cwd(),
      env: {},
    }),
    roots: await DataRoots.open(roots),
    limits: { ...limits, ...own },
    alone,
    onNote: (message) => void notes.push(message),
  });
  supervisor.start();
  return {
    service,
    store,
    notes,
    opened,
    ask: async (method, path, asked) => {
      const response = await service.handle(requestOf(method, path, asked));
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      service.drain();
      await supervisor.drain();
      await service.models[Symbol.asyncDispose]();
      store[Symbol.dispose]();
    },
  };
}
