/** Opening the data of a run: the one place where tasks get a data set by its name or path. */
import { UsageError } from "../lib/cli/flags.ts";
import { data, type Device } from "../mod.ts";
import type { DataConfig } from "./run_config.ts";

/** How to open data; a script may give its own. */
export type OpenData = (config: DataConfig, device: Device) => Promise<data.Splits>;

/** The data of a configuration, on a device. */
export async function openData({ path, size, limit }: DataConfig, device: Device): Promise<data.Splits> {
  if (path === "mnist") {
    if (size !== null && size !== 28) throw new UsageError(`mnist has images of 28 x 28 only, got --size ${size}`);
    return await data.mnist({ device, limit: limit ?? undefined });
  }
  return await openImages(path);
}

async function openImages(path: string): Promise<data.Splits> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`Cannot find "${path}": give mnist, a folder with train/ and val/, or an archive of one`);
  }
  throw new Error(`Cannot open "${path}": image folders and archives are not read yet`);
}
