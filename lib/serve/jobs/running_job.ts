/** One job while it has a process, from process to process until it rests. */
import { join } from "node:path";
import { makeFolderOf, syncFolder } from "../../io/atomic_file.ts";
import { writeJson } from "../../io/json_file.ts";
import { later } from "../../io/later.ts";
import { readRegularText } from "../../io/regular_file.ts";
import type { JobChange, StoredJob } from "../store/jobs.ts";
import { jobEndings } from "../job/events.ts";
import { EventReader, Happening, type ReadEvent } from "./events.ts";
import {
  attachProcess,
  type CommandLine,
  holderOf,
  type JobProcess,
  killIn,
  type ProcessEnd,
  startProcess,
} from "./process.ts";
import type { Share } from "./share.ts";
import { type Ended, type Verdict, verdictOn } from "./verdict.ts";

/** What a job needs of who runs it. */
export interface RunningJobOptions {
  /** Its folder. */
  readonly folder: string;
  /** What runs a specification. */
  readonly command: (spec: string) => CommandLine;
  /** The folder that processes work in. */
  readonly cwd: string;
  /** Their environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What the job may use. */
  readonly share: Share;
  /** Seconds that a process may run before it is told to stop. */
  readonly timeLimit: number;
  /** Seconds that it has then, before it is killed. */
  readonly grace: number;
  /** Milliseconds before a process that died is followed by another one, doubled with each that saves nothing. */
  readonly pause: number;
  /** Writes a change down; keeps trying while it cannot be, and rejects where the server ends meanwhile. */
  readonly change: (change: JobChange) => Promise<StoredJob>;
  /** Is told what nobody else tells. */
  readonly onNote: (message: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** How often the events of a process are looked for, ms; a process that has ended is noticed at once. */
const poll = 200;

/** Milliseconds before a restart, at most. */
const longestPause = 30_000;

/** What stands for the number of the last event before a process that is not there yet. */
export const unknownBase = Number.MAX_SAFE_INTEGER;

/** A job that is worked at. */
export class RunningJob {
  /** The last figures that it told, by the type of their event. */
  readonly latest = new Map<string, ReadEvent>();
  /** Events, and ends. */
  readonly happening = new Happening();
  #job: StoredJob;
  readonly #options: RunningJobOptions;
  readonly #reader: EventReader;
  #process: JobProcess | undefined;
  /** The process that was told to stop: told once more, it would end at once with nothing saved. */
  #told: JobProcess | undefined;
  #last = 0;
  #ending: ReadEvent | undefined;
  /** The last event of all, where the job was done by it. */
  #done: ReadEvent | undefined;
  #gotOn = false;
  /** What was told last of events that cannot be read. */
  #trouble: string | undefined;
  /** Aborts where the server ends: the job goes on with the next one. */
  readonly #drained = new AbortController();
  readonly #stopped = new AbortController();

  constructor(job: StoredJob, options: RunningJobOptions) {
    this.#job = job;
    this.#options = options;
    this.#reader = new EventReader(join(options.folder, "events.ndjson"));
  }

  /** The job as it is written down. */
  get job(): StoredJob {
    return this.#job;
  }

  /** Runs it until it rests, or the server is drained. */
  async run(): Promise<void> {
    // What a server before this one did not see to the end.
    await this.#read();
    if (this.#job.base !== unknownBase && !await this.#goOn()) return;
    while (this.#job.wish !== "cancel") {
      if (this.#drained.signal.aborted) return await this.#change({ state: "queued", wish: null, pid: null });
      if (!await this.#rest(await this.#attempt())) return;
      await this.#pause();
    }
    await this.#end({ state: "cancelled", reason: null });
  }

  /** Tells the job to stop for good, as is written down by now; it saves first. */
  async cancel(job: StoredJob): Promise<void> {
    this.#job = job;
    this.#stopped.abort();
    this.happening.happened();
    await this.#stop();
  }

  /** Tells the job to stop until the next server goes on with it. */
  async drain(): Promise<void> {
    this.#drained.abort();
    this.happening.happened();
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const process = this.#process;
    if (process === undefined || process === this.#told) return;
    this.#told = process;
    this.#afterGrace(process, () => {
      this.#options.onNote(`job ${this.#job.id}: did not stop within ${this.#options.grace} s, and is killed`);
      return process.kill("SIGKILL");
    });
    await process.kill("SIGTERM");
  }

  /** A server before this one may have told a process to stop already: it is told where it runs on all the same. */
  #toldBefore(process: JobProcess): void {
    this.#told = process;
    this.#afterGrace(process, () => {
      this.#told = undefined;
      return this.#stop();
    });
  }

  /** Does something once a process that is to stop has had its time, unless it has ended by then. */
  #afterGrace(process: JobProcess, work: () => Promise<void>): void {
    void process.ended.finally(later(1000 * this.#options.grace, () => this.#noted(work())));
  }

  /** Takes up a job that was running when its server ended; gives whether it is to be run again. */
  async #goOn(): Promise<boolean> {
    const { folder } = this.#options;
    if (await holderOf(folder) !== undefined) {
      this.#options.onNote(`job ${this.#job.id}: its process runs, and is followed`);
      const process = attachProcess(folder, killIn(folder));
      if (this.#job.wish !== null) this.#toldBefore(process);
      return await this.#rest(await this.#follow(process));
    }
    // One that was just started has no lock yet. The number alone may be another program's by now, which Linux tells.
    const { pid, wish } = this.#job;
    if (this.#ending === undefined && pid !== null && Deno.build.os === "linux") await killIn(folder)(pid, "SIGTERM");
    if (this.#ending === undefined && wish === null) return true;
    return await this.#rest(await this.#ended({ code: undefined, signal: undefined }));
  }

  async #attempt(): Promise<Ended> {
    const { folder, command, cwd, env, share, now } = this.#options;
    const spec = join(folder, "spec.json");
    this.#ending = undefined;
    this.#gotOn = false;
    let process: JobProcess;
    try {
      await makeFolderOf(spec);
      await writeJson(spec, { ...this.#job.spec, output: folder });
      await syncFolder(folder);
      await this.#change({
        attempts: this.#job.attempts + 1,
        startedAt: this.#job.startedAt ?? now(),
        base: this.#last,
      });
      const limits = { LIBTRAIN_THREADS: `${share.threads}`, LIBTRAIN_MEMORY: `${share.memory}M` };
      process = await startProcess(command(spec), {
        cwd,
        env: { ...env, ...limits },
        log: join(folder, "stderr.log"),
        kill: killIn(folder),
      });
    } catch (error) {
      if (this.#drained.signal.aborted) throw error;
      const said = error instanceof Error ? error.message : String(error);
      return { event: undefined, code: 1, said, gotOn: false };
    }
    await this.#change({ pid: process.pid ?? null });
    const ended = await this.#follow(process);
    // Where another process held the folder all the time, that one is the job's.
    if (ended.event !== undefined || await holderOf(folder) === undefined) return ended;
    this.#options.onNote(`job ${this.#job.id}: a process of before runs, and is followed`);
    return await this.#follow(attachProcess(folder, killIn(folder)));
  }

  /** Follows a process to its end. */
  async #follow(process: JobProcess): Promise<Ended> {
    this.#process = process;
    let end: ProcessEnd | undefined;
    void process.ended.then((found) => {
      end = found;
      this.happening.happened();
    });
    const inTime = later(1000 * this.#options.timeLimit, () => this.#noted(this.#overTime()));
    try {
      // It may have been told to before it was there.
      const told = this.#drained.signal.aborted || this.#stopped.signal.aborted || this.#job.wish !== null;
      if (told) await this.#stop();
      while (end === undefined) {
        await this.#read();
        if (end === undefined) await this.happening.wait(poll);
      }
      return await this.#ended(end);
    } finally {
      inTime();
      this.#process = undefined;
    }
  }

  /** What nobody waits for is told where it fails. */
  #noted(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.onNote(`job ${this.#job.id}: ${error instanceof Error ? error.message : error}`);
    });
  }

  async #overTime(): Promise<void> {
    if (this.#job.wish === null) await this.#change({ wish: "limit" });
    await this.#stop();
  }

  async #ended(end: ProcessEnd): Promise<Ended> {
    await this.#read();
    // A job that was done before says so by its status alone.
    const event = this.#ending ?? (end.code === 0 ? this.#done : undefined);
    return { ...end, event, said: await this.#lastSaid(), gotOn: this.#gotOn };
  }

  /** Reads events as far as there are any. */
  async #read(): Promise<void> {
    try {
      for (let lines = await this.#reader.next(); lines.length > 0; lines = await this.#reader.next()) {
        for (const { event } of lines) this.#see(event);
        this.happening.happened();
      }
    } catch (error) {
      // The process runs on all the same, and is not to be lost.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#trouble) this.#options.onNote(`job ${this.#job.id}: ${message}`);
      this.#trouble = message;
    }
  }

  #see(event: ReadEvent): void {
    this.#last = event.n;
    if (["epoch", "progress", "saved"].includes(event.type)) this.latest.set(event.type, event);
    this.#done = event.type === "done" ? event : undefined;
    // Of a process before the one that is looked at.
    if (event.n <= this.#job.base) return;
    if (event.type === "epoch" || event.type === "saved") this.#gotOn = true;
    this.#ending = jobEndings.some((type) => type === event.type) ? event : undefined;
  }

  async #lastSaid(): Promise<string> {
    try {
      const text = await readRegularText(join(this.#options.folder, "stderr.log"));
      return text.trimEnd().split("\n").at(-1)!.slice(0, 500);
    } catch {
      return "";
    }
  }

  /** Writes down what became of the job; gives whether it is run again. */
  async #rest(ended: Ended): Promise<boolean> {
    // By what is wished now, not when the process began.
    const verdict = verdictOn(this.#job, ended);
    if (verdict.state === "again") {
      // What the drain has done to it is no fault of the job's.
      if (this.#drained.signal.aborted) return true;
      const { reason, crashes } = verdict;
      await this.#change({ pid: null, crashes, reason });
      this.#options.onNote(`job ${this.#job.id}: ${reason}: it is started again`);
      return true;
    }
    await this.#end(verdict);
    return false;
  }

  async #end(verdict: Exclude<Verdict, { readonly state: "again" }>): Promise<void> {
    const reason = verdict.state === "done" ? null : verdict.reason;
    const result = verdict.state === "done" ? verdict.result : null;
    await this.#change({ state: verdict.state, reason, result, pid: null, endedAt: this.#options.now(), wish: null });
    this.#options.onNote(`job ${this.#job.id}: ${verdict.state}${reason === null ? "" : `: ${reason}`}`);
  }

  async #pause(): Promise<void> {
    const ms = Math.min(longestPause, this.#options.pause * 2 ** Math.max(0, this.#job.crashes - 1));
    await this.happening.wait(ms, AbortSignal.any([this.#drained.signal, this.#stopped.signal]));
  }

  async #change(change: JobChange): Promise<void> {
    this.#job = await this.#options.change(change);
    this.happening.happened();
  }
}
