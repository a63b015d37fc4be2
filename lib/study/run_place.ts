/** Where what is made of a run goes. */
import { basename, dirname } from "node:path";
import { requireText } from "../tensor/ops/checks.ts";
import { RunNotFoundError } from "../recipe/errors.ts";

/** The run's folder that a path stands for: itself, that of a checkpoint in it, or the one that a file of weights lies in. */
export async function folderOfRun(op: string, path: string): Promise<string> {
  requireText(op, "path", path);
  const found = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
  if (found === undefined) {
    throw new RunNotFoundError(path, `Cannot find "${path}": give a run's folder or a checkpoint`);
  }
  const folder = found.isDirectory ? path : dirname(path);
  return basename(folder) === "checkpoint" ? dirname(folder) : folder;
}
