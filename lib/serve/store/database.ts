/** An SQLite file whose errors are one line each, by what can be done about them. */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { LibtrainError } from "../../ffi/errors.ts";

/** What keeps a state from being read or written. */
export type StoreFault = "full" | "locked" | "readonly" | "damaged" | "version" | "held" | "failed";

/** The state of a server cannot be read or written; what it held before is unchanged. */
export class StoreError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "StoreError";
  /** What is in the way. */
  readonly fault: StoreFault;

  /** An error by what is in the way. */
  constructor(fault: StoreFault, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.fault = fault;
  }
}

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Says at the start of the file whose it is ("ltsv"), so that no other program's file is taken for a state. */
const applicationId = 0x6c747376;

/** How long a statement waits for another process's, ms: nothing else is served meanwhile. */
const patience = 250;

/** SQLite's messages (https://www.sqlite.org/rescode.html) and what to do: not every error comes with its number. */
const faults: Readonly<Record<string, readonly [StoreFault, string]>> = {
  "database is locked": ["locked", "another process writes to it: try again"],
  "database table is locked": ["locked", "another statement writes to it: try again"],
  "attempt to write a readonly database": ["readonly", "give this user the right to write it, or take another folder"],
  "database or disk is full": ["full", "free some space"],
  "disk I/O error": ["failed", "look after the disk, which may be full or broken"],
  "unable to open database file": ["failed", "look after the folder's rights"],
  "database disk image is malformed": ["damaged", "restore it from a copy, or begin with another folder"],
  "file is not a database": ["damaged", "restore it from a copy, or begin with another folder"],
};

function translated(path: string, error: unknown): Error {
  if (!(error instanceof Error)) return new StoreError("failed", `Cannot use "${path}": ${error}`, { cause: error });
  if ((error as { code?: unknown }).code !== "ERR_SQLITE_ERROR") return error;
  const [fault, advice] = faults[error.message] ?? ["failed", "nothing was changed"];
  return new StoreError(fault, `Cannot use the state "${path}" (${error.message}): ${advice}`, { cause: error });
}

/** What is in a file, and how it came to be. */
export interface Scheme {
  /** Counts up with each change of the tables. */
  readonly version: number;
  /** Makes the tables. */
  readonly create: string;
}

/**
 * A database that survives a kill and a power cut: a write-ahead log, synced at each transaction. Each call is a transaction
 * of its own unless it stands in {@linkcode transaction}.
 */
export class Database implements Disposable {
  /** Its file. */
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens a file, or makes it; throws a {@linkcode StoreError} for a file of another program or of another version. */
  constructor(path: string, scheme: Scheme) {
    this.path = path;
    try {
      this.#database = new DatabaseSync(path, { timeout: patience, enableForeignKeyConstraints: true });
    } catch (error) {
      throw translated(path, error);
    }
    try {
      this.#begin(scheme);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #begin({ version, create }: Scheme): void {
    this.#exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const number = (name: string): number => Number(this.get(`PRAGMA ${name}`)?.[name]);
    this.transaction(() => {
      const tables = Number(this.get("SELECT count(*) AS count FROM sqlite_master")?.["count"]);
      if (tables === 0) {
        this.#exec(`${create}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
        return;
      }
      if (number("application_id") !== applicationId) {
        throw new StoreError("version", `Expected the state of a server in "${this.path}", got another program's file`);
      }
      const found = number("user_version");
      if (found !== version) {
        const advice = found > version ? "use the newer libtrain that wrote it" : "begin with another folder";
        throw new StoreError(
          "version",
          `Expected a state of version ${version} in "${this.path}", got ${found}: ${advice}`,
        );
      }
    });
    this.#statements.clear();
  }

  /** The first row that a query gives. */
  get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#tried(() => this.#statement(sql).get(...values));
  }

  /** All rows that a query gives. */
  all(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return this.#tried(() => this.#statement(sql).all(...values));
  }

  /** Changes rows; gives how many. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return this.#tried(() => Number(this.#statement(sql).run(...values).changes));
  }

  /** What a function does to the database is done whole, or not at all where it throws. */
  transaction<Result>(work: () => Result): Result {
    this.#exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#exec("COMMIT");
      return result;
    } catch (error) {
      try {
        this.#database.exec("ROLLBACK");
      } catch {
        // A full disk has rolled back by itself.
      }
      throw error;
    }
  }

  #exec(sql: string): void {
    this.#tried(() => this.#database.exec(sql));
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #tried<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw translated(this.path, error);
    }
  }

  /** Closes the file; what was written is there. */
  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
