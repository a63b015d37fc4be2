/** The jobs of a server, in its database. */
import type { Database, Row } from "./database.ts";

/** Where a job stands. */
export const jobStates = ["queued", "running", "stopping", "done", "failed", "stopped", "cancelled"] as const;

/**
 * Where a job stands: `stopping` runs until what it was told reaches it; `stopped` met its deadline, or the limit of the
 * server, with everything saved.
 */
export type JobState = (typeof jobStates)[number];

/** States that a job leaves only when somebody submits it again. */
export const restStates: readonly JobState[] = ["done", "failed", "stopped", "cancelled"];

/** Why a running job is told to stop: to be `cancelled`, or as it has run as long as the server lets it. */
export type Wish = "cancel" | "limit";

/** A job as the database has it. */
export interface StoredJob {
  /** Its name. */
  readonly id: string;
  /** Its order among all that were ever submitted. */
  readonly made: number;
  /** Its specification. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Where it stands. */
  readonly state: JobState;
  /** Why it is told to stop; null where it is not. */
  readonly wish: Wish | null;
  /** When it was submitted last, ms since 1970. */
  readonly queuedAt: number;
  /** When its first process was started, ms since 1970; null before. */
  readonly startedAt: number | null;
  /** When it came to rest, ms since 1970; null before. */
  readonly endedAt: number | null;
  /** Processes that were started for it. */
  readonly attempts: number;
  /** Processes in a row that ended without a word. */
  readonly crashes: number;
  /** The process that runs it; null where none does. */
  readonly pid: number | null;
  /** The number of the last event before that process. */
  readonly base: number;
  /** Why it failed or stopped; null otherwise. */
  readonly reason: string | null;
  /** What it came to; null before it is done. */
  readonly result: unknown;
}

/** What of a job may change. */
export type JobChange = Partial<
  Pick<
    StoredJob,
    "state" | "wish" | "startedAt" | "endedAt" | "attempts" | "crashes" | "pid" | "base" | "reason" | "result"
  >
>;

const columns: Readonly<Record<keyof JobChange, string>> = {
  state: "state",
  wish: "wish",
  startedAt: "started_at",
  endedAt: "ended_at",
  attempts: "attempts",
  crashes: "crashes",
  pid: "pid",
  base: "base",
  reason: "reason",
  result: "result",
};

function jobOf(row: Row): StoredJob {
  const number = (name: string): number | null => row[name] === null ? null : Number(row[name]);
  return {
    id: String(row["id"]),
    made: Number(row["made"]),
    spec: JSON.parse(String(row["spec"])),
    state: row["state"] as JobState,
    wish: row["wish"] as Wish | null,
    queuedAt: Number(row["queued_at"]),
    startedAt: number("started_at"),
    endedAt: number("ended_at"),
    attempts: Number(row["attempts"]),
    crashes: Number(row["crashes"]),
    pid: number("pid"),
    base: Number(row["base"]),
    reason: row["reason"] as string | null,
    result: row["result"] === null ? null : JSON.parse(String(row["result"])),
  };
}

/** Which jobs to list. */
export interface ListedJobs {
  /** Those in this state alone. */
  readonly state?: JobState;
  /** Those that were made before this one's `made`. */
  readonly before?: number;
  /** At most so many. */
  readonly limit: number;
  /** At most so many bytes of specifications, but one job at least; by default any number. */
  readonly bytes?: number;
}

/** The table of jobs. */
export class JobTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  #next(name: string): number {
    return Number(
      this.#database.get(
        "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        name,
      )!["value"],
    );
  }

  /** The job of a name, whatever the case of its letters. */
  find(id: string): StoredJob | undefined {
    const row = this.#database.get("SELECT * FROM jobs WHERE id = ?", id);
    return row === undefined ? undefined : jobOf(row);
  }

  /** Adds a job at the queue's end. */
  add(id: string, spec: Readonly<Record<string, unknown>>, now: number): StoredJob {
    return this.#database.transaction(() => {
      this.#database.run(
        "INSERT INTO jobs (id, place, made, spec, state, queued_at) VALUES (?, ?, ?, ?, 'queued', ?)",
        id,
        this.#next("place"),
        this.#next("made"),
        JSON.stringify(spec),
        now,
      );
      return this.find(id)!;
    });
  }

  /** Puts a job that rests at the queue's end again, with a specification that changes no bit of what it trains. */
  queueAgain(id: string, spec: Readonly<Record<string, unknown>>, now: number): StoredJob {
    return this.#database.transaction(() => {
      this.#database.run(
        "UPDATE jobs SET state = 'queued', place = ?, spec = ?, queued_at = ?, wish = NULL, ended_at = NULL, reason = NULL, " +
          "result = NULL, crashes = 0, pid = NULL WHERE id = ?",
        this.#next("place"),
        JSON.stringify(spec),
        now,
        id,
      );
      return this.find(id)!;
    });
  }

  /** Changes a job. */
  change(id: string, change: JobChange): StoredJob {
    const names = Object.keys(change) as (keyof JobChange)[];
    const values = names.map((name) => {
      const value = change[name] ?? null;
      return name === "result" && value !== null ? JSON.stringify(value) : value as string | number | null;
    });
    return this.#database.transaction(() => {
      const set = names.map((name) => `${columns[name]} = ?`).join(", ");
      this.#database.run(`UPDATE jobs SET ${set} WHERE id = ?`, ...values, id);
      return this.find(id)!;
    });
  }

  /** Forgets a job. */
  remove(id: string): void {
    this.#database.run("DELETE FROM jobs WHERE id = ?", id);
  }

  /** Jobs, the newest first. */
  list({ state, before, limit, bytes = Number.MAX_SAFE_INTEGER }: ListedJobs): StoredJob[] {
    const sizes = this.#database.all(
      "SELECT made, octet_length(spec) AS bytes FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR made < ?2) " +
        "ORDER BY made DESC LIMIT ?3",
      ...[state ?? null, before ?? null, limit],
    );
    let held = 0;
    const fits = sizes.findIndex((row, at) => (held += Number(row["bytes"])) > bytes && at > 0);
    const last = sizes[(fits < 0 ? sizes.length : fits) - 1];
    if (last === undefined) return [];
    return this.#database.all(
      "SELECT * FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR made < ?2) AND made >= ?3 ORDER BY made DESC",
      ...[state ?? null, before ?? null, last["made"]!],
    ).map(jobOf);
  }

  /** The job at the queue's head. */
  head(): StoredJob | undefined {
    const row = this.#database.get("SELECT * FROM jobs WHERE state = 'queued' ORDER BY place LIMIT 1");
    return row === undefined ? undefined : jobOf(row);
  }

  /** Jobs that have a process, or had one when the server ended. */
  active(): StoredJob[] {
    return this.#database.all("SELECT * FROM jobs WHERE state IN ('running', 'stopping') ORDER BY place").map(jobOf);
  }

  /** How many jobs are in each state. */
  counts(): Record<JobState, number> {
    const rows = this.#database.all("SELECT state, count(*) AS count FROM jobs GROUP BY state");
    const found = new Map(rows.map((row) => [row["state"], Number(row["count"])]));
    return Object.fromEntries(jobStates.map((state) => [state, found.get(state) ?? 0])) as Record<JobState, number>;
  }
}
