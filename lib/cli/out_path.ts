import { dirname } from "@std/path";
import { UsageError } from "./flags.ts";

/** Refuses an `--out` that a task has no permission to write below `folder`, with the command that has. */
export function checkOut(task: string, out: string, options: { folder?: string; flag?: string } = {}): void {
  const { folder = out, flag = "out" } = options;
  const state = Deno.permissions.querySync({ name: "write", path: folder }).state;
  if (state === "granted") return;
  throw new UsageError(
    `Cannot write to "${out}": \`deno task ${task}\` may write below runs and .cache only. To allow it, run ` +
      `\`deno run -P=${task} --allow-write="${folder}" tasks/${task}.ts --${flag} "${out}"\``,
  );
}

/** {@linkcode checkOut} for a folder to go on in; one that is not there is told of by who looks for it. */
export function checkResume(task: string, folder: string): void {
  try {
    Deno.statSync(folder);
  } catch {
    return;
  }
  checkOut(task, folder, { flag: "resume" });
}

/** {@linkcode checkOut} for a file, which is written under another name beside it first. */
export function checkOutFile(task: string, out: string, flag?: string): void {
  checkOut(task, out, { folder: dirname(out), flag });
}

/** Makes the folder that a file will be in. One that is there is left alone: making it would ask for a permission. */
export async function makeFolderOf(file: string): Promise<void> {
  const folder = dirname(file);
  try {
    await Deno.stat(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(folder, { recursive: true });
  }
}
