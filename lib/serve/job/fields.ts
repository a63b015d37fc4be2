/** The table of a job's fields: type, JSON Schema, checks and the table of docs/jobs.md follow from it. */
import type { RecipeParts } from "../../recipe/change.ts";
import type { RecipeChanges } from "../../recipe/recipe.ts";
import type { ArtefactName, FieldKind } from "./kinds.ts";

/** One field of a job's specification. */
export interface JobField {
  /** Its place, say `environment.threads`. */
  readonly path: string;
  /** What its value may be. */
  readonly kind: FieldKind;
  /** One sentence about it; other fields in it by their paths in backticks. */
  readonly help: string;
  /** Whether a job cannot be without it. */
  readonly required?: boolean;
  /** What it is where it is not given, in words. */
  readonly usual?: string;
  /** The smallest number. */
  readonly min?: number;
  /** The largest number. */
  readonly max?: number;
  /** Whether the same job may go on with another value: it changes no bit of the training. */
  readonly free?: boolean;
}

const table = [
  {
    path: "name",
    kind: "name",
    required: true,
    help: "What the job is called, in its events and in the folder that it makes",
  },
  { path: "preset", kind: "preset", help: "What to train; `recipe` then holds what is other than in the preset" },
  {
    path: "recipe",
    kind: "recipe",
    help: "Changes to the preset, or where none is named a whole recipe",
  },
  {
    path: "deadline",
    kind: "deadline",
    free: true,
    usual: "none",
    help: "When to stop with everything saved: seconds from the start of this attempt, or an instant for the whole job",
  },
  {
    path: "saveEvery",
    kind: "seconds",
    min: 0,
    max: 1e9,
    free: true,
    usual: "600",
    help: "Seconds between two saves of the state in the middle of an epoch",
  },
  {
    path: "output",
    kind: "folder",
    free: true,
    usual: "runs/ and the name",
    help: "The folder of the job: its events, its run, its artefacts",
  },
  {
    path: "artefacts",
    kind: "artefacts",
    free: true,
    usual: "none",
    help: "What to write below `output` once the training is over",
  },
  {
    path: "environment.threads",
    kind: "count",
    min: 1,
    max: 256,
    free: true,
    usual: "the recipe's, else all",
    help: "CPU threads, in the place of the recipe's",
  },
  {
    path: "environment.memory",
    kind: "count",
    min: 64,
    max: 2 ** 30,
    free: true,
    usual: "what the machine has",
    help: "MiB that the device of the training may hold",
  },
  {
    path: "environment.cache",
    kind: "folder",
    free: true,
    usual: ".cache/data",
    help: "Where pixel caches and downloads are kept",
  },
] as const satisfies readonly JobField[];

/** All fields, in the order in which they are written. */
export const jobFields: readonly JobField[] = table;

/** What of the machine a job takes. */
export interface JobEnvironment {
  /** CPU threads, in the place of the recipe's. */
  readonly threads?: number;
  /** MiB that the device of the training may hold. */
  readonly memory?: number;
  /** Where pixel caches and downloads are kept. */
  readonly cache?: string;
}

/** A job as data: what to train, until when, where to, and what to make of it; {@linkcode jobFields} has its limits. */
export interface JobSpec {
  /** What it is called. */
  readonly name: string;
  /** What to train. */
  readonly preset?: string;
  /** Changes to the preset; where none is named, a whole recipe. */
  readonly recipe?: RecipeChanges | RecipeParts;
  /** When to stop: seconds from the start of an attempt, or an instant as ISO 8601 with its zone. */
  readonly deadline?: number | string;
  /** Seconds between two saves of the state in the middle of an epoch; by default 600. */
  readonly saveEvery?: number;
  /** The job's folder; by default `runs/` and its name. */
  readonly output?: string;
  /** What to write below the folder once the training is over. */
  readonly artefacts?: readonly ArtefactName[];
  /** What of the machine it takes. */
  readonly environment?: JobEnvironment;
}

/** What each kind of field is in TypeScript. */
interface KindTypes {
  name: string;
  preset: string;
  recipe: RecipeChanges | RecipeParts;
  deadline: number | string;
  seconds: number;
  count: number;
  folder: string;
  artefacts: readonly ArtefactName[];
}

type Row = (typeof table)[number];
type Told = { readonly [Field in Row as Field["path"]]: KindTypes[Field["kind"]] };
type Typed =
  & { readonly [Name in Exclude<keyof JobSpec, "environment">]: Required<JobSpec>[Name] }
  & { readonly [Name in keyof Required<JobEnvironment> as `environment.${Name}`]: Required<JobEnvironment>[Name] };

/** The table and the type say the same, or this does not compile. */
const _same: [Told, Typed] extends [Typed, Told] ? true : never = true;
