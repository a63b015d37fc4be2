/** Keeps two processes from writing into one run's folder. */
import { RunFolderError } from "./folder_name.ts";

/**
 * Locks a folder for this process until it is disposed, or the process ends, however it ends. Rejects where another holds
 * it. Where the system cannot lock a folder (Windows, some network drives), nothing is locked.
 */
export async function lockFolder(path: string): Promise<Disposable> {
  const free = { [Symbol.dispose]: (): void => {} };
  if (Deno.build.os === "windows") return free;
  const folder = await Deno.open(path);
  let locked: boolean;
  try {
    locked = await folder.tryLock(true);
  } catch {
    folder.close();
    return free;
  }
  if (locked) return folder;
  folder.close();
  throw new RunFolderError(`Cannot write into "${path}": another process trains there: wait for it, or stop it first`);
}
