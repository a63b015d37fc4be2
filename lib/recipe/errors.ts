/** What is wrong with a recipe, or with what it is asked for. */
import { shown } from "../ffi/shown.ts";
import { LibtrainError } from "../ffi/errors.ts";

/** A recipe that cannot be, or a run that is not what it was taken for: the caller's to put right. */
export class RecipeError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "RecipeError";
}

/** A setting whose value cannot be; its message has the setting's path in backticks. */
export class SettingError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "SettingError";
  /** The setting's place in the recipe, say `schedule.lr`. */
  readonly path: string;

  /** `path` names the setting that is wrong. */
  constructor(path: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.path = path;
  }
}

/** One setting that is not as it was. */
export interface SettingChange {
  /** Its place in the configuration, say `schedule.lr`. */
  readonly path: string;
  /** As text; `not set` where there was none. */
  readonly before: string;
  /** As text; `not set` where there is none. */
  readonly now: string;
}

/** `schedule.lr 0.008, now 0.01`, and so on; `nameOf` may give settings other names. */
export function changeList(changes: readonly SettingChange[], nameOf = (path: string): string => path): string {
  if (!Array.isArray(changes) || changes.some((change) => typeof change?.path !== "string")) {
    throw new TypeError(
      `changeList(): Expected \`changes\` as an array of { path, before, now }, got ${shown(changes)}`,
    );
  }
  return changes.map(({ path, before, now }: SettingChange) =>
    `${nameOf(path)} ${shownValue(before)}, now ${shownValue(now)}`
  ).join(", and ");
}

/** A setting's value as it is written; what is none is only named. */
function shownValue(value: unknown): string {
  return typeof value === "string" ? value : shown(value);
}

/** A run that is to go on with other settings, data, code or kernels than it was begun with. */
export class ChangedSettingsError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "ChangedSettingsError";
  /** The run's folder. */
  readonly folder: string;
  /** What is not as it was. */
  readonly changes: readonly SettingChange[];

  /** What the changes mean, beginning with a semicolon; empty where they say it themselves. */
  readonly hint: string;

  /** Names every change with both values. */
  constructor(folder: string, changes: readonly SettingChange[]) {
    const others = changes.some(({ path }) => path === "source.contents");
    const hint = others ? "; images were added, removed or changed since, as their contents say" : "";
    super(`Run "${folder}" was started with ${changeList(changes)}${hint}: pass \`force\` to go on anyway`);
    this.folder = folder;
    this.changes = changes;
    this.hint = hint;
  }
}

/** A run's `config.json` that says something else than its checkpoint, which is what the run goes by. */
export class EditedConfigError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "EditedConfigError";
  /** The run's folder. */
  readonly folder: string;
  /** What the checkpoint says, and `config.json` now. */
  readonly changes: readonly SettingChange[];

  /** Names every difference with both values. */
  constructor(folder: string, changes: readonly SettingChange[]) {
    super(
      `Run "${folder}" was started with ${changeList(changes)} in config.json, which is only a copy: give changes as ` +
        `options with \`force\`, or remove config.json, which is then written again`,
    );
    this.folder = folder;
    this.changes = changes;
  }
}

/** A run that uses a name which nothing is registered under here. */
export class NotRegisteredHereError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "NotRegisteredHereError";
  /** The run's folder, or its checkpoint. */
  readonly run: string;
  /** What the name stands for, say `model`. */
  readonly kind: string;
  /** The name. */
  readonly wanted: string;

  /** Names the run, and what is missing. */
  constructor(run: string, kind: string, wanted: string) {
    super(
      `Run "${run}" uses the ${kind} "${wanted}", which is not registered here: register it before opening the run`,
    );
    this.run = run;
    this.kind = kind;
    this.wanted = wanted;
  }
}

/** A path where there is no run, or none that has saved anything. */
export class RunNotFoundError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "RunNotFoundError";
  /** What was looked at. */
  readonly path: string;

  /** `path` is what was looked at. */
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}
