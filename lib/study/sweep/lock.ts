/** Locks that a process loses when it ends, however it ends: a claim of a dead process holds nobody up. */
import { FileError } from "../../io/atomic_file.ts";
import { requireRegularFile } from "../../io/regular_file.ts";

async function opened(path: string): Promise<Deno.FsFile> {
  // Opening a named pipe to write waits for a reader.
  await requireRegularFile(path);
  try {
    return await Deno.open(path, { write: true, create: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`Cannot write "${path}": ${reason}`, { cause: error });
  }
}

/** Runs a lock call; a drive that knows no locks would have two processes do the same work. */
async function onLock<Answer>(file: Deno.FsFile, path: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    file.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`Cannot lock "${path}": ${reason}: put the sweep's folder on a drive that has locks`, {
      cause: error,
    });
  }
}

/** Locks a file, which is made where there is none, until it is disposed; undefined where somebody else holds it. */
export async function tryLock(path: string): Promise<Disposable | undefined> {
  const file = await opened(path);
  if (await onLock(file, path, () => file.tryLock(true))) return file;
  file.close();
  return undefined;
}

/** Waits for the lock of a file, and holds it until it is disposed. */
export async function waitForLock(path: string): Promise<Disposable> {
  const file = await opened(path);
  await onLock(file, path, () => file.lock(true));
  return file;
}
