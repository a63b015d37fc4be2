/** What the library's errors mean on a command line: in flags, with commands that help, and with an exit status. */
import { data, DataError, DeviceError, OutOfMemoryError, recipe, serve } from "../../mod.ts";
import { exitCodes } from "./exit_codes.ts";
import { UsageError } from "./flags.ts";
import { flagName, inFlags } from "./settings_flags.ts";

/** What to print for an error, and what to end with. */
export interface Advice {
  readonly message: string;
  readonly exitCode: number;
}

/** What the library says where a variable of the environment is none that it takes. */
const WRONG_VARIABLE = /^Device\(\): (Expected LIBTRAIN_[A-Z]+ as .*)$/s;

/** An error's text, whatever was thrown; where the library names another device, with the flag that takes it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // It names settings by their paths.
  if (error instanceof OutOfMemoryError) return inFlags(error.message);
  if (!(error instanceof DeviceError) || error.instead === undefined) {
    return error.message.replace("pass strict: false", "pass --no-strict").replace(
      /pass prefix: ("[^"]*")/,
      "pass --prefix $1",
    );
  }
  const { op, reason, instead } = error;
  if (op === undefined) return `${reason}: use --device ${instead}, or run \`deno task doctor\``;
  return `${op}(): ${reason}: use --device ${instead}`;
}

/** The text and exit status of an error: 2 for what the caller has to put right, 75 for what is taken now, else 1. */
export function adviceOn(error: unknown): Advice {
  const { usage, failed, later } = exitCodes;
  if (error instanceof UsageError) return { message: error.message, exitCode: usage };
  // A file's fields are no flags.
  if (error instanceof serve.JobError) return { message: error.message, exitCode: usage };
  if (error instanceof serve.JobLockedError) return { message: error.message, exitCode: later };
  if (error instanceof recipe.ChangedSettingsError) {
    const changes = recipe.changeList(error.changes, flagName);
    return {
      message: `Run "${error.folder}" was started with ${changes}${error.hint}: pass --force to go on anyway`,
      exitCode: usage,
    };
  }
  if (error instanceof recipe.EditedConfigError) {
    const changes = recipe.changeList(error.changes, flagName);
    return {
      message:
        `Run "${error.folder}" was started with ${changes} in config.json, which is only a copy: give changes as ` +
        "flags with --force, or remove config.json, which is then written again",
      exitCode: usage,
    };
  }
  if (error instanceof recipe.RunNotFoundError) {
    return { message: `${error.message}, as \`deno task train\` printed it`, exitCode: usage };
  }
  if (error instanceof data.DataNotFoundError && data.knownSet(error.set) !== undefined) {
    const { set, why } = error;
    const download = why === "missing" ? `run \`deno task data ${set}\`, which downloads it, or, ` : "";
    return {
      message: `Data set ${set} is not on this machine: ${download}with its archive at hand, ` +
        `\`deno task data ${set} --archive ${set}.tgz\``,
      exitCode: failed,
    };
  }
  if (error instanceof recipe.NotRegisteredHereError) {
    return {
      message: `${error.message}, say with --register and the script that registers it`,
      exitCode: usage,
    };
  }
  const variable = error instanceof Error ? WRONG_VARIABLE.exec(error.message)?.[1] : undefined;
  if (variable !== undefined) return { message: variable, exitCode: usage };
  if (error instanceof recipe.RecipeError) return { message: inFlags(error.message), exitCode: usage };
  const text = messageOf(error);
  return { message: error instanceof DataError ? inFlags(text) : text, exitCode: failed };
}
