/** Recipes from presets, and recipes from others. */
import { nearest, requireOptions, requireText } from "../tensor/ops/checks.ts";
import type { Json, JsonOptions } from "../registry/registry.ts";
import { dataSetRegistry } from "../data/registry.ts";
import { checkRecipe, checkSetting, fileOptions, isObject, namedSections, shown } from "./check.ts";
import { SettingError } from "./errors.ts";
import { presetFamilies, presetNames, presetOf } from "./presets.ts";
import type { Named, Recipe, RecipeChanges } from "./recipe.ts";
import { settingAt } from "./settings.ts";

/** What a recipe has unless it says otherwise. */
const usual = {
  preset: null,
  size: null,
  loss: { name: "crossEntropy" },
  transforms: {},
  validBs: 64,
  clipNorm: null,
  accumulate: 1,
  metrics: [],
  ema: null,
  seed: 0,
  device: "auto",
  threads: null,
  dtype: "f32",
  capture: true,
} as const satisfies Partial<Recipe>;

/** What a recipe cannot do without; the rest is as usual: no average, seed 0, f32, any device, cross entropy. */
export type RecipeParts =
  & Pick<Recipe, "model" | "optimizer" | "schedule" | "epochs" | "bs">
  & Partial<Omit<Recipe, "data">>
  & {
    /** Which data. */
    readonly data: Pick<Recipe["data"], "name"> & Partial<Recipe["data"]>;
  };

/**
 * A recipe from its parts, checked.
 *
 * Throws a SettingError that names the setting that cannot be.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * const mine = recipe.define({
 *   data: { name: "mnist" },
 *   model: { name: "mnistNet", act: "relu" },
 *   optimizer: { name: "adamw", wd: 0.05 },
 *   schedule: { name: "oneCycle", lr: 1e-3 },
 *   epochs: 2,
 *   bs: 64,
 * });
 * console.log(mine.seed); // 0
 * ```
 */
export function define(parts: RecipeParts): Recipe {
  requireOptions("define", parts, "define({ data, model, optimizer, schedule, epochs, bs })");
  const made: unknown = structured({ ...usual, ...parts, data: { limit: null, keep: null, ...parts.data } });
  checkRecipe(made);
  return made;
}

/**
 * A preset with some of its settings changed, checked: plain JSON.
 *
 * Throws a SettingError that names the setting that cannot be.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("imagenette-128-5", { model: { pool: "max" }, bs: 64 });
 * console.log(mine.model); // { name: "xse_resnext50", act: "mish", sa: true, sym: false, pool: "max" }
 * ```
 */
export function preset(name: string, changes: RecipeChanges = {}): Recipe {
  requireText("preset", "name", name);
  const found = presetOf(name);
  if (found === undefined) {
    const near = nearest(name, presetNames());
    throw new SettingError(
      "preset",
      `Expected \`preset\` to be one of ${presetFamilies().join(", ")}, got "${name}"` +
        (near === undefined ? "" : `: it may be ${near} that is meant`),
    );
  }
  return change(define({ ...found, preset: name }), changes);
}

/**
 * A recipe with some of its settings changed, checked; the recipe given stays as it is.
 *
 * Where a section is given another name, options of the one before stay that the new one has too, of a schedule the
 * learning rate alone.
 */
export function change(recipe: Recipe, changes: RecipeChanges): Recipe {
  checkRecipe(recipe);
  requireChanges(changes);
  const { data, model, weights, optimizer, schedule, loss, transforms, scaleLr, ...rest } = changes;
  const named = (section: keyof typeof namedSections, wanted: JsonOptions | undefined): Named =>
    renamed(section, recipe[section], wanted ?? {});
  const made: unknown = structured({
    ...recipe,
    ...given(rest),
    data: { ...kept(recipe.data, data?.name), ...given(data ?? {}) },
    model: named("model", model),
    weights: weights === undefined ? recipe.weights : { ...recipe.weights, ...given(weights) },
    optimizer: named("optimizer", optimizer),
    schedule: { ...named("schedule", schedule), ...(scaleLr ? { lr: scaledRate(recipe, changes) } : {}) },
    loss: named("loss", loss),
    transforms: { ...recipe.transforms, ...given(transforms ?? {}) },
  });
  checkRecipe(made);
  return made;
}

/** Sections of a recipe: what is given of one is laid over it. */
const sections = ["data", "model", "weights", "optimizer", "schedule", "loss", "transforms"] as const;

/** Refuses what could not be laid over a recipe. */
function requireChanges(changes: RecipeChanges): void {
  if (!isObject(changes)) {
    throw new TypeError(`change(): Expected \`changes\` as an object of settings, got ${shown(changes)}`);
  }
  for (const section of sections) {
    const given: unknown = changes[section];
    if (given === undefined || isObject(given)) continue;
    throw new SettingError(
      section,
      `Expected \`${section}\` to be an object with what changes of it, got ${shown(given)}`,
    );
  }
  const { scaleLr = false } = changes;
  if (typeof scaleLr !== "boolean") {
    throw new SettingError("scaleLr", `Expected \`scaleLr\` to be true or false, got ${shown(scaleLr)}`);
  }
}

/** The learning rate for another batch, by the batch that the preset's is for. */
function scaledRate(recipe: Recipe, { bs = recipe.bs, schedule }: RecipeChanges): number {
  const base = recipe.preset === null ? undefined : presetOf(recipe.preset);
  if (base === undefined) {
    throw new SettingError(
      "scaleLr",
      "Expected a recipe of a preset with `scaleLr`, got one of none: give the learning rate as `schedule.lr`",
    );
  }
  const lr = schedule?.["lr"];
  if (lr === undefined) return base.schedule.lr * bs / base.bs;
  checkSetting(settingAt("schedule.lr")!, lr);
  return (lr as number) * bs / base.bs;
}

/** Another data set has other options of its own; how image files are read stays. */
function kept(data: Recipe["data"], name: string | undefined): Recipe["data"] {
  if (name === undefined || name === data.name) return data;
  const { limit, keep, ...own } = data;
  if (dataSetRegistry.has(name)) return { name, limit, keep };
  const files = Object.entries(own).filter(([option]) => fileOptions.includes(option));
  return { name, limit, keep, ...Object.fromEntries(files) };
}

function renamed(section: keyof typeof namedSections, before: Named, wanted: JsonOptions): Named {
  const changes = given(wanted);
  const name = changes["name"];
  if (name === undefined || name === before.name) return { ...before, ...changes } as Named;
  const registry = namedSections[section];
  // A name that is not registered is told when the recipe is checked.
  const known = registry.has(name) ? registry.get(name).options ?? [] : [];
  const shared = section === "schedule" ? ["lr"] : known;
  const stay = Object.entries(before).filter(([option]) => option !== "name" && shared.includes(option));
  return { ...Object.fromEntries(stay), ...changes } as Named;
}

/** Leaves out what was not given. */
function given<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>;
}

/** A copy without what is undefined, as a file would give it back; what is no JSON stays, to be refused. */
function structured(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structured);
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value as Json;
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(fields.map(([name, inner]) => [name, structured(inner)]));
}
