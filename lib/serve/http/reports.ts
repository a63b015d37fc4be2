/** Pages about jobs, made when somebody asks for them. */
import { join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { readRegularFile } from "../../io/regular_file.ts";
import { type CommandLine, killIn, startProcess } from "../jobs/process.ts";
import { rests } from "../jobs/supervisor.ts";
import type { StoredJob } from "../store/jobs.ts";
import type { Store } from "../store/store.ts";
import { HttpError } from "./http_error.ts";

/** What makes pages. */
export interface ReportOptions {
  /** Makes `report.html` of a run in a folder. */
  readonly command: (run: string, out: string) => CommandLine;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The pages of a state's jobs. */
export class Reports {
  readonly #store: Store;
  readonly #options: ReportOptions;
  /** One after another: each takes a processor for a second or more. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #making = new Map<string, Promise<void>>();

  constructor(store: Store, options: ReportOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** The page of a job, as it stands now. */
  async of(job: StoredJob): Promise<Uint8Array<ArrayBuffer>> {
    const folder = this.#store.jobFolder(job.id);
    const made = join(folder, "report", "report.html");
    if (rests(job) && await isThere(made)) return await readRegularFile(made);
    const run = join(folder, "run");
    if (!await isThere(join(run, "metrics.csv"))) {
      throw new HttpError(
        404,
        `Expected a job that has begun to train, got "${job.id}", of which there is nothing to show`,
      );
    }
    const out = join(folder, "page");
    const page = join(out, "report.html");
    if (await isOlder(page, join(run, "metrics.csv"))) {
      const making = this.#making.get(job.id) ?? this.#make(job.id, run, out);
      this.#making.set(job.id, making);
      await making.finally(() => this.#making.delete(job.id));
    }
    return await readRegularFile(page);
  }

  #make(id: string, run: string, out: string): Promise<void> {
    const { command, cwd, env } = this.#options;
    const folder = this.#store.jobFolder(id);
    const made = this.#turn.then(async () => {
      const log = join(folder, "page.log");
      const process = await startProcess(command(run, out), { cwd, env, log, kill: killIn(folder) });
      const { code } = await process.ended;
      if (code === 0) return;
      const said = new TextDecoder().decode(await readRegularFile(log)).trimEnd().split("\n").at(-1)!;
      throw new HttpError(500, `Cannot make the page of "${id}": ${said}`);
    });
    this.#turn = made.catch(() => {});
    return made;
  }
}

/** Whether a file was not made yet, or before another one changed. */
async function isOlder(path: string, than: string): Promise<boolean> {
  if (!await isThere(path)) return true;
  const [{ mtime: made }, { mtime: changed }] = await Promise.all([Deno.stat(path), Deno.stat(than)]);
  return (made?.getTime() ?? 0) < (changed?.getTime() ?? 0);
}
