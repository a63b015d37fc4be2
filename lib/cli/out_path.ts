/** Whether a command may write where it is asked to, told before any work. */
import { basename, dirname, resolve } from "@std/path";
import { UsageError } from "./flags.ts";
import type { Paths } from "./paths.ts";
import { quoted } from "./settings_flags.ts";

/** Which flag names the place, and where the person stands. */
export interface OutOptions {
  readonly flag?: string;
  /** What names the place where it is no flag, as messages write it. */
  readonly named?: string;
  readonly paths?: Paths;
  /** The folder of the task's file; by default `tasks`. */
  readonly folder?: string;
}

/**
 * Refuses an `--out` that a task has no permission to write below, with the command that has, and one that cannot be a
 * folder.
 */
export function checkOut(task: string, out: string, options: OutOptions = {}): void {
  requireGranted(task, out, out, options);
  requireFolder(out, options);
}

/** {@linkcode checkOut} for a folder to go on in; one that is not there is told of by who looks for it. */
export function checkResume(task: string, folder: string, paths?: Paths): void {
  try {
    Deno.statSync(folder);
  } catch {
    return;
  }
  requireGranted(task, folder, folder, { flag: "resume", paths });
}

/** {@linkcode checkOut} for a file, which is written under another name beside it first. */
export function checkOutFile(task: string, out: string, options: OutOptions = {}): void {
  const { flag = "out" } = options;
  if (/[/\\]$/.test(out)) {
    throw new UsageError(`Expected --${flag} as a file, got the folder "${out}": add a file's name`);
  }
  const folder = dirname(out);
  requireGranted(task, out, folder, options);
  if (stateOf(out)?.isDirectory) {
    throw new UsageError(`Expected --${flag} as a file, got "${out}", which is a folder: add a file's name`);
  }
  // The name under which it is written first is longer.
  requireName(unfinished(out), out, `--${flag}`);
  requireFolder(folder, { ...options, of: out });
}

/** The name under which a file is written before it is whole. */
function unfinished(out: string): string {
  return `${out}.partial`;
}

/** Removes what was written of a file before a signal ended the command. */
export function removeUnfinished(out: string): void {
  try {
    Deno.removeSync(unfinished(out));
  } catch {
    // Nothing was written yet.
  }
}

/** What lies at a path; undefined where there is nothing, or nothing can be. */
function stateOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

function requireGranted(
  task: string,
  out: string,
  folder: string,
  { flag = "out", paths, folder: home = "tasks" }: OutOptions,
): void {
  const state = Deno.permissions.querySync({ name: "write", path: folder }).state;
  if (state === "granted") return;
  // The line is for the project's folder, and the paths on it for where the person stands. The flag takes the place of
  // the set's own list.
  const typed = paths?.line ?? [];
  const rest = typed.length > 0 ? typed : [`--${flag}`, out];
  const place = paths?.elsewhere ? resolve(folder) : folder;
  const line = `deno run -P=${task} --allow-write="${place},runs,.cache" ${home}/${task.replaceAll("-", "_")}.ts ${
    rest.map(quoted).join(" ")
  }`;
  throw new UsageError(
    `Cannot write to "${out}": \`deno task ${task}\` may write below runs and .cache only. To allow it, run ` +
      `\`${paths?.elsewhere ? `cd ${quoted(paths.work)} && INIT_CWD=${quoted(paths.stand)} ` : ""}${line}\``,
  );
}

/** The longest name of a file that usual file systems take, in bytes. */
const longestName = 255;

function requireName(path: string, shown: string, place: string): void {
  const bytes = new TextEncoder().encode(basename(path)).length;
  if (bytes <= longestName) return;
  throw new UsageError(
    `Expected ${place} with a name of at most ${longestName} bytes, got one of ${bytes} in "${shown}": shorten it`,
  );
}

/** Refuses a folder that cannot be made, or not be written into. */
function requireFolder(
  folder: string,
  { flag = "out", named = `--${flag}`, of = folder }: OutOptions & { of?: string },
): void {
  for (let at = folder;; at = dirname(at)) {
    requireName(at, of, named);
    const found = stateOf(at);
    if (found?.isDirectory) return;
    if (found !== undefined) {
      throw new UsageError(
        `Cannot write to "${of}": "${at}" is a file where a folder is needed: give another ${named}`,
      );
    }
    if (dirname(at) === at) return;
  }
}
