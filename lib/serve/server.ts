/** A server of jobs and predictions: its state, its jobs' processes, its port. */
import { LibtrainError } from "../ffi/errors.ts";
import { isObject } from "../recipe/check.ts";
import { pack } from "../recipe/pack.ts";
import { requireFunction, requireOptionsOf, requireText, requireWhole } from "../tensor/ops/checks.ts";
import { deviceInfo } from "../tensor/device_info.ts";
import { isLoopback } from "./http/access.ts";
import { errorResponse, HttpError } from "./http/http_error.ts";
import { Listener } from "./http/listener.ts";
import { Reports } from "./http/reports.ts";
import { Service } from "./http/service.ts";
import type { CommandLine } from "./jobs/process.ts";
import { DataRoots } from "./jobs/roots.ts";
import { askedOf } from "./jobs/submit.ts";
import { Supervisor } from "./jobs/supervisor.ts";
import { openModel } from "./models/open_model.ts";
import { ModelService, type OpenPredictor, type Pack } from "./models/service.ts";
import { Store } from "./store/store.ts";

/** A server that cannot be started as it is asked to. */
export class ServeError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "ServeError";
}

/** How to serve. */
export interface ServeOptions {
  /** The folder of the server's state: jobs, models, tokens. One server at a time has it. */
  state: string;
  /** The program that runs a job's specification, a JSON file, as `deno task job` does. */
  jobCommand: (spec: string) => CommandLine;
  /** The program that makes `report.html` of a run in a folder, as `deno task report` does. */
  reportCommand: (run: string, out: string) => CommandLine;
  /** The name or address to listen on; by default 127.0.0.1. Another one than this machine alone takes tokens. */
  host?: string;
  /** The port; by default 8470, and 0 takes any that is free. */
  port?: number;
  /** Folders below which data and weights that jobs name may lie; by default none. */
  dataRoots?: readonly string[];
  /** Jobs at once, which share threads and memory; by default 1. */
  jobs?: number;
  /** CPU threads of all jobs together; by default LIBTRAIN_THREADS or every core. */
  threads?: number;
  /** MiB that all jobs together may hold; by default what the library may hold on this machine. */
  memory?: number;
  /** Jobs that may wait; by default 1000. */
  maxQueued?: number;
  /** Seconds that a process of a job may run; by default 7 days. */
  jobSeconds?: number;
  /** Seconds that a job has to save when it is stopped, before it is killed; by default 60. */
  graceSeconds?: number;
  /** Bytes of a request's body; by default 64 MiB. */
  bodyBytes?: number;
  /** Seconds that a body may take; by default 30. */
  bodySeconds?: number;
  /** Models that are kept open; by default 4. */
  openModels?: number;
  /** CPU threads of a model that answers, beside those of jobs; by default LIBTRAIN_THREADS or every core. */
  predictThreads?: number;
  /** The folder in which the programs run; by default the working folder. */
  cwd?: string;
  /** The programs' environment, to which the share of threads and memory is added; by default empty. */
  env?: Readonly<Record<string, string>>;
  /** Writes the model of a run as one file; by default {@linkcode pack}. */
  pack?: Pack;
  /** Opens such a file to predict; by default it answers in batches. */
  openModel?: OpenPredictor;
  /** Told what an operator should know, a line each. */
  onNote?(message: string): void;
  /** Milliseconds since 1970; by default the machine's clock. */
  now?(): number;
}

const known: readonly (keyof ServeOptions)[] = [
  ...["state", "jobCommand", "reportCommand", "host", "port", "dataRoots", "jobs", "threads", "memory"] as const,
  ...[
    "maxQueued",
    "jobSeconds",
    "graceSeconds",
    "bodyBytes",
    "bodySeconds",
    "openModels",
    "predictThreads",
    "cwd",
    "env",
  ] as const,
  ...["pack", "openModel", "onNote", "now"] as const,
];

const usual = {
  host: "127.0.0.1",
  port: 8470,
  jobs: 1,
  maxQueued: 1000,
  jobSeconds: 7 * 86_400,
  graceSeconds: 60,
  bodyBytes: 64 * 2 ** 20,
  bodySeconds: 30,
  openModels: 4,
};

/** Bodies of the largest size that are held at once. */
const bodiesAtOnce = 8;
/** Images of a request, and clients that follow events. */
const [mostImages, mostStreams] = [256, 256];
/** Milliseconds before a job's process that died is followed by another one. */
const restartPause = 1000;
/** Seconds for requests under way when the server ends. */
const lastRequests = 5;

/** Options that are whole numbers from 1. */
const positive = [
  ...["jobs", "threads", "memory", "jobSeconds", "graceSeconds", "bodyBytes", "bodySeconds"] as const,
  ...["openModels", "predictThreads"] as const,
] satisfies readonly (keyof ServeOptions)[];

function requireNumbers(options: ServeOptions): void {
  const { port } = options;
  if (port !== undefined) requireWhole("startServer", "port", port);
  if (port !== undefined && port > 65_535) {
    throw new RangeError(`startServer(): Expected \`port\` to 65535, got ${port}`);
  }
  for (const name of [...positive, "maxQueued"] as const) {
    const value = options[name];
    if (value !== undefined) requireWhole("startServer", name, value, name === "maxQueued" ? 0 : 1);
  }
}

function requireOptions(options: ServeOptions): void {
  const example = 'startServer({ state: ".cache/serve", jobCommand, reportCommand })';
  requireOptionsOf("startServer", options, { example, known });
  const { state, dataRoots = [], env = {} } = options;
  requireText("startServer", "state", state);
  if (state === "") throw new RangeError("startServer(): Expected `state` as a folder, got an empty text");
  if (!Array.isArray(dataRoots) || !dataRoots.every((root) => typeof root === "string" && root !== "")) {
    throw new TypeError("startServer(): Expected `dataRoots` as an array of folders, got something else in its place");
  }
  if (!isObject(env) || !Object.values(env).every((value) => typeof value === "string")) {
    throw new TypeError("startServer(): Expected `env` as an object of texts, got something else in its place");
  }
  const { host, cwd, jobCommand, reportCommand, pack, openModel, onNote, now } = options;
  for (const [name, value] of Object.entries({ jobCommand, reportCommand, pack, openModel, onNote, now })) {
    if (value !== undefined || name.endsWith("Command")) requireFunction("startServer", name, value);
  }
  for (const [name, value] of Object.entries({ host, cwd })) {
    if (value !== undefined) requireText("startServer", name, value);
  }
  requireNumbers(options);
}

/** A server that runs. */
export class Server {
  /** Where it listens, say `http://127.0.0.1:8470`. */
  readonly url: string;
  readonly #store: Store;
  readonly #supervisor: Supervisor;
  readonly #service: Service;
  readonly #http: Listener;
  #ended: Promise<void> | undefined;

  /** @internal {@linkcode startServer} makes servers. */
  constructor(parts: {
    readonly url: string;
    readonly store: Store;
    readonly supervisor: Supervisor;
    readonly service: Service;
    readonly http: Listener;
  }) {
    this.url = parts.url;
    this.#store = parts.store;
    this.#supervisor = parts.supervisor;
    this.#service = parts.service;
    this.#http = parts.http;
  }

  /** Answers a request without the network; never rejects. */
  handle(request: Request): Promise<Response> {
    return this.#service.handle(request);
  }

  /**
   * Ends the server: what changes something is refused, jobs are stopped with everything saved and go on with the next server
   * of this state, requests under way are answered.
   */
  drain(): Promise<void> {
    return this.#ended ??= this.#drain();
  }

  async #drain(): Promise<void> {
    this.#service.drain();
    await this.#supervisor.drain();
    // A client that sends half of something is not waited for.
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, 1000 * lastRequests);
    await Promise.race([this.#http.shutdown(), late.promise]);
    clearTimeout(timer);
    await this.#service.models[Symbol.asyncDispose]();
    this.#store[Symbol.dispose]();
  }

  /** Drains it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function listening(hostname: string, port: number, service: Service, onNote: (message: string) => void): Listener {
  const onError = (): Response => errorResponse(new HttpError(500, "Something is wrong with the server"));
  try {
    return new Listener({ hostname, port, handler: (request) => service.handle(request), onError, onNote });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServeError(`Cannot listen on ${urlOf(hostname, port)} (${reason}): give another host or port`, {
      cause: error,
    });
  }
}

/** What all jobs together may use. */
function wholeOf({ threads, memory }: ServeOptions): { threads: number; memory: number } {
  const info = deviceInfo();
  return {
    threads: threads ?? info.cpu.cores,
    memory: memory ?? Math.max(1, Math.floor(info.memory.budget / 2 ** 20)),
  };
}

/**
 * Starts a server of jobs and predictions over HTTP: it runs jobs as processes that outlive it, goes on with those that a
 * server before it has left, and answers with models that jobs have trained. docs/serve.md has its routes.
 *
 * Rejects with a {@linkcode StoreError} where another server has the state, with a {@linkcode ServeError} for a host that
 * others reach while there are no tokens, where it cannot listen, and with Deno's errors where it has no permission to.
 *
 * @example
 * ```ts ignore
 * import { serve } from "@libtrain/libtrain";
 *
 * await using server = await serve.startServer({
 *   state: ".cache/serve",
 *   jobCommand: (spec) => [Deno.execPath(), "run", "-P=job", "tasks/main.ts", "job", spec],
 *   reportCommand: (run, out) => [Deno.execPath(), "run", "-P=report", "tasks/main.ts", "report", run, "--out", out],
 * });
 * console.log(server.url);
 * ```
 */
export async function startServer(options: ServeOptions): Promise<Server> {
  requireOptions(options);
  const given = { ...usual, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
  const { host, port, jobs, jobCommand, reportCommand, onNote = () => {}, now = Date.now } = given as
    & ServeOptions
    & typeof usual;
  const { cwd = Deno.cwd(), env = {}, dataRoots = [] } = options;
  const limits = given as typeof usual;
  const store = await Store.open(options.state, { hold: true });
  try {
    if (!isLoopback(host) && store.tokens.count === 0) {
      throw new ServeError(
        `Expected a token before others can reach ${host}, got none: add one, or listen on 127.0.0.1`,
      );
    }
    const roots = await DataRoots.open(dataRoots);
    const supervisor = new Supervisor(store, {
      command: jobCommand,
      ...{ cwd, env, onNote, now, jobs },
      timeLimit: limits.jobSeconds,
      grace: limits.graceSeconds,
      pause: restartPause,
      whole: wholeOf(options),
      maxQueued: limits.maxQueued,
      asks: askedOf,
    });
    const service = new Service({
      ...{ store, supervisor, roots, onNote },
      alone: isLoopback(host),
      models: new ModelService(store, {
        pack: options.pack ?? pack,
        open: options.openModel ??
          ((path) => openModel(path, { threads: options.predictThreads, onWarning: onNote })),
        mostOpen: limits.openModels,
        now,
      }),
      reports: new Reports(store, { command: reportCommand, cwd, env }),
      limits: {
        body: limits.bodyBytes,
        bodies: bodiesAtOnce * limits.bodyBytes,
        bodySeconds: limits.bodySeconds,
        images: mostImages,
        streams: mostStreams,
        queued: limits.maxQueued,
      },
    });
    await supervisor.sweep();
    // Before any job is started, as the port may be taken.
    const http = listening(host, port, service, onNote);
    const url = urlOf(http.address.hostname, http.address.port);
    try {
      supervisor.start();
    } catch (error) {
      await http.shutdown();
      throw error;
    }
    return new Server({ url, store, supervisor, service, http });
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}
