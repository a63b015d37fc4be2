/** A server under a mixed load for long: wrong requests, jobs that are killed, models that change, its memory. */
import { join } from "@std/path";
import { median } from "../../../benchmarks/support.ts";
import type { Check, CheckContext, Control, Tally } from "../check.ts";
import { answered, asked, followed, jobResult, type Serving, serving } from "../server.ts";
import { image, isAlike, judged, predicted, specOf, sumOf } from "../served_jobs.ts";

/** Clients that predict, that send what is wrong, and that submit jobs. */
const [CLIENTS, WRONG, JOBS] = [4, 2, 2];

/** Lives of a server, of which all but the last end with SIGKILL. */
const LIVES = 3;

/** MiB by which a server's memory may grow in the second half of a life, and of one so short that its heap finds its size. */
const [MOST, MOST_OF_SHORT] = [16, 64];

/** Seconds of a life that is not short. */
const LONG = 600;

/** Jobs whose models are in service in turn. */
const sources = ["first", "second"] as const;

/** Requests that are wrong, with the statuses that the documents give them. */
const wrong: readonly (readonly [method: string, path: string, type: string, body: string, statuses: number[]])[] = [
  ["POST", "/predict", "image/png", "no image", [422]],
  ["POST", "/predict?model=nobody", "image/png", "no image", [404]],
  ["POST", "/predict", "text/html", "<p>", [415]],
  ["POST", "/jobs", "application/json", '{"name": "x", "preset": "mnits"}', [422]],
  ["POST", "/jobs", "application/json", "{", [400]],
  ["PUT", "/models/..%2Fx", "application/json", "{}", [400, 404, 422]],
  ["GET", "/jobs/nobody", "", "", [404]],
  ["GET", "/nowhere", "", "", [404]],
];

/** What a load is judged by: what the model of each job must answer, and what each job must come to. */
interface Wanted {
  readonly answers: ReadonlyMap<string, string>;
  /** The jobs of versions, as far as they were asked for. */
  readonly jobs: Map<number, string>;
  readonly sum: string;
}

/** A server with two versions of a model, of jobs that nothing disturbed. */
async function prepared(state: string): Promise<{ server: Serving; wanted: Wanted }> {
  const server = await serving(state);
  const answers = new Map<string, string>();
  const jobs = new Map<number, string>();
  for (const [at, name] of sources.entries()) {
    await jobResult(server.url, specOf(name, at));
    const { version } = await asked(server.url, "PUT", "/models/digits", { job: name });
    jobs.set(Number(version), name);
    answers.set(name, await predicted(server.url));
  }
  return { server, wanted: { answers, jobs, sum: await sumOf(state, sources[0]) } };
}

/** What is wrong with an answer, which says by which version it is. */
function misread(answer: string, { answers, jobs }: Wanted): string | undefined {
  const { version } = JSON.parse(answer);
  const wanted = answers.get(jobs.get(version) ?? "");
  if (wanted !== undefined && isAlike(answer, wanted)) return undefined;
  return `/predict answered ${answer}, and ${wanted ?? `there is no version ${version}`}`;
}

/** Learns whose model each version is. */
async function learnVersions(url: string, { jobs }: Wanted): Promise<void> {
  const { models: [model] } = await asked(url, "GET", "/models") as {
    models: { versions: { version: number; job: string }[] }[];
  };
  for (const { version, job } of model!.versions) jobs.set(version, job);
}

/** MiB that a server holds, once a second, as its own metrics say. */
function grown(samples: readonly number[]): string | undefined {
  const part = (from: number, to: number): number =>
    median(samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length)));
  const growth = part(0.75, 1) - part(0.25, 0.5);
  const most = samples.length < LONG ? MOST_OF_SHORT : MOST;
  return growth > most ? `the server's memory grew by ${growth.toFixed(0)} MiB within ${samples.length} s` : undefined;
}

/** One after the other until it is over; `step` says how many milliseconds to wait after each. */
async function going(isOver: () => boolean, step: () => Promise<number>): Promise<void> {
  while (!isOver()) {
    const pause = await step();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function residentMib(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^libtrain_process_resident_bytes (\S+)$/m.exec(text)![1]) / 2 ** 20;
}

/** Kills that a job gets at most: of four in a row that save nothing it fails, as is documented. */
const KILLS = 2;

/** The process of a job that runs and was killed less often; undefined where there is none. */
async function jobProcess(state: string, url: string): Promise<number | undefined> {
  const { jobs } = await asked(url, "GET", "/jobs") as { jobs: { id: string; state: string; attempts: number }[] };
  const job = jobs.find(({ state, attempts }) => state === "running" && attempts <= KILLS);
  if (job === undefined) return undefined;
  const text = await Deno.readTextFile(join(state, "jobs", job.id, "events.ndjson"));
  const started = text.trimEnd().split("\n").findLast((line) => line.includes('"started"'));
  return started === undefined ? undefined : JSON.parse(started).pid;
}

async function all({ folder, count, rng }: CheckContext, tally: Tally): Promise<void> {
  const state = join(folder, "state");
  const { server: first, wanted } = await prepared(state);
  let server = first;
  let over = false;
  /** Whether there may be no server: clients then get errors of the connection, and a moment later still. */
  let killing = false;
  const url = (): string => server.url;
  const isOver = (): boolean => over;
  const told = (error: unknown, what: string): number => {
    if (killing) tally.add("requests told of a killed server");
    else tally.count(`${what}: ${error}`, 0);
    return 50;
  };
  const bytes = await Deno.readFile(image);
  const predictors = Array.from({ length: CLIENTS }, () =>
    going(isOver, async () => {
      try {
        const answer = await predicted(url(), bytes);
        if (!wanted.jobs.has(JSON.parse(answer).version)) await learnVersions(url(), wanted);
        tally.count(misread(answer, wanted));
        return 0;
      } catch (error) {
        return told(error, "/predict");
      }
    }));
  const wrongs = Array.from({ length: WRONG }, (_, client) => {
    let next = client;
    return going(isOver, async () => {
      const [method, path, type, body, statuses] = wrong[next++ % wrong.length]!;
      try {
        const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
        const response = await fetch(`${url()}${path}`, { method, headers, ...(body === "" ? {} : { body }) });
        const { error } = await response.json();
        const right = statuses.includes(response.status) && typeof error === "string";
        tally.count(right ? undefined : `${method} ${path}: ${response.status} ${error}, wanted ${statuses}`);
        return 5;
      } catch (error) {
        return told(error, `${method} ${path}`);
      }
    });
  });
  let made = 0;
  const submitters = Array.from({ length: JOBS }, () =>
    going(isOver, async () => {
      const job = `job-${made++}`;
      await answered(url, "POST", "/jobs", specOf(job));
      const heard = await followed(url, job);
      const { state: found, reason } = await answered(url, "GET", `/jobs/${job}`);
      tally.count(found === "done" ? await judged(state, job, heard, wanted.sum) : `${job} is ${found}: ${reason}`);
      tally.add("jobs");
      await answered(url, "DELETE", `/jobs/${job}?purge=true`);
      return 0;
    }));
  const swapper = going(isOver, async () => {
    const [method, path, body] = rng.below(3) === 0
      ? ["POST", "/models/digits/rollback", undefined] as const
      : ["PUT", "/models/digits", { job: sources[rng.below(sources.length)] }] as const;
    try {
      await asked(url(), method, path, body);
      tally.add("models taken into service, or back");
    } catch (error) {
      // There is none before the first one.
      if (!`${error}`.includes("409")) return told(error, `${method} ${path}`);
    }
    return 1000 + rng.below(9000);
  });
  const killer = going(isOver, async () => {
    try {
      const process = await jobProcess(state, url());
      if (process !== undefined) {
        Deno.kill(process, "SIGKILL");
        tally.add("jobs killed");
      }
    } catch {
      // The job has ended meanwhile, or the server is being killed.
    }
    return 1000 + rng.below(4000);
  });
  const lives: number[][] = [];
  try {
    for (let life = 0; life < LIVES; life++) {
      const samples: number[] = [];
      const end = performance.now() + 1000 * count / LIVES;
      while (performance.now() < end) {
        samples.push(await residentMib(url()));
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      lives.push(samples);
      if (life === LIVES - 1) break;
      killing = true;
      await server.end("SIGKILL");
      server = await serving(state);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      killing = false;
      tally.add("servers killed");
    }
  } finally {
    over = true;
    await Promise.all([...predictors, ...wrongs, ...submitters, swapper, killer]);
    await server.end("SIGTERM");
  }
  for (const samples of lives) tally.count(grown(samples), 0);
  tally.figures["seconds"] = count;
  tally.figures["MiB at most"] = Math.round(Math.max(...lives.flat()));
}

/** An hour of everything at once. */
export const load: Check = {
  name: "load",
  promise:
    "A server under a mixed load with kills answers no request wrongly, loses none without an error, and does not grow.",
  unit: "requests and jobs",
  sizes: { quick: 120, long: 3600 },
  timed: true,
  run: all,
  async control({ folder }): Promise<Control> {
    const planted = "an answer by another version's weights, and 1 MiB more each second";
    const { server, wanted } = await prepared(join(folder, "planted"));
    const right = await predicted(server.url);
    await server.end("SIGTERM");
    const { version, ...rest } = JSON.parse(right);
    const other = JSON.stringify({ ...rest, version: version - 1 });
    const said = misread(right, wanted) === undefined ? misread(other, wanted) : undefined;
    const growth = grown(Array.from({ length: LONG }, (_, second) => 200 + second));
    const flat = grown(Array.from({ length: LONG }, (_, second) => 200 + 10 * (second % 2)));
    const caught = said !== undefined && growth !== undefined && flat === undefined;
    return { planted, caught, said: `${said ?? "nothing"}; ${growth ?? "nothing"}` };
  },
};
