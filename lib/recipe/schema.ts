/** The JSON Schema of a recipe, from the table of settings. */
import type { Json } from "../registry/registry.ts";
import { checkRecipe, namedSections } from "./check.ts";
import { transformRegistry } from "../data/registry.ts";
import type { Recipe } from "./recipe.ts";
import type { Setting } from "./setting.ts";
import { settings } from "./settings.ts";

/** A JSON Schema, 2020-12. */
export type Schema = { readonly [keyword: string]: Json | undefined };

const normalizeSchema: Schema = {
  anyOf: [
    { enum: ["imagenet", "mnist"] },
    {
      type: "object",
      properties: {
        mean: { type: "array", items: { type: "number" }, minItems: 1 },
        std: { type: "array", items: { type: "number", exclusiveMinimum: 0 }, minItems: 1 },
      },
      required: ["mean", "std"],
      additionalProperties: false,
    },
  ],
};

function kindSchema({ kind, min, max, above, below, choices }: Setting): Schema {
  const limits = {
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(above === undefined ? {} : { exclusiveMinimum: above }),
    ...(below === undefined ? {} : { exclusiveMaximum: below }),
  };
  switch (kind) {
    case "boolean":
      return { type: "boolean" };
    case "text":
      return { type: "string", minLength: 1 };
    case "amount":
      return { type: "string", pattern: "^[0-9]+([.][0-9]+)?%$|^[0-9]{1,15}$" };
    case "number":
    case "integer":
      return { type: kind, ...limits };
    case "numbers":
      return { type: "array", items: { type: "number", ...limits }, minItems: 1 };
    case "choice":
    case "name":
      return { enum: [...choices!()] };
    case "names":
      return { type: "array", items: { enum: [...choices!()] }, uniqueItems: true };
    case "normalize":
      return normalizeSchema;
  }
}

/** The schema of one setting's value. */
function settingSchema(setting: Setting): Schema {
  const schema = kindSchema(setting);
  const described = setting.nullable === true ? { anyOf: [schema, { type: "null" }] } : schema;
  return { description: setting.help, ...described };
}

/** A tree of schemas under the settings' paths. */
interface Level {
  readonly properties: Record<string, Level | Schema>;
}

function isLevel(value: Level | Schema): value is Level {
  return Object.hasOwn(value, "properties") && Object.keys(value).length === 1;
}

function place(level: Level, [name = "", ...rest]: readonly string[], schema: Schema): void {
  if (rest.length === 0) {
    level.properties[name] = schema;
    return;
  }
  const found = level.properties[name];
  const inner: Level = found !== undefined && isLevel(found) ? found : { properties: {} };
  level.properties[name] = inner;
  place(inner, rest, schema);
}

function written({ properties }: Level, path: string): Schema {
  const fields = Object.entries(properties).map(([name, inner]): [string, Schema] => [
    name,
    isLevel(inner) ? written(inner, path === "" ? name : `${path}.${name}`) : inner,
  ]);
  const needed = path === "" ? Object.keys(properties).filter((name) => !optional.includes(name)) : requiredIn[path];
  return {
    type: "object",
    properties: Object.fromEntries(fields),
    ...(needed === undefined ? {} : { required: needed }),
    // Options of what a name stands for are that name's own: `check` knows them.
    additionalProperties: path !== "" && !optional.includes(path),
  };
}

/** Sections that a recipe can do without; what they hold is all in the table. */
const optional: readonly string[] = ["weights"];

const requiredIn: Readonly<Record<string, readonly string[]>> = {
  data: ["name"],
  ...Object.fromEntries(Object.keys(namedSections).map((section) => [section, ["name"]])),
  schedule: ["name", "lr"],
};

/**
 * The JSON Schema (2020-12) of a recipe, with the names that are registered now: what an editor or a service checks one
 * with. Options of networks, optimizers and so on are open in it; {@linkcode check} knows those too.
 */
export function schema(): Schema {
  const root: Level = { properties: {} };
  for (const setting of settings()) {
    if (setting.transient !== true) place(root, setting.path.split("."), settingSchema(setting));
  }
  for (const name of transformRegistry.names) {
    if (root.properties["transforms"] === undefined) continue;
    const transforms = root.properties["transforms"] as Level;
    transforms.properties[name] ??= { type: ["object", "null"] };
  }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A recipe of libtrain",
    ...written(root, ""),
  };
}

/** Whether a value is a recipe: returns it, or throws a SettingError that names the place that is wrong. */
export function check(value: unknown): Recipe {
  checkRecipe(value);
  return value;
}
