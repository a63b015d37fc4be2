/** Keeps two processes from running one job. */
import { join } from "node:path";
import { JobLockedError } from "./errors.ts";

/** The file that is locked, with the number of the process that has it. */
const lockName = "job.lock";

/** Times that a lock is tried, and the milliseconds between them: a process that was just killed may have it for a moment. */
const tries = { most: 5, pause: 40 };

async function holder(file: Deno.FsFile): Promise<number | null> {
  const bytes = new Uint8Array(32);
  await file.seek(0, Deno.SeekMode.Start);
  const text = new TextDecoder().decode(bytes.subarray(0, await file.read(bytes) ?? 0)).trim();
  return /^\d+$/.test(text) ? Number(text) : null;
}

/**
 * Locks a job's folder for this process until it is disposed, or the process ends, however it ends: a lock belongs to its open
 * file. Rejects with a JobLockedError where another process has it. Where the system locks no files, as some network drives,
 * nothing is locked.
 */
export async function lockJob(output: string): Promise<Disposable> {
  const file = await Deno.open(join(output, lockName), { read: true, write: true, create: true });
  try {
    for (let count = 1; !await locked(file); count++) {
      if (count === tries.most) throw new JobLockedError(output, await holder(file));
      await new Promise((resolve) => setTimeout(resolve, tries.pause));
    }
    await file.truncate(0);
    await file.seek(0, Deno.SeekMode.Start);
    await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

async function locked(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    // The system has no locks here.
    return true;
  }
}
