/** Adding names and settings of a script's own. */
import { requireOptions } from "../tensor/ops/checks.ts";
import { type DataSetContext, dataSetRegistry, transformRegistry } from "../data/registry.ts";
import type { BatchTransform } from "../data/transform.ts";
import type { Splits } from "../data/mnist.ts";
import { type ModelContext, modelRegistry } from "../models/registry.ts";
import { type Loss, lossRegistry } from "../nn/losses.ts";
import { type Metric, metricRegistry } from "../nn/metrics.ts";
import type { Module } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { optimizerRegistry, scheduleRegistry } from "../optim/registry.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { Names, Registered, Registry } from "../registry/registry.ts";
import { addPreset } from "./presets.ts";
import { define, type RecipeParts } from "./change.ts";
import type { Setting } from "./setting.ts";
import { addSetting, settingAt } from "./settings.ts";

/** A builder's options are whatever a recipe holds for it, so its author names their type. */
// deno-lint-ignore no-explicit-any
export type OwnOptions = any;

/** A builder, or one with the names of its options: others are then refused. */
export type Registration<Build extends (...args: never[]) => unknown> = Build | Registered<Build>;

/** Builders by the names that they are registered under. */
export type Builders<Build extends (...args: never[]) => unknown> = Readonly<Record<string, Registration<Build>>>;

/** What a script adds, each under a name for recipes. */
export interface Registrations {
  /** Networks: from their options in the recipe, beside classes, channels, seed, device and dtype, to a module. */
  readonly models?: Builders<(options: ModelContext & OwnOptions) => Module>;
  /** Optimizers. */
  readonly optimizers?: Builders<(options: OwnOptions) => Optimizer>;
  /** Schedules; `lr` is among their options. */
  readonly schedules?: Builders<(options: OwnOptions) => Schedule>;
  /** Losses. */
  readonly losses?: Builders<(options: OwnOptions) => Loss>;
  /** Metrics, which a recipe names in `metrics`; they have no options. */
  readonly metrics?: Builders<() => Metric>;
  /** Data sets. */
  readonly dataSets?: Builders<(options: OwnOptions, context: DataSetContext) => Splits | Promise<Splits>>;
  /** Batch transforms, whose options stand under their name in `transforms`; undefined where these ask for none. */
  readonly transforms?: Builders<(options: OwnOptions) => BatchTransform | undefined>;
  /** Presets. */
  readonly presets?: Readonly<Record<string, RecipeParts>>;
  /** Rows of the settings table, for options that shall have a flag, limits and a help text. */
  readonly settings?: readonly Setting[];
}

function addAll(
  registry: Registry<(...args: never[]) => unknown>,
  names: Builders<(...args: never[]) => unknown> = {},
): void {
  if (Array.isArray(names)) {
    throw new TypeError(`register(): Expected the ${registry.kind}s by their names, as an object, got an array`);
  }
  for (const [name, entry] of Object.entries(names)) registry.add(name, entry);
}

/**
 * Adds networks, optimizers, schedules, losses, metrics, data sets, batch transforms, presets and settings, which recipes then name.
 *
 * What a recipe holds for them is JSON, and is kept in the run's files: a process that opens the run registers the same
 * names first. Throws a TypeError where a name is taken.
 *
 * @example
 * ```ts
 * import { nn, recipe, type Tensor } from "@libtrain/libtrain";
 *
 * class Tiny extends nn.Module {
 *   readonly fc: nn.Linear;
 *   constructor({ classes, device }: { classes: number; device?: nn.ModuleOptions["device"] }) {
 *     super();
 *     this.fc = new nn.Linear(28 * 28, classes, { device });
 *   }
 *   override forward(x: Tensor): Tensor {
 *     return this.fc.forward(x.reshape([x.shape[0]!, -1]));
 *   }
 * }
 * recipe.register({ models: { linear: (options) => new Tiny(options) } });
 * console.log(recipe.preset("mnist", { model: { name: "linear" } }).model); // { name: "linear" }
 * ```
 */
export function register(own: Registrations): void {
  requireOptions("register", own, "register({ models: {} })");
  const unknown = Object.keys(own).find((kind) => !registrations.includes(kind));
  if (unknown !== undefined) {
    throw new TypeError(`register(): Expected ${registrations.join(", ")}, got "${unknown}"`);
  }
  const shadowed = Object.keys(own.transforms ?? {}).find((name) => settingAt(`transforms.${name}`) !== undefined);
  if (shadowed !== undefined) {
    throw new TypeError(
      `register(): Expected a name that is free for a transform, got "${shadowed}", which is a setting: choose another`,
    );
  }
  addAll(modelRegistry as unknown as Registry<() => unknown>, own.models);
  addAll(optimizerRegistry as unknown as Registry<() => unknown>, own.optimizers);
  addAll(scheduleRegistry as unknown as Registry<() => unknown>, own.schedules);
  addAll(lossRegistry as unknown as Registry<() => unknown>, own.losses);
  addAll(metricRegistry as unknown as Registry<() => unknown>, own.metrics);
  addAll(dataSetRegistry as unknown as Registry<() => unknown>, own.dataSets);
  addAll(transformRegistry as unknown as Registry<() => unknown>, own.transforms);
  for (const setting of own.settings ?? []) addSetting(setting);
  for (const [name, parts] of Object.entries(own.presets ?? {})) addPreset(name, define(parts));
}

const registrations: readonly string[] = [
  "models",
  "optimizers",
  "schedules",
  "losses",
  "metrics",
  "dataSets",
  "transforms",
  "presets",
  "settings",
] satisfies readonly (keyof Registrations)[];

/** The kinds of names that a recipe holds. */
export type NameKind = "models" | "optimizers" | "schedules" | "losses" | "metrics" | "dataSets" | "transforms";

/**
 * The names that are registered now, by kind, each with its options; null for one that takes whatever a recipe holds.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * console.log(recipe.registered().optimizers["sgd"]); // ["mom", "dampening", "nesterov", "wd"]
 * ```
 */
export function registered(): Record<NameKind, Record<string, readonly string[] | null>> {
  const options = (names: Names): Record<string, readonly string[] | null> =>
    Object.fromEntries(names.names.map((name) => [name, names.get(name).options ?? null]));
  return {
    models: options(modelRegistry),
    optimizers: options(optimizerRegistry),
    schedules: options(scheduleRegistry),
    losses: options(lossRegistry),
    metrics: options(metricRegistry),
    dataSets: options(dataSetRegistry),
    transforms: options(transformRegistry),
  };
}
