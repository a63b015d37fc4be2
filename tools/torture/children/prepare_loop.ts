/** Prepares a data set once, or again and again until it is killed. Arguments: set, folder of the caches, how, reference. */
import { join } from "@std/path";
import { prepare } from "../../../lib/data/prepare.ts";
import { removeFiles } from "../files.ts";

const [set = "", cache = "", how = "once", reference = ""] = Deno.args;

/** Bytes that a writer who knows no better hands to the system at a time. */
const PIECE = 1 << 12;

/** The planted bug: the caches grow under their own names. */
async function copyInPlace(): Promise<void> {
  for (const { name } of Deno.readDirSync(reference)) {
    const bytes = await Deno.readFile(join(reference, name));
    using file = await Deno.open(join(cache, name), { write: true, create: true });
    for (let at = 0; at < bytes.length; at += PIECE) await file.write(bytes.subarray(at, at + PIECE));
  }
}

async function byLibrary(): Promise<void> {
  await prepare(set, { trainSize: 32, validSize: 32 }, { cache, threads: 2 });
}

await Deno.mkdir(cache, { recursive: true });
if (how === "once") {
  await byLibrary();
  console.log("{}");
} else {
  while (true) {
    console.log("begun");
    await (how === "library" ? byLibrary() : copyInPlace());
    await removeFiles(cache);
  }
}
