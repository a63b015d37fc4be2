/** What the control plane does: it asks a `deno task serve` elsewhere, again where it has to, and has one job a day. */

/** A server of jobs, and how to ask it. */
export interface Target {
  /** Its address, say https://train.example.com. */
  readonly url: string;
  /** A token of `deno task serve --add-token`. */
  readonly token: string;
  /** How often a request is sent before it is given up; by default 6. */
  readonly tries?: number;
  /** Milliseconds before the second try, twice as many before each further one; by default 500. */
  readonly pause?: number;
}

/** A job as the server tells of it. */
export interface Job {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
}

/** An answer that says no, and would again. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Statuses that mean: the same request later may do. */
const later = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

/** The longest wait for a further try, ms: cron and functions have minutes. */
const longest = 20_000;

/**
 * Asks the server until it answers. Every request that is sent may have been done although its answer was lost, so only
 * those are sent through here that may be done twice: a job's name stands for it, and a model for its job.
 */
export async function ask(target: Target, path: string, init: RequestInit = {}): Promise<Response> {
  const { tries = 6, pause = 500 } = target;
  for (let count = 1;; count++) {
    let wait = Math.min(longest, pause * 2 ** (count - 1)) * (0.5 + Math.random());
    try {
      const response = await fetch(new URL(path, target.url), {
        ...init,
        headers: { ...init.headers as Record<string, string>, authorization: `Bearer ${target.token}` },
        redirect: "error",
      });
      if (count >= tries || !later.has(response.status)) return response;
      const told = Number(response.headers.get("retry-after"));
      if (told > 0) wait = Math.max(wait, Math.min(longest, 1000 * told));
      await response.body?.cancel();
    } catch (error) {
      if (count >= tries || init.signal?.aborted === true) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function json<Answer>(target: Target, path: string, method: string, body?: unknown): Promise<Answer> {
  const sent = body === undefined
    ? {}
    : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await ask(target, path, { method, ...sent, signal: AbortSignal.timeout(120_000) });
  const answer = await response.json();
  if (!response.ok) throw new RefusedError(response.status, `${method} ${path}: ${response.status} ${answer.error}`);
  return answer;
}

async function find(target: Target, name: string): Promise<Job | undefined> {
  try {
    return await json<Job>(target, `/jobs/${name}`, "GET");
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return undefined;
    throw error;
  }
}

/** The day of an instant, in UTC as the schedules are. */
function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

/**
 * What the schedule calls, as often as it likes: sees to it that there is a job of the day, that it goes on where it was
 * stopped, and that the newest one that is done answers. What failed or was cancelled is left to a person.
 *
 * `spec` is a job's specification without a name. Gives the job of the day, and the one that was taken into service.
 */
export async function tick(
  target: Target,
  { spec, model, now = Date.now() }: { spec: Readonly<Record<string, unknown>>; model: string; now?: number },
): Promise<{ readonly job: Job; readonly inService: string | undefined }> {
  const [name, before] = [now, now - 86_400_000].map((at) => `${model}-${dayOf(at)}`) as [string, string];
  let job = await find(target, name);
  // The day's seed: the same specification for the same name, whoever sends it again.
  const whole = { ...spec, name, recipe: { seed: Math.floor(now / 86_400_000), ...spec["recipe"] as object } };
  if (job === undefined || job.state === "stopped") job = await json<Job>(target, "/jobs", "POST", whole);
  // One that was over after midnight too.
  const done = job.state === "done" ? job : await find(target, before);
  if (done?.state !== "done") return { job, inService: undefined };
  await json(target, `/models/${model}`, "PUT", { job: done.id });
  return { job, inService: done.id };
}

/** Whether a request has the token; compared by digests, in a time that tells nothing. */
async function isFrom(request: Request, token: string): Promise<boolean> {
  const digest = async (text: string): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const [given, wanted] = await Promise.all([
    digest(request.headers.get("authorization") ?? ""),
    digest(`Bearer ${token}`),
  ]);
  return given.reduce((differs, byte, at) => differs | byte ^ wanted[at]!, 0) === 0;
}

/** What clients may ask for, as the server names it. */
const routes = [
  { method: "POST", path: /^\/jobs$/ },
  { method: "GET", path: /^\/jobs\/[\w-][\w.-]{0,99}(\/events)?$/ },
  { method: "DELETE", path: /^\/jobs\/[\w-][\w.-]{0,99}$/ },
];

/** Answers a request of a client that has the control plane's own token: passes it on to the server, and its answer back. */
export async function handle(request: Request, target: Target, ownToken: string): Promise<Response> {
  const refused = (status: number, error: string): Response => Response.json({ error }, { status });
  const { pathname } = new URL(request.url);
  if (pathname === "/healthz") return Response.json({ ok: true });
  if (!await isFrom(request, ownToken)) return refused(401, "Expected the control plane's token");
  if (!routes.some(({ method, path }) => method === request.method && path.test(pathname))) {
    return refused(404, "Expected POST /jobs, or GET or DELETE /jobs/NAME, or GET /jobs/NAME/events");
  }
  const headers: Record<string, string> = {};
  for (const name of ["content-type", "last-event-id"]) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const body = request.method === "POST" ? await request.text() : undefined;
  if (body !== undefined && body.length > 2 ** 20) return refused(413, "Expected at most 1 MiB");
  try {
    const { status, headers: told, body: answer } = await ask(target, pathname, {
      method: request.method,
      body,
      headers,
      signal: request.signal,
    });
    const passed = ["content-type", "location", "retry-after"].flatMap((name) => {
      const value = told.get(name);
      return value === null ? [] : [[name, value] as [string, string]];
    });
    return new Response(answer, { status, headers: passed });
  } catch (error) {
    console.error(`The server does not answer: ${error}`);
    return refused(502, "The server of jobs does not answer: send the same again later");
  }
}
