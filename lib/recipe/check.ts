/** Whether a value is a recipe that can be trained. */
import { dataSetRegistry, transformRegistry } from "../data/registry.ts";
import { modelRegistry } from "../models/registry.ts";
import { lossRegistry } from "../nn/losses.ts";
import { metricRegistry } from "../nn/metrics.ts";
import { optimizerRegistry, scheduleRegistry } from "../optim/registry.ts";
import type { Names } from "../registry/registry.ts";
import { nearest } from "../tensor/ops/checks.ts";
import { SettingError } from "./errors.ts";
import type { Recipe } from "./recipe.ts";
import { isAllowed, type Setting, wantedOf } from "./setting.ts";
import { settingAt, settings } from "./settings.ts";

/** The sections that stand for something by its name. */
export const namedSections: Readonly<Record<"model" | "optimizer" | "schedule" | "loss", Names>> = {
  model: modelRegistry,
  optimizer: optimizerRegistry,
  schedule: scheduleRegistry,
  loss: lossRegistry,
};

/** The fields of a recipe: where the table's paths begin. */
const fields: readonly string[] = [
  ...new Set(settings().flatMap(({ path, transient }) => transient ? [] : path.split(".", 1))),
];

/** Settings that a recipe cannot do without beside its fields. */
const required = ["data.name", "model.name", "optimizer.name", "schedule.name", "schedule.lr", "loss.name"];

/** The value at a path of names joined by dots; undefined where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, name) => isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined,
    value,
  );
}

/** Whether it is an object with fields: no array, no null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value in a message, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** What to do about a name that is not known: what it may have been meant to be, or to leave it out. */
export function cureFor(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "leave it out" : `it may be ${near} that is meant`;
}

function refuse(setting: Setting, value: unknown): never {
  const got = value === undefined ? "none" : shown(value);
  const near = typeof value === "string" ? nearest(value, setting.choices?.() ?? []) : undefined;
  const hint = near === undefined ? "" : `: it may be ${near} that is meant`;
  throw new SettingError(setting.path, `Expected \`${setting.path}\` to be ${wantedOf(setting)}, got ${got}${hint}`);
}

/** Refuses a value that a setting cannot have. */
export function checkSetting(setting: Setting, value: unknown): void {
  if (!isAllowed(setting, value)) refuse(setting, value);
}

/** The names of a configuration that nothing is registered under here, with what they stand for. */
export function unregistered(config: Readonly<Record<string, unknown>>): { kind: string; name: string }[] {
  const named = Object.entries(namedSections).flatMap(([section, registry]) => {
    const name = valueAt(config, `${section}.name`);
    return typeof name !== "string" || registry.has(name) ? [] : { kind: section, name };
  });
  const transforms = isObject(config["transforms"]) ? ownTransforms(config["transforms"] as Recipe["transforms"]) : [];
  const missing = transforms.filter(([name]) => !transformRegistry.has(name));
  const metrics = Array.isArray(config["metrics"]) ? config["metrics"].map(String) : [];
  const unknown = metrics.filter((name) => !metricRegistry.has(name));
  return [
    ...named,
    ...missing.map(([name]) => ({ kind: "transform", name })),
    ...unknown.map((name) => ({ kind: "metric", name })),
  ];
}

/** Throws a {@linkcode SettingError} that names the first setting that cannot be, with what it must be. */
export function checkRecipe(value: unknown): asserts value is Recipe {
  if (!isObject(value)) throw new SettingError("", `Expected a recipe as an object, got ${shown(value)}`);
  const strange = Object.keys(value).find((name) => !fields.includes(name));
  if (strange !== undefined) {
    const cure = cureFor(strange, fields);
    throw new SettingError(strange, `Expected a recipe of ${fields.join(", ")}, got \`${strange}\`: ${cure}`);
  }
  for (const section of [...Object.keys(namedSections), "data", "transforms"]) {
    if (!isObject(value[section])) {
      throw new SettingError(section, `Expected \`${section}\` to be an object, got ${shown(value[section])}`);
    }
  }
  for (const setting of settings()) {
    if (setting.transient === true) continue;
    const { path } = setting;
    const found = valueAt(value, path);
    const needed = fields.includes(path) || required.includes(path);
    if (found !== undefined || needed) checkSetting(setting, found);
  }
  const recipe = value as unknown as Recipe;
  checkF32(recipe);
  for (const [section, registry] of Object.entries(namedSections)) {
    checkOptions(section, recipe[section as keyof typeof namedSections], registry);
  }
  checkDataOptions(recipe);
  checkWeights(recipe);
  checkClassWeights(recipe);
  checkTransforms(recipe);
  checkJson(value, "");
}

/** Throws where a network's name is not registered, or where it has not the options that are given. */
export function checkModel(model: unknown): asserts model is Recipe["model"] {
  if (!isObject(model)) throw new SettingError("model", `Expected \`model\` to be an object, got ${shown(model)}`);
  const { name } = model;
  if (!modelRegistry.has(name)) {
    throw new SettingError(
      "model.name",
      `Expected \`model.name\` to be one of ${modelRegistry.names.join(", ")}, got ${
        shown(name)
      }: recipe.register() adds ` +
        "a network of your own",
    );
  }
  checkOptions("model", model as Recipe["model"], modelRegistry);
  checkJson(model, "model");
}

/** The options that belong to a name alone, where it says which it has. */
function checkOptions(section: string, { name, ...options }: Recipe["model"], registry: Names): void {
  const known = registry.get(name).options;
  if (known === undefined) return;
  const strange = Object.keys(options).find((option) => options[option] !== undefined && !known.includes(option));
  if (strange === undefined) return;
  const path = `${section}.${strange}`;
  throw new SettingError(
    path,
    `Expected settings that ${name} has, ${known.join(", ") || "none beside its name"}, got \`${path}\`: ${
      cureFor(strange, known)
    }`,
  );
}

/** The largest number of f32, in which steps are computed. */
export const largestF32 = 3.4028234663852886e38;

/** The smallest positive number that counts: less may be taken for 0 in f32. */
const smallestF32 = 1e-37;

/** Steps are computed in f32: what it cannot hold would be an infinity there, or nothing. */
function checkF32({ optimizer, schedule }: Recipe): void {
  for (const [section, options] of Object.entries({ optimizer, schedule })) {
    for (const [name, value] of Object.entries(options)) {
      if (typeof value !== "number" || Math.abs(value) <= largestF32) continue;
      const path = `${section}.${name}`;
      throw new SettingError(
        path,
        `Expected \`${path}\` to be a number of at most ${largestF32}, as f32 holds, got ${value}`,
      );
    }
  }
  const eps = optimizer["eps"];
  if (typeof eps !== "number" || eps >= smallestF32) return;
  throw new SettingError(
    "optimizer.eps",
    `Expected \`optimizer.eps\` to be a number of at least ${smallestF32}, as less may be 0 in f32, got ${eps}`,
  );
}

/** Options of the data that say how image files are read. */
export const fileOptions: readonly string[] = ["split", "nested", "maxUnreadable", "noise"];

/** Image files have options of how they are read; a registered data set has what it says. */
function checkDataOptions({ data: { name, limit: _, keep: _keep, ...own } }: Recipe): void {
  const known = dataSetRegistry.has(name) ? dataSetRegistry.get(name).options : fileOptions;
  const strange = known && Object.keys(own).find((option) => own[option] !== undefined && !known.includes(option));
  if (strange === undefined) return;
  const all = ["limit", "keep", ...known!];
  throw new SettingError(
    `data.${strange}`,
    `Expected settings that ${name} has, ${all.join(", ")}, got \`data.${strange}\`: ${cureFor(strange, all)}`,
  );
}

/** How weights are trained needs weights, and a body that stays as it is needs a head that is trained. */
function checkWeights({ weights }: Recipe): void {
  if (weights === undefined) return;
  if (!isObject(weights)) {
    throw new SettingError("weights", `Expected \`weights\` to be an object, got ${shown(weights)}`);
  }
  const known = ["from", "except", "freeze", "lrScale"];
  const strange = Object.keys(weights).find((name) => !known.includes(name));
  if (strange !== undefined) {
    const path = `weights.${strange}`;
    const cure = cureFor(strange, known);
    throw new SettingError(path, `Expected \`weights\` of ${known.join(", ")}, got \`${path}\`: ${cure}`);
  }
  const { from = null, except = null, freeze = 0 } = weights as NonNullable<Recipe["weights"]>;
  const alone = ["except", "freeze", "lrScale"].find((name) =>
    ![null, undefined].includes((weights as Record<string, null | undefined>)[name])
  );
  if (from === null && alone !== undefined) {
    const path = `weights.${alone}`;
    throw new SettingError(
      path,
      `Expected \`weights.from\` with \`${path}\`, got it alone: give the weights, or leave it out`,
    );
  }
  if (freeze > 0 && except === null) {
    throw new SettingError(
      "weights.freeze",
      "Expected `weights.except` with `weights.freeze`, got it alone: with all weights from a file nothing would be trained",
    );
  }
}

/** The smallest weight of a class that is not none: sums of such are no zeros in f32. */
const leastWeight = 1e-30;

function checkClassWeights({ loss }: Recipe): void {
  const weights: unknown = loss["weights"];
  const small = Array.isArray(weights) ? weights.find((weight) => weight > 0 && weight < leastWeight) : undefined;
  if (small === undefined) return;
  throw new SettingError(
    "loss.weights",
    `Expected \`loss.weights\` as numbers that are 0 or from ${leastWeight}, got ${small}`,
  );
}

/** The smallest parameter of a beta distribution that can be drawn from. */
const leastAlpha = 1e-300;

function checkTransforms({ transforms }: Recipe): void {
  const { crop, minScale, eraseCount, erase = 0 } = transforms;
  if (minScale !== undefined && crop !== "resized") {
    throw new SettingError(
      "transforms.minScale",
      `Expected \`transforms.minScale\` with the \`transforms.crop\` resized, got it with ${crop ?? "another"}`,
    );
  }
  if (eraseCount !== undefined && erase === 0) {
    throw new SettingError(
      "transforms.eraseCount",
      "Expected `transforms.eraseCount` with `transforms.erase` above 0, got it alone",
    );
  }
  for (const name of ["mixup", "cutmix"]) {
    const path = `transforms.${name}.alpha`;
    const alpha = valueAt(transforms, `${name}.alpha`);
    if (typeof alpha !== "number" || alpha === 0 || alpha >= leastAlpha) continue;
    throw new SettingError(
      path,
      `Expected \`${path}\` to be 0, for none, or a number from ${leastAlpha}, got ${alpha}`,
    );
  }
  for (const [name, options] of ownTransforms(transforms)) {
    if (!transformRegistry.has(name)) {
      const known = transformRegistry.names;
      const own = settings().flatMap(({ path }) => /^transforms\.(\w+)/.exec(path)?.[1] ?? []);
      const near = nearest(name, [...own, ...known]);
      throw new SettingError(
        `transforms.${name}`,
        `Expected \`transforms\` of the settings table${known.length === 0 ? "" : `, or ${known.join(", ")}`}, got ` +
          `\`transforms.${name}\`, which is not registered here${
            near === undefined ? "" : `: it may be ${near} that is meant`
          }`,
      );
    }
    if (!isObject(options)) {
      throw new SettingError(
        `transforms.${name}`,
        `Expected \`transforms.${name}\` to be an object of its options, got ${shown(options)}`,
      );
    }
    const known = transformRegistry.get(name).options;
    const strange = known && Object.keys(options).find((option) => !known.includes(option));
    if (strange !== undefined) {
      const path = `transforms.${name}.${strange}`;
      throw new SettingError(path, `Expected settings that ${name} has, ${known!.join(", ")}, got \`${path}\``);
    }
  }
}

/** The registered transforms of a recipe with their options, those left out that are null. */
export function ownTransforms(transforms: Recipe["transforms"]): [name: string, options: unknown][] {
  return Object.entries(transforms).filter(([name, options]) =>
    options !== null && options !== undefined && settingAt(`transforms.${name}`) === undefined
  );
}

/** A recipe is written to a file and read again: nothing may be in it that would not come back. */
function checkJson(value: unknown, path: string): void {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return;
  if (Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    value.forEach((inner, at) => checkJson(inner, `${path}.${at}`));
    return;
  }
  if (isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    for (const [name, inner] of Object.entries(value)) checkJson(inner, path === "" ? name : `${path}.${name}`);
    return;
  }
  const got = typeof value === "object" ? value.constructor.name : String(value);
  throw new SettingError(path, `Expected \`${path}\` as JSON holds it, got ${got}`);
}
