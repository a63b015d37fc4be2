/** A server that is killed under a mixed load: its jobs' bits and events, and its answers. */
import { join } from "@std/path";
import type { Check, CheckContext, Control, Tally } from "../check.ts";
import { answered, asked, followed, jobResult, type Serving, serving } from "../server.ts";
import { isAlike, judged, predicted, specOf, sumOf } from "../served_jobs.ts";

/** Milliseconds that a server lives at most, clients that predict, and jobs that wait or run. */
const [LONGEST, CLIENTS, JOBS] = [4000, 3, 3];

/** A server with the model of a job that nothing disturbed, what the job came to, and what the model answers. */
async function prepared(state: string): Promise<{ server: Serving; sum: string; answer: string }> {
  const server = await serving(state);
  await jobResult(server.url, specOf("whole"));
  await asked(server.url, "PUT", "/models/digits", { job: "whole" });
  return { server, sum: await sumOf(state, "whole"), answer: await predicted(server.url) };
}

async function all({ folder, count, rng }: CheckContext, tally: Tally): Promise<void> {
  const state = join(folder, "state");
  const first = await prepared(state);
  const { sum, answer } = first;
  let server = first.server;
  const url = (): string => server.url;
  let over = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over) {
      try {
        const found = await predicted(url());
        tally.add("predictions");
        if (!isAlike(found, answer)) tally.count(`/predict answered ${found}, and ${answer} before`, 0);
      } catch {
        tally.add("requests told of a killed server");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  let made = 0;
  // As long as servers are killed there are jobs that run and jobs that wait.
  const submitters = Array.from({ length: JOBS }, async () => {
    while (!over) {
      const job = `job-${made++}`;
      await answered(url, "POST", "/jobs", specOf(job));
      const heard = await followed(url, job);
      const { state: found, reason } = await answered(url, "GET", `/jobs/${job}`);
      const wrong = found === "done" ? await judged(state, job, heard, sum) : `${found}: ${reason}`;
      tally.add("jobs");
      if (wrong !== undefined) tally.count(`${job}: ${wrong}`, 0);
    }
  });
  try {
    for (let kills = 0; kills < count; kills++) {
      await new Promise((resolve) => setTimeout(resolve, rng.below(LONGEST)));
      const signal = rng.below(5) === 0 ? "SIGTERM" : "SIGKILL";
      await server.end(signal);
      tally.add(signal);
      tally.count(undefined);
      server = await serving(state);
    }
  } finally {
    over = true;
    await Promise.all([...clients, ...submitters]);
    await server.end("SIGTERM");
  }
  const { length } = [...Deno.readDirSync(join(state, "jobs"))];
  if (length !== made + 1) tally.count(`${made + 1} jobs were submitted, and there are ${length}`, 0);
}

/** Kills and stops of a server under load. */
export const serve: Check = {
  name: "serve",
  promise:
    "A server killed under load loses no job, doubles no event, answers no image wrongly; its jobs keep their bits.",
  unit: "kills and stops of the server",
  sizes: { quick: 3, long: 100 },
  run: all,
  async control({ folder }): Promise<Control> {
    const planted = "an event that a client hears twice after it came again";
    const state = join(folder, "planted");
    const { server, sum } = await prepared(state);
    const heard = await followed(() => server.url, "whole");
    await server.end("SIGTERM");
    const right = await judged(state, "whole", heard, sum);
    const said = await judged(state, "whole", [...heard.slice(0, 3), ...heard.slice(2)], sum);
    return { planted, caught: right === undefined && said !== undefined, said: said ?? right ?? "nothing" };
  },
};
