/** Who may use a server: tokens by their hashes, in its database. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Database } from "./database.ts";

/** A token without its secret. */
export interface TokenName {
  /** What tells it from others. */
  readonly name: string;
  /** When it was made, ms since 1970. */
  readonly madeAt: number;
}

/**
 * A token is 256 random bits, which nobody can try through or guess from a list, so one round of SHA-256 keeps it: a slow
 * hash only helps what people made up, and would let a client keep the server busy.
 */
function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/** The table of tokens. */
export class TokenTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** How many there are. */
  get count(): number {
    return Number(this.#database.get("SELECT count(*) AS count FROM tokens")!["count"]);
  }

  /** Makes a token, which is told this once; undefined where there is one of that name. */
  add(name: string, now: number): string | undefined {
    const token = `lt_${randomBytes(32).toString("base64url")}`;
    const added = this.#database.run("INSERT OR IGNORE INTO tokens VALUES (?, ?, ?)", name, hashOf(token), now);
    return added === 1 ? token : undefined;
  }

  /** Whether there was one to remove. */
  remove(name: string): boolean {
    return this.#database.run("DELETE FROM tokens WHERE name = ?", name) === 1;
  }

  /** All of them, by their names. */
  list(): TokenName[] {
    return this.#database.all("SELECT name, made_at FROM tokens ORDER BY name")
      .map((row) => ({ name: String(row["name"]), madeAt: Number(row["made_at"]) }));
  }

  /** The name of a token; the time this takes tells nothing of how near a wrong one came. */
  nameOf(token: string): string | undefined {
    const hash = hashOf(token);
    let name: string | undefined;
    for (const row of this.#database.all("SELECT name, hash FROM tokens")) {
      if (timingSafeEqual(hash, row["hash"] as Uint8Array)) name = String(row["name"]);
    }
    return name;
  }
}
