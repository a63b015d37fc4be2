/** Parameters of routes: one table gives their checks and their JSON Schema. */
import type { Schema } from "../../recipe/schema.ts";
import { HttpError } from "./http_error.ts";

/** What a parameter may be. */
export interface Parameter {
  /** Where it stands. */
  readonly in: "path" | "query" | "header";
  /** What it may be. */
  readonly kind: "name" | "integer" | "choice" | "flag";
  /** One sentence. */
  readonly help: string;
  /** The smallest number. */
  readonly min?: number;
  /** The largest number. */
  readonly max?: number;
  /** The words that there are. */
  readonly choices?: readonly string[];
}

/** The parameters of a route by their names. */
export type Parameters = Readonly<Record<string, Parameter>>;

/** The value of a parameter. */
export type ParameterValue<P extends Parameter> = P["kind"] extends "integer" ? number
  : P["kind"] extends "flag" ? boolean
  : string;

/** The values of all of them: those of a path are there. */
export type ParameterValues<P extends Parameters> = {
  readonly [K in keyof P]: P[K]["in"] extends "path" ? ParameterValue<P[K]> : ParameterValue<P[K]> | undefined;
};

/** What jobs and models are called: it is a folder's name too. */
export const namePattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$";

/** The schema of a parameter's value. */
export function parameterSchema({ kind, min, max, choices }: Parameter): Schema {
  switch (kind) {
    case "name":
      return { type: "string", pattern: namePattern };
    case "integer":
      return {
        type: "integer",
        ...(min === undefined ? {} : { minimum: min }),
        ...(max === undefined ? {} : { maximum: max }),
      };
    case "choice":
      return { enum: [...choices ?? []] };
    case "flag":
      return { type: "boolean" };
  }
}

function wantedOf({ kind, min = 0, max, choices = [] }: Parameter): string {
  switch (kind) {
    case "name":
      return "1 to 100 letters, digits, dots, dashes and underscores, without a dot in front";
    case "integer":
      return max === undefined ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`;
    case "choice":
      return `one of ${choices.join(", ")}`;
    case "flag":
      return "true or false";
  }
}

/** A parameter's value by its text; throws for what it cannot be. */
export function parsed(name: string, parameter: Parameter, text: string): string | number | boolean {
  const { kind, min = 0, max = Number.MAX_SAFE_INTEGER, choices = [] } = parameter;
  if (kind === "name" && new RegExp(namePattern).test(text)) return text;
  if (kind === "choice" && choices.includes(text)) return text;
  if (kind === "flag" && ["true", "false"].includes(text)) return text === "true";
  if (kind === "integer" && /^\d{1,16}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new HttpError(
    400,
    `Expected \`${name}\` as ${wantedOf(parameter)}, got ${JSON.stringify(text.slice(0, 120))}`,
  );
}
