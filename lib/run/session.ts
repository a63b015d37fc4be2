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

/** Who trained a state that tells of nobody. */
const unknown: Session = { commit: null, dirty: null, cpu: null, isa: null, threads: null, fromStep: 0 };

/** The sessions that led to a checkpoint, by its configuration. */
export function sessionsOf(config: Readonly<Record<string, unknown>>): readonly Session[] {
  const found: unknown = config["sessions"];
  if (!Array.isArray(found)) return [unknown];
  // A file from elsewhere may hold anything.
  return found.map((each) => typeof each === "object" && each !== null && !Array.isArray(each) ? each : unknown);
}

/**
 * Whether some of it was trained by code other than one commit's: by changed files, or by another commit; null where that
 * is not known.
 */
export function changedCode(sessions: readonly Session[]): boolean | null {
  const commits = new Set(sessions.flatMap(({ commit }) => commit ?? []));
  if (commits.size > 1 || sessions.some(({ dirty }) => dirty === true)) return true;
  return sessions.some(({ commit, dirty }) => commit === null || dirty === null) ? null : false;
}
