/** Whether a value is a job's specification, and the recipe that it asks for. */
import { nearest } from "../../tensor/ops/checks.ts";
import { change, define, preset, type RecipeParts } from "../../recipe/change.ts";
import { isObject, shown, valueAt } from "../../recipe/check.ts";
import { RecipeError, SettingError } from "../../recipe/errors.ts";
import { presetNames } from "../../recipe/presets.ts";
import type { Recipe, RecipeChanges } from "../../recipe/recipe.ts";
import type { Schema } from "../../recipe/schema.ts";
import { settings } from "../../recipe/settings.ts";
import { JobError } from "./errors.ts";
import { type JobField, jobFields, type JobSpec } from "./fields.ts";
import { artefactNames, kindOf } from "./kinds.ts";

/** The names that stand at a place of a specification. */
function namesIn(section: string): string[] {
  const before = section === "" ? "" : `${section}.`;
  const paths = jobFields.flatMap(({ path }) => path.startsWith(before) ? [path.slice(before.length)] : []);
  return [...new Set(paths.map((path) => path.split(".")[0]!))];
}

/** Names below which fields stand. */
const sections = [...new Set(jobFields.flatMap(({ path }) => path.includes(".") ? [path.split(".")[0]!] : []))];

function requireKnown(value: Readonly<Record<string, unknown>>, section: string): void {
  const known = namesIn(section);
  const strange = Object.keys(value).find((name) => !known.includes(name));
  if (strange === undefined) return;
  const near = nearest(strange, known);
  const place = section === "" ? strange : `${section}.${strange}`;
  const whole = section === "" ? "a job of" : `\`${section}\` of`;
  throw new JobError(
    place,
    `Expected ${whole} ${known.join(", ")}, got ${shown(place)}: ${
      near === undefined ? "leave it out" : `it may be ${near} that is meant`
    }`,
  );
}

function requireFits(field: JobField, value: unknown): void {
  const { path, required } = field;
  const kind = kindOf(field);
  if (value === undefined && required !== true || value !== undefined && kind.fits(value, field)) return;
  const got = value === undefined ? "none" : shown(value);
  const [place, wrong] = wrongIn(field, value);
  const known = field.kind === "preset" ? presetNames() : field.kind === "artefacts" ? artefactNames : [];
  const near = typeof wrong === "string" ? nearest(wrong, known) : undefined;
  const at = place === path ? "" : `, got ${shown(wrong)} at \`${place}\``;
  throw new JobError(
    place,
    `Expected \`${path}\` to be ${kind.wanted(field)}${at === "" ? `, got ${got}` : at}` +
      (near === undefined || near === wrong ? "" : `: it may be ${near} that is meant`),
  );
}

/** The place of what is wrong in a value, and that: of a list, its first element that cannot be. */
function wrongIn(field: JobField, value: unknown): [place: string, value: unknown] {
  if (field.kind !== "artefacts" || !Array.isArray(value)) return [field.path, value];
  const at = value.findIndex((one, at) => !kindOf(field).fits([one], field) || value.indexOf(one) < at);
  return at < 0 ? [field.path, value] : [`${field.path}.${at}`, value[at]];
}

/**
 * Whether a value is a job's specification: returns it, or throws a JobError that names the place that is wrong, with what
 * was wanted and what is there.
 *
 * @example
 * ```ts
 * import { serve } from "@libtrain/libtrain";
 *
 * const job = serve.checkJob({ name: "digits", preset: "mnist", recipe: { epochs: 1 }, artefacts: ["model"] });
 * console.log(job.name); // digits
 * ```
 */
export function checkJob(value: unknown): JobSpec {
  if (!isObject(value)) throw new JobError("", `Expected a job as an object, got ${shown(value)}`);
  requireKnown(value, "");
  for (const section of sections) {
    const inner = value[section];
    if (inner === undefined) continue;
    if (!isObject(inner)) throw new JobError(section, `Expected \`${section}\` to be an object, got ${shown(inner)}`);
    requireKnown(inner, section);
  }
  for (const field of jobFields) requireFits(field, valueAt(value, field.path));
  const spec = value as unknown as JobSpec;
  recipeIn(spec);
  return spec;
}

/** The first names of a recipe's settings. */
function recipeNames(): Set<string> {
  return new Set(settings().map(({ path }) => path.split(".")[0]!));
}

/** What is wrong with a recipe, as a message about the job that it is a part of. */
function inJob(error: unknown): unknown {
  if (!(error instanceof RecipeError)) return error;
  const path = error instanceof SettingError ? error.path : "";
  const names = recipeNames().add(path.split(".")[0]!);
  const message = error.message.replaceAll(
    /`([A-Za-z]\w*)((?:\.\w+)*)`/g,
    (whole, name: string, rest: string) => names.has(name) ? `\`recipe.${name}${rest}\`` : whole,
  );
  return new JobError(path === "" ? "recipe" : `recipe.${path}`, message, { cause: error });
}

/** The fields that a recipe of its own cannot do without. */
const parts = [
  "data",
  "model",
  "optimizer",
  "schedule",
  "epochs",
  "bs",
] as const satisfies readonly (keyof RecipeParts)[];

/** The whole recipe that a specification asks for: its preset with its changes, or its own. Throws as checkJob() does. */
export function jobRecipe(spec: JobSpec): Recipe {
  return recipeIn(checkJob(spec));
}

function recipeIn({ preset: name, recipe: own = {} }: JobSpec): Recipe {
  if (name === undefined && Object.keys(own).length === 0) {
    throw new JobError("preset", "Expected a job with `preset` or with a whole `recipe`, got neither: name a preset");
  }
  const missing = name === undefined ? parts.filter((part) => (own as Partial<RecipeParts>)[part] === undefined) : [];
  if (missing.length > 0) {
    throw new JobError(
      `recipe.${missing[0]}`,
      `Expected a whole \`recipe\` where no \`preset\` is named, got one without ${
        missing.join(", ")
      }: name a preset, or ` +
        "give them",
    );
  }
  const inner = own.preset;
  if (name !== undefined && inner !== undefined && inner !== name) {
    throw new JobError(
      "recipe.preset",
      `Expected \`recipe.preset\` to be left out beside \`preset\` ${name}, got ${shown(inner)}`,
    );
  }
  try {
    return name === undefined ? define(own as RecipeParts) : preset(name, own as RecipeChanges);
  } catch (error) {
    throw inJob(error);
  }
}

/** The recipe as it is trained on this machine: the environment's threads take the place of the recipe's. */
export function trainedRecipe(spec: JobSpec): Recipe {
  const threads = spec.environment?.threads;
  return threads === undefined ? jobRecipe(spec) : change(jobRecipe(spec), { threads });
}

/**
 * The JSON Schema (2020-12) of a job's specification, with the names that are registered now: what an editor or a service
 * checks one with. {@linkcode checkJob} knows more: options of networks, what goes together, days that a month has.
 *
 * @example
 * ```ts
 * import { serve } from "@libtrain/libtrain";
 *
 * console.log(Object.keys(serve.jobSchema()["properties"]!)[0]); // name
 * ```
 */
export function jobSchema(): Schema {
  const described = (field: JobField): Schema => ({
    description: field.usual === undefined ? field.help : `${field.help} (default: ${field.usual})`,
    ...kindOf(field).schema(field),
  });
  const objectOf = (section: string): Record<string, Schema> =>
    Object.fromEntries(
      namesIn(section).map((name) => {
        const path = section === "" ? name : `${section}.${name}`;
        if (!sections.includes(path)) return [name, described(jobFields.find((field) => field.path === path)!)];
        return [name, { type: "object", properties: objectOf(path), additionalProperties: false }];
      }),
    );
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A job of libtrain",
    type: "object",
    properties: objectOf(""),
    required: jobFields.flatMap(({ path, required }) => required === true ? [path] : []),
    anyOf: [
      { required: ["preset"] },
      { properties: { recipe: { type: "object", required: [...parts] } }, required: ["recipe"] },
    ],
    additionalProperties: false,
  };
}
