/** Names of run folders. */
import { join } from "node:path";
import { LibtrainError } from "../ffi/errors.ts";

/** A run's folder that cannot be made, or that another process writes into. */
export class RunFolderError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "RunFolderError";
}

/** `20250131-235959`, in the local zone. */
function stamp(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}

/**
 * Makes a new folder `<root>/<YYYYMMDD-HHMMSS>-<name>` and gives its path; one that is there already is not taken, since
 * runs that begin in the same second must not write into one.
 */
export async function makeRunFolder(options: { root?: string; name: string; time?: Date }): Promise<string> {
  const { root = "runs", name, time = new Date() } = options;
  await madeOrTold(root, () => Deno.mkdir(root, { recursive: true }));
  const path = join(root, `${stamp(time)}-${name}`);
  for (let count = 1;; count++) {
    const numbered = count === 1 ? path : `${path}-${count}`;
    try {
      await madeOrTold(numbered, () => Deno.mkdir(numbered));
      return numbered;
    } catch (error) {
      if (!((error as Error).cause instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** What the system says of a folder, with the folder's path. */
async function madeOrTold(path: string, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RunFolderError(`Cannot make the run's folder "${path}": ${reason}`, { cause: error });
  }
}
