/** Why a job does not begin. */
import { LibtrainError } from "../../ffi/errors.ts";
import { changeList, RecipeError, type SettingChange } from "../../recipe/errors.ts";

/** A specification that is none, or cannot be trained: its author's to put right. */
export class JobError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "JobError";
  /** The place that is wrong, say `recipe.schedule.lr` or `artefacts.1`; empty for the whole. */
  readonly path: string;

  /** `path` names the field that is wrong. */
  constructor(path: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.path = path;
  }

  /** The place as a JSON Pointer (RFC 6901), say `/artefacts/1`. */
  get pointer(): string {
    return this.path === "" ? "" : `/${this.path.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll(".", "/")}`;
  }
}

/** A job's folder that was begun by another specification. */
export class JobChangedError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "JobChangedError";
  /** The job's folder. */
  readonly output: string;
  /** What is not as it was. */
  readonly changes: readonly SettingChange[];

  /** Names every change with both values. */
  constructor(output: string, changes: readonly SettingChange[]) {
    super(
      `The job in "${output}" was started with ${changeList(changes)}: give another \`output\`, or pass \`force\` to ` +
        "go on anyway",
    );
    this.output = output;
    this.changes = changes;
  }
}

/** A job that another process runs. */
export class JobLockedError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "JobLockedError";
  /** The job's folder. */
  readonly output: string;
  /** The number of the process that has it; null where that is not known. */
  readonly pid: number | null;

  /** `pid` is the process that has the folder. */
  constructor(output: string, pid: number | null) {
    const who = pid === null ? "another process" : `process ${pid}`;
    super(`Cannot run the job in "${output}": ${who} runs it: wait for it, or stop it first`);
    this.output = output;
    this.pid = pid;
  }
}
