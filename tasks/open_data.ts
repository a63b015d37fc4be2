/** Opening the data of a run: the one place where tasks get a data set by its name or path. */
import { UsageError } from "../lib/cli/flags.ts";
import { data, DataError, type Device } from "../mod.ts";
import { presets } from "./presets.ts";
import type { DataConfig, RunPlan } from "./run_config.ts";

/** Where what is made of the files is kept, who is told of long work, and what ends it. */
export type OpenWatch = Pick<data.OpenOptions, "cache" | "signal" | "onWarning" | "onProgress" | "onDownload">;

/** How to open data; a script may give its own. */
export type OpenData = (config: DataConfig, device: Device, watch?: OpenWatch) => Promise<data.Splits>;

/** How to open what is measured with. */
export type OpenValid = (config: DataConfig, device: Device, watch?: OpenWatch) => Promise<data.Dataset>;

/** MNIST, where it is that. */
async function digits({ path, size, limit }: DataConfig, device: Device): Promise<data.Splits | undefined> {
  if (path !== "mnist") return undefined;
  if (size !== null && size !== 28) throw new UsageError(`mnist has images of 28 x 28 only, got --size ${size}`);
  return await data.mnist({ device, limit: limit ?? undefined });
}

/**
 * Refuses a plan that image files cannot be trained by, which batches would refuse only once all of them are decoded. A
 * path that is not there is told first; a set's name needs no looking for.
 */
export async function checkPlan({ preset, data: { path }, augmentation: { shift = 0 } }: RunPlan): Promise<void> {
  if (path === "mnist" || shift === 0) return;
  if (data.knownSet(path) === undefined) await thereOrRefused(() => data.findArchive(path));
  const others = Object.entries(presets).flatMap(([name, { data }]) => data.path === "mnist" ? [] : [name]);
  throw new UsageError(
    `Expected --preset with --data "${path}", got none but ${preset}, which shifts images and is for digits: pass ` +
      `--preset ${others.join(" or ")}`,
  );
}

/** A path that is not there is the user's mistake; a known set that is not there can be got by a command. */
export async function thereOrRefused<Result>(looked: () => Promise<Result>): Promise<Result> {
  try {
    return await looked();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(error.message);
    if (error instanceof data.DataNotFoundError && data.knownSet(error.set) !== undefined) {
      const { set, reason } = error;
      const download = reason === "missing" ? `run \`deno task data ${set}\`, which downloads it, or, ` : "";
      throw new DataError(
        `Data set ${set} is not on this machine: ${download}with its archive at hand, ` +
          `\`deno task data ${set} --archive ${set}.tgz\``,
        { cause: error },
      );
    }
    throw error;
  }
}

/** Opens image files. */
async function imagesOf<Opened>(
  { path, size, limit, keep }: DataConfig,
  device: Device,
  opening: { watch?: OpenWatch; with: (path: string, options: data.OpenOptions) => Promise<Opened> },
): Promise<Opened> {
  return await thereOrRefused(async () => {
    if (size === null) {
      // A path that is not there is told first; a set's name needs no looking for.
      if (data.knownSet(path) === undefined) await data.findArchive(path);
      throw new UsageError(`Expected --size with --data "${path}", got none: images have many sizes`);
    }
    return await opening.with(path, {
      ...opening.watch,
      size,
      limit: limit ?? undefined,
      keep: keep ?? "size",
      device,
    });
  });
}

/** The data of a configuration, on a device. */
export async function openData(config: DataConfig, device: Device, watch?: OpenWatch): Promise<data.Splits> {
  return await digits(config, device) ?? await imagesOf(config, device, { watch, with: data.open });
}

/** The validation data of a configuration; for image files there need be no others. */
export async function openValid(config: DataConfig, device: Device, watch?: OpenWatch): Promise<data.Dataset> {
  const all = await digits(config, device);
  if (all === undefined) return await imagesOf(config, device, { watch, with: data.openValid });
  all.train.dispose();
  return all.valid;
}
