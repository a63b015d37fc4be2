/** Who trained a run: one process, or several one after another. */
import type { CodeVersion } from "./code_version.ts";

/** A process that trained a run or a part of it. */
export interface Session extends CodeVersion {
  /** The processor; null where it was not kept. */
  readonly cpu: string | null;
  /** The instruction set of its kernels; null where it was not kept. */
  readonly isa: string | null;
  /** CPU threads; null where it was not kept. */
  readonly threads: number | null;
  /** Steps that were done before it. */
  readonly fromStep: number;
}

/** The sessions that led to a checkpoint, by its configuration; of one that tells of none, what it says of the last. */
export function sessionsOf(config: Readonly<Record<string, unknown>>): readonly Session[] {
  if (Array.isArray(config["sessions"])) return config["sessions"];
  const text = (name: string): string | null => typeof config[name] === "string" ? config[name] : null;
  return [{ commit: text("commit"), dirty: null, cpu: null, isa: text("isa"), threads: null, fromStep: 0 }];
}

/**
 * Whether some of it was trained by code other than one commit's: by changed files, or by another commit; null where that
 * is not known.
 */
export function changedCode(sessions: readonly Session[]): boolean | null {
  const commits = new Set(sessions.map(({ commit }) => commit));
  if (commits.size > 1 || sessions.some(({ dirty }) => dirty === true)) return true;
  return sessions.some(({ dirty }) => dirty === null) ? null : false;
}
