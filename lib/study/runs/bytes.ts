/** How much of a disk a folder takes. */
import { join } from "node:path";

/** Bytes of all files below a folder; links count nothing, as they lead elsewhere. What vanishes meanwhile counts nothing. */
export async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) bytes += await bytesBelow(path);
      else if (isFile) bytes += (await Deno.lstat(path)).size;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return bytes;
}
