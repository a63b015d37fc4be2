/** Files that appear whole or not at all. */
import { LibtrainError } from "../ffi/errors.ts";
import { dirname } from "node:path";

/** A file that cannot be written, say on a full disk, or is none to read, say a named pipe. */
export class FileError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "FileError";
}

async function writeAll(file: Deno.FsFile, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) {
    // One write may take only a part, so it takes a loop.
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
  }
}

/** Makes a rename in this folder survive a power loss. Windows cannot open a folder, and needs no such call. */
export async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}

/** Whether there is a file or folder at a path. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** Makes the folder that a file will be in. One that is there is left alone: making it would ask for a permission. */
export async function makeFolderOf(file: string): Promise<void> {
  const folder = dirname(file);
  try {
    if (!await isThere(folder)) await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`Cannot make the folder "${folder}": ${reason}: give another path`, { cause: error });
  }
}

/** Removes a file; none there is as well. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The ending of files that are being written; one found at a start belongs to a process that was killed. */
export const partialSuffix = ".partial";

let partials = 0;

/** A name beside a path for what is written there, which no other process nor another call has. */
export function ownPartial(path: string): string {
  return `${path}.${Deno.pid}-${partials++}${partialSuffix}`;
}

/**
 * Writes a file so that a reader, at any time and after any crash, finds the old content or the new, never a part:
 * a file beside it, `partial`, is written and synced, then renamed over it, then the folder is synced. Two writers of
 * one path must take turns, or write under names of their own.
 */
export async function writeFileAtomic(
  path: string,
  chunks: Iterable<Uint8Array>,
  partial = `${path}${partialSuffix}`,
): Promise<void> {
  try {
    {
      using file = await Deno.open(partial, { write: true, create: true, truncate: true });
      await writeAll(file, chunks);
      await file.sync();
    }
    await Deno.rename(partial, path);
  } catch (error) {
    // A full disk is why most writes fail: what was written so far must not keep it full.
    await removeIfThere(partial).catch(() => {});
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(
      `Cannot write "${path}": ${reason}. What was there before is unchanged: free some space or choose another folder`,
      { cause: error },
    );
  }
  await syncFolder(dirname(path));
}
