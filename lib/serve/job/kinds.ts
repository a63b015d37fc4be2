/** What the values of a job's fields may be: in words, as a check, and as JSON Schema. */
import { presetFamilies, presetNames } from "../../recipe/presets.ts";
import { type Schema, schema as recipeSchema } from "../../recipe/schema.ts";
import type { JobField } from "./fields.ts";

/** What can be made of a training that is over. */
export const artefactNames = ["model", "report", "predictions"] as const;

/** One of {@linkcode artefactNames}. */
export type ArtefactName = (typeof artefactNames)[number];

/** What a field's value may be. */
export type FieldKind =
  | "name"
  | "preset"
  | "recipe"
  | "deadline"
  | "seconds"
  | "count"
  | "folder"
  | "artefacts";

/** What one kind of field takes. */
interface Kind {
  /** In words: `a number from 0 to 1`. */
  wanted(field: JobField): string;
  fits(value: unknown, field: JobField): boolean;
  schema(field: JobField): Schema;
}

/** A name that is also a folder's, on every system, and nothing more: no path, no hidden file. */
const nameForm = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;

/** An instant with its zone: the same one on every machine. */
const instantForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** The milliseconds of an instant since 1970; undefined for a text that is none. */
export function instantOf(text: string): number | undefined {
  if (!instantForm.test(text)) return undefined;
  const instant = Date.parse(text);
  // A day that its month has not, as 30 February, would be taken for one of the next.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(instant) || !day.toISOString().startsWith(text.slice(0, 10)) ? undefined : instant;
}

/** Longest deadline, in seconds: more than thirty years. */
const longest = 1e9;

function inRange(value: unknown, { min = -Infinity, max = Infinity }: JobField): boolean {
  return Number.isFinite(value) && (value as number) >= min && (value as number) <= max;
}

const limits = ({ min, max }: JobField): Schema => ({
  ...(min === undefined ? {} : { minimum: min }),
  ...(max === undefined ? {} : { maximum: max }),
});

/** The schema of a recipe, of which everything may be left out. */
function changesSchema(): Schema {
  const loosened = (level: Schema): Schema => {
    const { required: _, $schema: _schema, title: _title, ...rest } = level;
    if (rest["properties"] === undefined) return rest;
    const inner = Object.entries(rest["properties"] as Record<string, Schema>);
    return { ...rest, properties: Object.fromEntries(inner.map(([name, one]) => [name, loosened(one)])) };
  };
  const made = loosened(recipeSchema());
  return { ...made, properties: { ...made["properties"] as Record<string, Schema>, scaleLr: { type: "boolean" } } };
}

/** The kinds by name. */
const kinds: Readonly<Record<FieldKind, Kind>> = {
  name: {
    wanted: () => "1 to 100 letters, digits, -, _ and ., not beginning with a dot",
    fits: (value) => typeof value === "string" && nameForm.test(value),
    schema: () => ({ type: "string", pattern: nameForm.source }),
  },
  preset: {
    wanted: () => `one of ${presetFamilies().join(", ")}`,
    fits: (value) => typeof value === "string" && presetNames().includes(value),
    schema: () => ({ enum: [...presetNames()] }),
  },
  recipe: {
    wanted: () => "an object of settings",
    fits: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    schema: changesSchema,
  },
  deadline: {
    wanted: () => `seconds above 0 up to ${longest}, or an instant with its zone, say 2026-12-31T18:00:00Z`,
    fits: (value) =>
      typeof value === "string"
        ? instantOf(value) !== undefined
        : Number.isFinite(value) && (value as number) > 0 && (value as number) <= longest,
    schema: () => ({
      anyOf: [
        { type: "number", exclusiveMinimum: 0, maximum: longest },
        { type: "string", pattern: instantForm.source },
      ],
    }),
  },
  seconds: {
    wanted: ({ min, max }) => `a number of seconds from ${min} to ${max}`,
    fits: (value, field) => inRange(value, field),
    schema: (field) => ({ type: "number", ...limits(field) }),
  },
  count: {
    wanted: ({ min, max }) => `a whole number from ${min} to ${max}`,
    fits: (value, field) => Number.isSafeInteger(value) && inRange(value, field),
    schema: (field) => ({ type: "integer", ...limits(field) }),
  },
  folder: {
    wanted: () => "a folder's path",
    fits: (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
    schema: () => ({ type: "string", minLength: 1, pattern: "^[^\\u0000]*$" }),
  },
  artefacts: {
    wanted: () => `some of ${artefactNames.join(", ")}, each once`,
    fits: (value) =>
      Array.isArray(value) && value.every((name) => artefactNames.includes(name)) &&
      new Set(value).size === value.length,
    schema: () => ({ type: "array", items: { enum: [...artefactNames] }, uniqueItems: true }),
  },
};

/** What a field takes. */
export function kindOf({ kind }: JobField): Kind {
  return kinds[kind];
}
