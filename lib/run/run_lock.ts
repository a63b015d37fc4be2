/** Keeps two processes from writing into one run's folder. */
import { RunFolderError } from "./folder_name.ts";

/** Times that a lock is tried, and the milliseconds between them: who looks whether it is held has it for a moment. */
const tries = { most: 5, pause: 40 };

/** What a folder's lock is: `unknown` where the system cannot lock a folder. */
export type LockState = "held" | "free" | "unknown";

/** Windows opens no folder, and some network drives lock none. */
async function tried(path: string, exclusive: boolean): Promise<Disposable | LockState> {
  if (Deno.build.os === "windows") return "unknown";
  const folder = await Deno.open(path);
  let locked: boolean;
  try {
    locked = await folder.tryLock(exclusive);
  } catch {
    folder.close();
    return "unknown";
  }
  if (locked) return folder;
  folder.close();
  return "held";
}

/**
 * Locks a folder for this process until it is disposed, or the process ends, however it ends. Rejects where another holds
 * it. Where the system cannot lock a folder (Windows, some network drives), nothing is locked.
 */
export async function lockFolder(path: string): Promise<Disposable> {
  for (let count = 1;; count++) {
    const found = await tried(path, true);
    if (found === "unknown") return { [Symbol.dispose]: (): void => {} };
    if (typeof found === "object") return found;
    if (count === tries.most) break;
    await new Promise((resolve) => setTimeout(resolve, tries.pause));
  }
  throw new RunFolderError(`Cannot write into "${path}": another process trains there: wait for it, or stop it first`);
}

/** Whether some process trains in a folder; several may ask at once. */
export async function lockState(path: string): Promise<LockState> {
  const found = await tried(path, false);
  if (typeof found !== "object") return found;
  found[Symbol.dispose]();
  return "free";
}
