/** All that a server remembers: jobs, models, tokens, in one folder. */
import { join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { Database, StoreError } from "./database.ts";
import { JobTable } from "./jobs.ts";
import { ModelTable } from "./models.ts";
import { scheme } from "./scheme.ts";
import { TokenTable } from "./tokens.ts";

/** How to open a state. */
export interface StoreOptions {
  /** Whether this process is the state's server, of which there is one at a time; by default it only looks something up. */
  readonly hold?: boolean;
}

/** A server's state: `state.sqlite`, and beside it the folders of jobs and models. */
export class Store implements Disposable {
  /** Its folder. */
  readonly folder: string;
  /** The jobs. */
  readonly jobs: JobTable;
  /** The models. */
  readonly models: ModelTable;
  /** The tokens. */
  readonly tokens: TokenTable;
  readonly #database: Database;
  readonly #lock: Deno.FsFile | undefined;

  private constructor(folder: string, database: Database, lock: Deno.FsFile | undefined) {
    this.folder = folder;
    this.#database = database;
    this.#lock = lock;
    this.jobs = new JobTable(database);
    this.models = new ModelTable(database);
    this.tokens = new TokenTable(database);
  }

  /** Opens a state, or makes it; rejects with a {@linkcode StoreError} where another server holds it. */
  static async open(folder: string, { hold = false }: StoreOptions = {}): Promise<Store> {
    await makeFolder(folder);
    const lock = hold ? await held(folder) : undefined;
    try {
      return new Store(folder, new Database(join(folder, "state.sqlite"), scheme), lock);
    } catch (error) {
      lock?.close();
      throw error;
    }
  }

  /** The folder of a job. */
  jobFolder(id: string): string {
    return join(this.folder, "jobs", id);
  }

  /** The file of a model's version. */
  modelFile(name: string, version: number): string {
    return join(this.folder, "models", name, `${version}.safetensors`);
  }

  /** @internal Lets the database grow by so many pages and no more, as on a full disk. */
  limitPages(more: number): void {
    const pages = Number(this.#database.get("PRAGMA page_count")!["page_count"]);
    this.#database.get(`PRAGMA max_page_count = ${pages + more}`);
  }

  /** Closes the state, and lets another server have it. */
  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
    this.#lock?.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    // What jobs print and learn is not for every user of the machine.
    if (!await isThere(folder)) await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("failed", `Cannot make the state folder "${folder}": ${reason}`, { cause: error });
  }
}

/** The lock of a state, which ends with its process however that ends; the file names the process for whoever asks. */
async function held(folder: string): Promise<Deno.FsFile> {
  const path = join(folder, "lock");
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("failed", `Cannot open "${path}": ${reason}`, { cause: error });
  }
  try {
    if (await file.tryLock(true)) {
      await file.truncate();
      await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
      return file;
    }
  } catch (error) {
    file.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("failed", `Cannot lock "${path}" (${reason}): take a folder on a local disk`, {
      cause: error,
    });
  }
  const buffer = new Uint8Array(20);
  const pid = new TextDecoder().decode(buffer.subarray(0, await file.read(buffer) ?? 0)).trim();
  file.close();
  throw new StoreError(
    "held",
    `Cannot serve the state "${folder}": another server has it${
      pid === "" ? "" : ` (process ${pid})`
    }: stop that one, or take another folder`,
  );
}
