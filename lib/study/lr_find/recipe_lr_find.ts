/** Looking for the learning rate of a recipe. */
import { basename, join } from "node:path";
import { requireOptionsOf, requireText } from "../../tensor/ops/checks.ts";
import { makeFolderOf } from "../../io/atomic_file.ts";
import { writeJson } from "../../io/json_file.ts";
import { change } from "../../recipe/change.ts";
import { checkRecipe } from "../../recipe/check.ts";
import type { OpenData } from "../../recipe/data.ts";
import type { Ready, TrainingEvent } from "../../recipe/events.ts";
import { adviseTraining } from "../../recipe/memory_advice.ts";
import { prepareTraining } from "../../recipe/prepare.ts";
import type { Recipe, RunConfig } from "../../recipe/recipe.ts";
import { recipeOf } from "../../recipe/saved_config.ts";
import { codeVersion } from "../../run/code_version.ts";
import { makeRunFolder } from "../../run/folder_name.ts";
import type { Page } from "../report/page.ts";
import { writePage } from "../report/write_page.ts";
import { filledSweep, lrFind, type LrFindOptions, type LrFound } from "./lr_find.ts";
import { lrFindSections } from "./sections.ts";

/** What to look with, and on what. */
export interface RecipeLrFindOptions extends LrFindOptions {
  /** Where the data are on this machine: takes the place of the recipe's `data.name`. */
  data?: string;
  /** Where pixel caches and downloads are kept; by default `.cache/data`. */
  cache?: string;
  /** Opens the data; by default by its name or path. */
  open?: OpenData;
  /** Told of data that are prepared, and of what a reader should know. */
  onEvent?(event: TrainingEvent): void | Promise<void>;
  /** Told once everything is set up. */
  onReady?(ready: LrFindReady): void;
}

/** What is about to be tried. */
export interface LrFindReady extends Omit<Ready, "folder" | "from"> {
  /** Steps at most. */
  readonly steps: number;
}

/** What was found for a recipe. */
export interface RecipeLrFound extends LrFound {
  /** The recipe, with what `auto` came to. */
  readonly recipe: Recipe;
  /** All of it as a page. */
  readonly page: Page;
}

const known = [
  ...["startLr", "endLr", "steps", "diverge", "signal", "onStep", "data", "open", "cache", "onEvent", "onReady"],
];

async function pageOf(
  { preset, model, optimizer, bs, data, size, seed, dtype, device }: RunConfig,
  found: LrFound,
): Promise<Page> {
  const { commit, dirty } = await codeVersion();
  const code = commit === null
    ? "code of no commit"
    : `commit ${commit.slice(0, 7)}${dirty === false ? "" : ", changed"}`;
  return {
    title: `A learning rate for ${preset ?? model.name}`,
    about: [
      `${model.name} with ${optimizer.name} in batches of ${bs}`,
      `${basename(data.name)}${size === null ? "" : ` at ${size} px`}`,
      `seed ${seed}`,
      `${dtype} on ${device}`,
      code,
      new Date().toISOString().slice(0, 10),
    ].join(" · "),
    sections: lrFindSections(found),
  };
}

/**
 * Looks for the learning rate of a recipe ({@linkcode lrFind}): network, data, augmentation, optimizer, loss and dtype are
 * those of its training, of which nothing is begun or kept.
 *
 * Rejects as a training of the recipe does: with a SettingError that names the setting that cannot be, and where data or
 * weights are not there.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { bs: 32, data: { limit: 256 } });
 * const { suggestion, suggestions } = await study.lrFindRecipe(mine, { steps: 40 });
 * console.log(suggestion, suggestions.steep);
 * ```
 */
export async function lrFindRecipe(recipe: Recipe, options: RecipeLrFindOptions = {}): Promise<RecipeLrFound> {
  checkRecipe(recipe);
  requireOptionsOf("lrFindRecipe", options, { example: "lrFindRecipe(recipe, { steps: 100 })", known });
  const { data: name, open, cache, onEvent, onReady, onStep, signal } = options;
  const sweep = filledSweep("lrFindRecipe", options);
  signal?.throwIfAborted();
  const placed = name === undefined ? recipe : change(recipe, { data: { name } });
  using prepared = await prepareTraining(placed, undefined, { cache, signal, open }, (event) => onEvent?.(event));
  const { trainer, config, batches, ready } = prepared;
  onReady?.({ ...ready, steps: sweep.steps });
  try {
    const found = await lrFind(trainer, batches.train, { ...sweep, signal, onStep });
    return { ...found, recipe: recipeOf(config), page: await pageOf(config, found) };
  } catch (error) {
    throw adviseTraining(error, config, trainer.model);
  }
}

/** Where what was found goes. */
export interface WriteLrFindOptions {
  /** The folder itself; by default a new one below `root`, named by time and preset. */
  folder?: string;
  /** Where the new folder is made; by default `runs`. */
  root?: string;
}

/** What {@linkcode writeLrFind} wrote. */
export interface WrittenLrFind {
  /** The folder. */
  readonly folder: string;
  /** The path of the curve and the suggestions as JSON. */
  readonly json: string;
  /** The path of the page. */
  readonly page: string;
  /** The path of the figure; null where no step was taken. */
  readonly svg: string | null;
}

/**
 * Writes what was found for a recipe: `lr_find.json`, the curve with its suggestions, and the recipe; the page `report.html`,
 * and the figure ({@linkcode writePage}).
 */
export async function writeLrFind(
  { page, ...found }: RecipeLrFound,
  options: WriteLrFindOptions = {},
): Promise<WrittenLrFind> {
  requireOptionsOf("writeLrFind", options, { example: "writeLrFind(found, { folder })", known: ["folder", "root"] });
  const { preset, model } = found.recipe;
  const { root, folder = await makeRunFolder({ root, name: `lr-find-${preset ?? model.name}` }) } = options;
  requireText("writeLrFind", "folder", folder);
  const json = join(folder, "lr_find.json");
  await makeFolderOf(json);
  await writeJson(json, found);
  const { html, figures } = await writePage(page, folder);
  return { folder, json, page: html, svg: figures[0]?.svg ?? null };
}
