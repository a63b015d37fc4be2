/** A state with fake jobs, in a folder that is removed afterwards. */
import { fromFileUrl } from "@std/path";
import { Store } from "../../lib/serve/store/store.ts";
import type { StoredJob } from "../../lib/serve/store/jobs.ts";
import { Supervisor, type SupervisorOptions } from "../../lib/serve/jobs/supervisor.ts";

/** The program of fake jobs. */
export const fakeJob = fromFileUrl(new URL("fake_job.ts", import.meta.url));

/** A supervisor of fake jobs over a state. */
export function supervisorOf(store: Store, notes: string[], options: Partial<SupervisorOptions> = {}): Supervisor {
  return new Supervisor(store, {
    command: (spec) => [Deno.execPath(), "run", "-q", "-A", "--no-config", fakeJob, spec],
    cwd: Deno.cwd(),
    env: {},
    timeLimit: 3600,
    grace: 20,
    pause: 50,
    onNote: (message) => void notes.push(message),
    now: Date.now,
    whole: { threads: 4, memory: 4000 },
    jobs: 2,
    maxQueued: 100,
    asks: (spec) => spec["environment"] as { threads?: number } ?? {},
    ...options,
  });
}

/** Waits until something holds; fails after a while. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, seconds = 60): Promise<void> {
  const start = performance.now();
  while (!await holds()) {
    if (performance.now() - start > 1000 * seconds) throw new Error(`Waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until a job is in a state. */
export async function untilState(store: Store, id: string, ...states: StoredJob["state"][]): Promise<StoredJob> {
  await until(() => states.includes(store.jobs.find(id)!.state), `${id} to be ${states.join(" or ")}`);
  return store.jobs.find(id)!;
}

/** The events of a job as its file has them, without a line that was begun. */
export function eventsOf(store: Store, id: string): { n: number; type: string; [name: string]: unknown }[] {
  const text = Deno.readTextFileSync(`${store.jobFolder(id)}/events.ndjson`);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}
