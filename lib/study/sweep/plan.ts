/** What a sweep trains: a recipe for each arm. */
import { change, preset } from "../../recipe/change.ts";
import { RecipeError, SettingError } from "../../recipe/errors.ts";
import type { Recipe, RecipeChanges } from "../../recipe/recipe.ts";
import { requireKnownOptions, requireOptions, requireText } from "../../tensor/ops/checks.ts";
import { armsOf, type Grid } from "./grid.ts";
import { type Comparison, comparisonsOf, define, type Measure, requireName, type Study } from "./study.ts";

/** One arm: what is trained with each seed. */
export interface Arm {
  /** Its name. */
  readonly name: string;
  /** Its recipe, of whatever seed. */
  readonly recipe: Recipe;
}

/** What a sweep trains and compares. */
export interface Plan {
  /** The sweep's name. */
  readonly name: string;
  /** What is put to the test; null of a grid, which claims nothing. */
  readonly claim: string | null;
  /** What the claim's source measured. */
  readonly source: string | null;
  /** The arms, in their order. */
  readonly arms: readonly Arm[];
  /** The arm that others are compared with. */
  readonly baseline: string;
  /** The comparison that decides the claim. */
  readonly primary: Comparison | null;
  /** The others, which only hint. */
  readonly exploratory: readonly Comparison[];
  /** What runs are compared by. */
  readonly measure: Measure;
}

/** What all arms begin from. */
export interface PlanOptions {
  /** Takes the study's preset's place. */
  preset?: string;
  /** What all arms change of it; an arm's own changes come after these. */
  changes?: RecipeChanges;
  /** The sweep's name; by default the study's. */
  name?: string;
}

/** What belongs elsewhere. */
const optionNames = {
  runs: "study.sweep() takes it",
  seeds: "study.sweep() takes `runs` and `firstSeed`",
  epochs: "settings are given as `changes`",
  data: "settings are given as `changes`",
};

/**
 * The recipe of an arm. With `scaleLr` its learning rate, its own or the base's, is scaled linearly with the batch (Goyal
 * 2017): times the arm's `bs` over the base's.
 */
function armRecipe(base: Recipe, { scaleLr = false, ...changes }: RecipeChanges): Recipe {
  if (typeof scaleLr !== "boolean") {
    throw new SettingError("scaleLr", `Expected \`scaleLr\` to be true or false, got ${JSON.stringify(scaleLr)}`);
  }
  const made = change(base, changes);
  return scaleLr ? change(made, { schedule: { lr: made.schedule.lr * made.bs / base.bs } }) : made;
}

function arms(base: Recipe, changes: Readonly<Record<string, RecipeChanges>>): Arm[] {
  if (base.dtype === "auto" || Object.values(changes).some(({ dtype }) => dtype === "auto")) {
    throw new SettingError(
      "dtype",
      "Expected `dtype` f32, bf16 or f64 in a sweep, got auto: what it comes to could differ from run to run",
    );
  }
  return Object.entries(changes).map(([name, own]) => {
    try {
      return { name, recipe: armRecipe(base, own) };
    } catch (error) {
      throw inArm(name, error);
    }
  });
}

/** An error with the arm that it is of. */
export function inArm(arm: string, error: unknown): unknown {
  if (error instanceof SettingError) {
    return new SettingError(error.path, `Arm "${arm}": ${error.message}`, { cause: error });
  }
  return error instanceof RecipeError ? new RecipeError(`Arm "${arm}": ${error.message}`, { cause: error }) : error;
}

/**
 * What a study trains, from its own preset or another one.
 *
 * Throws a SettingError that names the arm and the setting that cannot be.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const rates = study.define({
 *   name: "rates",
 *   claim: "A third of the rate is worse",
 *   preset: "mnist",
 *   arms: { usual: {}, third: { schedule: { lr: 8e-3 / 3 } } },
 *   baseline: "usual",
 * });
 * const plan = study.planOf(rates, { changes: { epochs: 1 } });
 * console.log(plan.arms.map(({ name, recipe }) => [name, recipe.epochs])); // [ [ "usual", 1 ], [ "third", 1 ] ]
 * ```
 */
export function planOf(study: Study, options: PlanOptions = {}): Plan {
  requireOptions("planOf", options, "planOf(study, { changes: { epochs: 1 } })");
  requireKnownOptions("planOf", options, ["preset", "changes", "name"], optionNames);
  if (options.preset !== undefined) requireText("planOf", "preset", options.preset);
  const checked = define(study);
  const { name = checked.name } = options;
  requireName("a sweep's name", name);
  const own = preset(options.preset ?? checked.preset, checked.changes ?? {});
  const base = change(own, options.changes ?? {});
  return {
    name,
    claim: checked.claim,
    source: checked.source ?? null,
    arms: arms(base, checked.arms),
    baseline: checked.baseline,
    primary: checked.primary ?? null,
    exploratory: comparisonsOf(checked),
    measure: checked.measure ?? "top1",
  };
}

/** What of a grid's plan is not in its axes. */
export interface GridOptions extends Omit<PlanOptions, "name"> {
  /** The sweep's name; by default `grid`, the preset's name and the axes'. */
  name?: string;
  /** The arm that others are compared with; by default the first. */
  baseline?: string;
}

/**
 * What a grid trains: an arm for each combination of its axes' values, all compared with the first.
 *
 * Throws a RecipeError for an axis that is no setting, with the nearest name, and a SettingError that names the arm and the
 * setting that cannot be.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const plan = study.gridOf({ bs: [64, 128], scaleLr: [false, true] }, { preset: "mnist" });
 * console.log(plan.arms.map(({ name, recipe }) => [name, recipe.schedule.lr]).at(-1)); // [ "bs=128,scale-lr=true", 0.016 ]
 * ```
 */
export function gridOf(grid: Grid, options: GridOptions = {}): Plan {
  requireOptions("gridOf", options, 'gridOf({ bs: [32, 64] }, { preset: "mnist" })');
  requireKnownOptions("gridOf", options, ["preset", "changes", "name", "baseline"], optionNames);
  if (options.preset !== undefined) requireText("gridOf", "preset", options.preset);
  const changes = armsOf(grid);
  const names = Object.keys(changes);
  const { preset: from = "mnist", baseline = names[0]! } = options;
  const name = options.name ??
    ["grid", from, ...Object.keys(grid)].join("-").replaceAll(/[^\w.-]+/g, "-").slice(0, 100);
  requireName("a sweep's name", name);
  if (!names.includes(baseline)) {
    throw new RecipeError(`Expected \`baseline\` as one of the grid's arms, ${names.join(", ")}, got "${baseline}"`);
  }
  const base = change(preset(from), options.changes ?? {});
  return {
    name,
    claim: null,
    source: null,
    arms: arms(base, changes),
    baseline,
    primary: null,
    exploratory: comparisonsOf({ arms: changes, baseline }),
    measure: "top1",
  };
}
