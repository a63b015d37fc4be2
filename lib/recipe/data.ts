/** Opening the data of a recipe: a registered data set, or image files by name or path. */
import { requireNamed, requireOptions } from "../tensor/ops/checks.ts";
import type { Dataset } from "../data/dataset.ts";
import { findArchive } from "../data/find_archive.ts";
import { knownSet } from "../data/known_sets.ts";
import type { Splits } from "../data/mnist.ts";
import { type DataPart, open, type OpenOptions, openPart } from "../data/open.ts";
import { dataSetRegistry } from "../data/registry.ts";
import type { Device } from "../tensor/device.ts";
import { RecipeError, SettingError } from "./errors.ts";
import type { Recipe } from "./recipe.ts";

/** What of a recipe says which data, and how. */
export type DataChoice = Pick<Recipe, "data" | "size"> & { readonly transforms?: Recipe["transforms"] };

/** Where what is made of the files is kept, who is told of long work, and what ends it. */
export type OpenDataOptions = Pick<
  OpenOptions,
  "cache" | "signal" | "onWarning" | "onNote" | "onProgress" | "onDownload"
>;

/** How to open what is measured with. */
export interface OpenPartOptions extends OpenDataOptions {
  /** Which part; by default `valid`. */
  readonly part?: DataPart;
}

/** How to open the data of a recipe. */
export type OpenData = (choice: DataChoice, device: Device, options?: OpenDataOptions) => Promise<Splits>;

/** Opens what is measured with. */
export type OpenValid = (choice: DataChoice, device: Device, options?: OpenPartOptions) => Promise<Dataset>;

/** A registered data set; undefined where the name is none's. */
async function registered(
  { data: { name, limit, keep: _, ...own }, size }: DataChoice,
  device: Device,
  { cache, signal }: OpenDataOptions,
): Promise<Splits | undefined> {
  if (!dataSetRegistry.has(name)) return undefined;
  const { build } = dataSetRegistry.get(name);
  return await build(own, { device, size, limit: limit ?? undefined, cache, signal });
}

/**
 * Refuses what image files cannot be trained by, which batches would refuse only once all of them are decoded. A path that
 * is not there is told first; a set's name needs no looking for.
 */
export async function checkData(recipe: Recipe): Promise<void> {
  const { preset, data: { name }, transforms: { shift = 0, crop, erase }, size } = recipe;
  if (dataSetRegistry.has(name)) {
    const strange = crop !== undefined ? "crop" : erase !== undefined ? "erase" : undefined;
    if (name !== "mnist") return;
    if (size !== null && size !== 28) {
      throw new SettingError("size", `mnist has images of 28 x 28 only, got \`size\` ${size}`);
    }
    if (strange === undefined) return;
    throw new SettingError(
      `transforms.${strange}`,
      `Expected no \`transforms.${strange}\` with the \`data.name\` mnist, got ${
        recipe.transforms[strange]
      }: it is for ` +
        "image files",
    );
  }
  if (knownSet(name) === undefined) await thereOrRefused(() => findArchive(name));
  if (shift !== 0) {
    const got = preset === null ? "a recipe" : `none but ${preset}`;
    throw new SettingError(
      "transforms.shift",
      `Expected \`preset\` with \`data.name\` "${name}", got ${got}, which shifts images and is for digits: pass ` +
        "`preset` imagenette-128-5, or `transforms.shift` 0",
    );
  }
  if (size === null) {
    throw new SettingError(
      "size",
      `Expected \`size\` with \`data.name\` "${name}", got none: images have many sizes`,
    );
  }
}

/** A path that is not there is the caller's mistake. */
export async function thereOrRefused<Result>(looked: () => Promise<Result>): Promise<Result> {
  try {
    return await looked();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new RecipeError(error.message, { cause: error });
    throw error;
  }
}

/** Opens image files. */
async function imagesOf<Opened>(
  { data: { name, limit, keep, split, nested, maxUnreadable, noise }, size, transforms }: DataChoice,
  device: Device,
  how: { options: OpenDataOptions; training?: boolean; with: (path: string, options: OpenOptions) => Promise<Opened> },
): Promise<Opened> {
  // Who evaluates has options beside those of opening.
  const { cache, signal, onWarning, onNote, onProgress, onDownload } = how.options;
  return await thereOrRefused(async () => {
    if (size === null) {
      // A path that is not there is told first; a set's name needs no looking for.
      if (knownSet(name) === undefined) await findArchive(name);
      throw new SettingError(
        "size",
        `Expected \`size\` with \`data.name\` "${name}", got none: images have many sizes`,
      );
    }
    return await how.with(name, {
      ...{ cache, signal, onWarning, onNote, onProgress, onDownload, nested },
      split: split ?? undefined,
      maxUnreadable: maxUnreadable ?? undefined,
      // One trains with wrong labels, and measures with true ones.
      noise: how.training ? noise ?? undefined : undefined,
      size,
      limit: limit ?? undefined,
      keep: keep ?? (transforms?.crop === "resized" ? "source" : "size"),
      device,
    });
  });
}

/** The data of a recipe, on a device. */
export async function openData(choice: DataChoice, device: Device, options: OpenDataOptions = {}): Promise<Splits> {
  requireNamed("openData", "data", choice?.data);
  requireOptions("openData", options, "openData(choice, device, {})");
  return await registered(choice, device, options) ??
    await imagesOf(choice, device, { options, training: true, with: open });
}

/** What the model of a recipe is measured with, or another part; of image files there need be no others. */
export async function openValidData(
  choice: DataChoice,
  device: Device,
  options: OpenPartOptions = {},
): Promise<Dataset> {
  requireNamed("openValidData", "data", choice?.data);
  requireOptions("openValidData", options, "openValidData(choice, device, {})");
  const { part = "valid" } = options;
  const all = await registered(choice, device, options);
  if (all === undefined) {
    return await imagesOf(choice, device, { options, with: (path, how) => openPart(path, part, how) });
  }
  if (part === "test") {
    all.train.dispose();
    all.valid.dispose();
    throw new RecipeError(
      `Expected \`part\` as train or valid with the data set ${choice.data.name}, got test: image files have that`,
    );
  }
  all[part === "train" ? "valid" : "train"].dispose();
  return all[part];
}
