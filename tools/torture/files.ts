/** Files that checks make and look at. */
import { join } from "@std/path";
import { fixture } from "../../tests/support/image_files.ts";

/** Removes the files of a folder. */
export async function removeFiles(folder: string): Promise<void> {
  for (const { name } of Deno.readDirSync(folder)) await Deno.remove(join(folder, name));
}

/** The files of a folder with their bytes. */
export async function filesIn(folder: string): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const names = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name).sort();
  return new Map(
    await Promise.all(names.map(async (name): Promise<[string, Uint8Array<ArrayBuffer>]> => [
      name,
      await Deno.readFile(join(folder, name)),
    ])),
  );
}

/** Whether both have the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Images that the library reads, of every kind that it knows. */
const GOOD = ["baseline_420.jpg", "grey.jpg", "progressive_444.jpg", "png_rgb.png", "baseline_444.jpg"];

/** Writes a set of two classes with so many images a class to train on, and a tenth of them to measure with. */
export async function writeSet(folder: string, images: number): Promise<string> {
  const bytes = await Promise.all(GOOD.map((name) => fixture(name)));
  for (const part of ["train", "val"]) {
    for (const name of ["cat", "dog"]) {
      const path = join(folder, part, name);
      await Deno.mkdir(path, { recursive: true });
      for (let at = 0; at < Math.ceil(part === "train" ? images : images / 10); at++) {
        const kind = at % GOOD.length;
        await Deno.writeFile(join(path, `${at}.${GOOD[kind]!.split(".").at(-1)}`), bytes[kind]!);
      }
    }
  }
  return folder;
}
