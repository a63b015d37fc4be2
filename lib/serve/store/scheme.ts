/** The tables of a server's state. */
import type { Scheme } from "./database.ts";

/**
 * Names are alike whatever the case of their letters, as folders of some systems are. `place` orders the queue: by it, and
 * not by a time, as clocks jump. `base` is the number of the last event before the process that runs a job.
 */
export const scheme: Scheme = {
  version: 1,
  create: `
    CREATE TABLE jobs (
      id TEXT PRIMARY KEY COLLATE NOCASE,
      place INTEGER NOT NULL UNIQUE,
      made INTEGER NOT NULL UNIQUE,
      spec TEXT NOT NULL,
      state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'stopping', 'done', 'failed', 'stopped', 'cancelled')),
      wish TEXT CHECK (wish IN ('cancel', 'limit')),
      queued_at INTEGER NOT NULL,
      started_at INTEGER,
      ended_at INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0,
      crashes INTEGER NOT NULL DEFAULT 0,
      pid INTEGER,
      base INTEGER NOT NULL DEFAULT 0,
      reason TEXT,
      result TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX jobs_by_state ON jobs (state, place);
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE versions (
      name TEXT NOT NULL COLLATE NOCASE,
      version INTEGER NOT NULL,
      job TEXT NOT NULL,
      made_at INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      before INTEGER,
      PRIMARY KEY (name, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE models (
      name TEXT PRIMARY KEY COLLATE NOCASE,
      version INTEGER NOT NULL,
      FOREIGN KEY (name, version) REFERENCES versions (name, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
      name TEXT PRIMARY KEY,
      hash BLOB NOT NULL UNIQUE,
      made_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
