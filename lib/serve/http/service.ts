/** A server as a function from requests to answers. */
import { EventReader } from "../jobs/events.ts";
import type { DataRoots } from "../jobs/roots.ts";
import { rests, type Supervisor } from "../jobs/supervisor.ts";
import type { ModelService } from "../models/service.ts";
import type { StoredJob } from "../store/jobs.ts";
import type { Store } from "../store/store.ts";
import { requireOwnSite, requireToken } from "./access.ts";
import { type Body, BodyBudget, readBody } from "./body.ts";
import { errorResponse, HttpError, httpErrorOf } from "./http_error.ts";
import { jobRoutes } from "./job_routes.ts";
import { Metrics } from "./metrics.ts";
import { modelRoutes } from "./model_routes.ts";
import { pageRoutes } from "./page_routes.ts";
import type { Reports } from "./reports.ts";
import { findRoute, type Route, valuesOf } from "./route.ts";
import { serviceRoutes } from "./service_routes.ts";

/** What requests may take. */
export interface RequestLimits {
  /** Bytes of a body. */
  readonly body: number;
  /** Bytes of all bodies together. */
  readonly bodies: number;
  /** Seconds for a body. */
  readonly bodySeconds: number;
  /** Images of a request. */
  readonly images: number;
  /** Clients that follow events. */
  readonly streams: number;
  /** Jobs that wait. */
  readonly queued: number;
}

/** What a service works with. */
export interface ServiceParts {
  readonly store: Store;
  readonly supervisor: Supervisor;
  readonly models: ModelService;
  readonly reports: Reports;
  readonly roots: DataRoots;
  readonly limits: RequestLimits;
  /** Whether it listens to this machine alone. */
  readonly alone: boolean;
  /** Is told of mistakes that no client is told of. */
  readonly onNote: (message: string) => void;
}

/** Bytes of a path with its parameters, and of all headers. */
const [pathBytes, headerBytes] = [4096, 16 * 1024];

/** Answers requests. */
export class Service {
  readonly store: Store;
  readonly supervisor: Supervisor;
  readonly models: ModelService;
  readonly reports: Reports;
  readonly roots: DataRoots;
  readonly limits: RequestLimits;
  readonly alone: boolean;
  /** What is counted. */
  readonly metrics = new Metrics();
  /** Bodies that are held. */
  readonly bodies: BodyBudget;
  /** The routes. */
  readonly routes: readonly Route[];
  readonly #ending = new AbortController();
  readonly #onNote: (message: string) => void;
  #streams = 0;

  constructor({ store, supervisor, models, reports, roots, limits, alone, onNote }: ServiceParts) {
    this.store = store;
    this.supervisor = supervisor;
    this.models = models;
    this.reports = reports;
    this.roots = roots;
    this.limits = limits;
    this.alone = alone;
    this.#onNote = onNote;
    this.bodies = new BodyBudget(limits.bodies);
    const routes: Route[] = [...pageRoutes(), ...jobRoutes(this), ...modelRoutes(this)];
    routes.push(...serviceRoutes(this, () => routes));
    this.routes = routes;
  }

  /** Aborts when the server ends. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether the server is about to end. */
  get draining(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Clients that follow events. */
  get streams(): number {
    return this.#streams;
  }

  /** Ends streams and refuses what changes something; what only looks goes on. */
  drain(): void {
    this.#ending.abort();
  }

  /** Counts a client that follows events, until the function it gives is called. */
  enterStream(): () => void {
    if (this.#streams >= this.limits.streams) {
      const message = `Expected at most ${this.limits.streams} clients that follow events, got another one`;
      throw new HttpError(429, message, { "retry-after": "10" });
    }
    this.#streams++;
    return () => void this.#streams--;
  }

  /** Whether more events of a job may come. */
  goesOn(id: string): boolean {
    const job = this.store.jobs.find(id);
    return job !== undefined && (!rests(job) || this.supervisor.running(id) !== undefined);
  }

  /** Whether a number is that of a job's last event; throws for one that is none's. */
  async isLastEvent({ id }: StoredJob, path: string, number: number): Promise<boolean> {
    const reader = new EventReader(path);
    await reader.skip(Infinity);
    let last = 0;
    for (let lines = await reader.next(); lines.length > 0; lines = await reader.next()) last = lines.at(-1)!.event.n;
    if (number <= last) return number === last;
    throw new HttpError(400, `Expected Last-Event-ID from 0 to ${last}, the last event of "${id}", got ${number}`);
  }

  /** Answers a request; never rejects. */
  async handle(request: Request): Promise<Response> {
    const start = performance.now();
    let path = "none";
    let response: Response;
    try {
      response = await this.#answer(request, (route) => path = route.path);
    } catch (error) {
      response = errorResponse(this.#known(error, request));
    }
    const labels = { route: path, method: path === "none" ? "any" : request.method, status: `${response.status}` };
    this.metrics.count("libtrain_requests_total", "Requests answered", labels);
    const seconds = (performance.now() - start) / 1000;
    this.metrics.observe("libtrain_request_seconds", "Seconds to an answer's beginning", { route: path }, seconds);
    response.headers.set("x-content-type-options", "nosniff");
    response.headers.set("cache-control", "no-store");
    return response;
  }

  #known(error: unknown, request: Request): HttpError {
    const known = httpErrorOf(error);
    if (known !== undefined) return known;
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#onNote(`${request.method} ${new URL(request.url).pathname}: ${text}`);
    return new HttpError(500, "Something is wrong with the server: its log says what");
  }

  async #answer(request: Request, onRoute: (route: Route) => void): Promise<Response> {
    if (!URL.canParse(request.url)) {
      throw new HttpError(400, "Expected the header Host as a host's name, got another text");
    }
    const url = new URL(request.url);
    requireShort(request, url);
    requireOwnSite(request, { tokens: !this.alone || this.store.tokens.count > 0 });
    const [route, inPath] = this.#routed(request, url);
    onRoute(route);
    if (route.open !== true) requireToken(request, this.store.tokens, this);
    if (this.draining && route.looks !== true) {
      throw new HttpError(503, "The server is about to end: ask its next one", { "retry-after": "10" });
    }
    const values = valuesOf(route, inPath, url, request.headers);
    const most = route.body?.most ?? 0;
    const body = (): Promise<Body> =>
      readBody(request, { most, seconds: this.limits.bodySeconds, budget: this.bodies });
    return await route.run({ request, values, body });
  }

  /** Who has no token is not told which paths there are. */
  #routed(request: Request, url: URL): [Route, Record<string, string>] {
    try {
      return findRoute(this.routes, request.method, url);
    } catch (error) {
      requireToken(request, this.store.tokens, this);
      throw error;
    }
  }
}

function requireShort(request: Request, url: URL): void {
  const path = url.pathname.length + url.search.length;
  if (path > pathBytes) throw new HttpError(414, `Expected a path of at most ${pathBytes} bytes, got ${path}`);
  let headers = 0;
  for (const [name, value] of request.headers) headers += name.length + value.length + 4;
  if (headers > headerBytes) {
    throw new HttpError(431, `Expected headers of at most ${headerBytes} bytes, got ${headers}`);
  }
}
