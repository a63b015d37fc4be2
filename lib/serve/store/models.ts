/** Models in service and their versions, in a server's database. */
import type { Database, Row } from "./database.ts";

/** A version of a model; its file lies beside the database. */
export interface ModelVersion {
  /** The model. */
  readonly name: string;
  /** Counts from 1. */
  readonly version: number;
  /** The job that it was trained by. */
  readonly job: string;
  /** When it was put, ms since 1970. */
  readonly madeAt: number;
  /** The file's size. */
  readonly bytes: number;
  /** SHA-256 of its weights and configuration, in hex. */
  readonly sha256: string;
  /** The version that was in service before; null for the first. */
  readonly before: number | null;
}

/** A model: which version answers, and which there are. */
export interface StoredModel {
  /** Its name. */
  readonly name: string;
  /** The version in service. */
  readonly version: number;
  /** All of them, the newest first. */
  readonly versions: readonly ModelVersion[];
}

function versionOf(row: Row): ModelVersion {
  return {
    name: String(row["name"]),
    version: Number(row["version"]),
    job: String(row["job"]),
    madeAt: Number(row["made_at"]),
    bytes: Number(row["bytes"]),
    sha256: String(row["sha256"]),
    before: row["before"] === null ? null : Number(row["before"]),
  };
}

/** The tables of models. */
export class ModelTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The model of a name, whatever the case of its letters. */
  find(name: string): StoredModel | undefined {
    const model = this.#database.get("SELECT * FROM models WHERE name = ?", name);
    return model === undefined ? undefined : this.#whole(model);
  }

  /** All models, by their names. */
  list(): StoredModel[] {
    return this.#database.all("SELECT * FROM models ORDER BY name").map((row) => this.#whole(row));
  }

  #whole(model: Row): StoredModel {
    const rows = this.#database.all(
      "SELECT * FROM versions WHERE name = ? ORDER BY version DESC",
      model["name"] ?? null,
    );
    return { name: String(model["name"]), version: Number(model["version"]), versions: rows.map(versionOf) };
  }

  /** The number that a new version has. */
  nextVersion(name: string): number {
    const row = this.#database.get("SELECT max(version) AS last FROM versions WHERE name = ?", name);
    return Number(row?.["last"] ?? 0) + 1;
  }

  /** Takes a version into service; those before stay. */
  put(added: Omit<ModelVersion, "before">): StoredModel {
    const { name, version, job, madeAt, bytes, sha256 } = added;
    return this.#database.transaction(() => {
      const before = this.find(name)?.version ?? null;
      this.#database.run(
        "INSERT INTO versions (name, version, job, made_at, bytes, sha256, before) VALUES (?, ?, ?, ?, ?, ?, ?)",
        ...[name, version, job, madeAt, bytes, sha256, before],
      );
      this.#database.run(
        "INSERT INTO models VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        name,
        version,
      );
      return this.find(name)!;
    });
  }

  /** Takes the version before back into service; undefined where there is no such model, null where it has none before. */
  rollback(name: string): StoredModel | null | undefined {
    return this.#database.transaction(() => {
      const model = this.find(name);
      if (model === undefined) return undefined;
      const before = model.versions.find(({ version }) => version === model.version)?.before ?? null;
      if (before === null) return null;
      this.#database.run("UPDATE models SET version = ? WHERE name = ?", before, name);
      return this.find(name);
    });
  }
}
