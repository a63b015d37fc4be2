/** Pages about jobs, made when somebody asks for them. */
import { dirname, join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { readRegularFile, readRegularText } from "../../io/regular_file.ts";
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
  /** By what is like no other job's, as a name may be another one's by the time. */
  readonly #making = new Map<number, Promise<void>>();

  constructor(store: Store, options: ReportOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** The page of a job, as it stands now. */
  async of(job: StoredJob): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#of(job);
    } catch (error) {
      this.#requireThere(job);
      throw error;
    }
  }

  async #of(job: StoredJob): Promise<Uint8Array<ArrayBuffer>> {
    const folder = this.#store.jobFolder(job.id);
    const made = join(folder, "report", "report.html");
    if (rests(job) && await isThere(made)) return await readRegularFile(made);
    const metrics = join(folder, "run", "metrics.csv");
    if (!await isThere(metrics)) {
      throw new HttpError(
        404,
        `Expected a job that has begun to train, got "${job.id}", of which there is nothing to show`,
      );
    }
    const page = join(folder, "page", "report.html");
    if (await changedAt(page) !== await changedAt(metrics)) {
      const making = this.#making.get(job.made) ?? this.#make(job, page, metrics);
      this.#making.set(job.made, making);
      await making.finally(() => this.#making.delete(job.made));
    }
    return await readRegularFile(page);
  }

  #requireThere({ id, made }: StoredJob): void {
    if (this.#store.jobs.find(id)?.made === made) return;
    throw new HttpError(404, `Expected a job of this server, got "${id}", which was removed meanwhile`);
  }

  #make(job: StoredJob, page: string, metrics: string): Promise<void> {
    const { command, cwd, env } = this.#options;
    const made = this.#turn.then(async () => {
      this.#requireThere(job);
      // What is made of a job that is removed meanwhile must not come to one of the same name.
      const folder = join(this.#store.folder, "trash", crypto.randomUUID());
      await Deno.mkdir(folder, { recursive: true });
      try {
        const log = join(folder, "log");
        // What is trained while the page is made is not on it.
        const shown = await changedAt(metrics);
        const process = await startProcess(command(dirname(metrics), join(folder, "page")), {
          cwd,
          env,
          log,
          kill: killIn(folder),
        });
        const { code } = await process.ended;
        this.#requireThere(job);
        if (code !== 0) {
          const said = (await readRegularText(log)).trimEnd().split("\n").at(-1)!;
          const why = said === "" ? `its program ended with ${code} and said nothing, as where the disk is full` : said;
          throw new HttpError(500, `Cannot make the page of "${job.id}": ${why}`);
        }
        const ready = join(folder, "page", "report.html");
        Deno.utimeSync(ready, new Date(), new Date(shown!));
        Deno.mkdirSync(dirname(page), { recursive: true });
        Deno.renameSync(ready, page);
      } finally {
        await Deno.remove(folder, { recursive: true }).catch(() => {});
      }
    });
    this.#turn = made.catch(() => {});
    return made;
  }
}

/** When a file was changed, ms since 1970; undefined where there is none. */
async function changedAt(path: string): Promise<number | undefined> {
  return await isThere(path) ? (await Deno.stat(path)).mtime?.getTime() : undefined;
}
