/** The cells of a sweep: every arm with every seed, each rehearsed before anything runs. */
import { RecipeError } from "../../recipe/errors.ts";
import { rehearse, type RehearseOptions } from "../../recipe/prepare.ts";
import type { Recipe, RunConfig } from "../../recipe/recipe.ts";
import { requireWhole } from "../../tensor/ops/checks.ts";
import type { Definition } from "./journal.ts";
import { hashOf, type Identity, identityOf, withoutSeed } from "./identity.ts";
import { inArm, type Plan } from "./plan.ts";

/** One run of a sweep. */
export interface Cell {
  /** Its arm. */
  readonly arm: string;
  /** Its seed. */
  readonly seed: number;
  /** The hash of its identity; arms of one recipe share runs. */
  readonly hash: string;
  /** What is trained. */
  readonly recipe: Recipe;
}

/** A plan whose arms can be trained. */
export interface Rehearsed {
  /** What the sweep is of. */
  readonly definition: Definition;
  /** What each arm's run would have as its configuration, whatever its seed. */
  readonly configs: ReadonlyMap<string, RunConfig>;
}

/** Goes through each arm short of its first step; rejects with an error that names the arm and the setting. */
export async function rehearsePlan(
  plan: Plan,
  options: RehearseOptions & { onArm?(arm: string): void },
): Promise<Rehearsed> {
  const configs = new Map<string, RunConfig>();
  const arms: Record<string, Identity> = {};
  for (const { name, recipe } of plan.arms) {
    options.onArm?.(name);
    try {
      const config = await rehearse(recipe, options);
      configs.set(name, config);
      arms[name] = withoutSeed(identityOf(config));
    } catch (error) {
      throw inArm(name, error);
    }
  }
  const { baseline, primary, exploratory, measure } = plan;
  return { definition: { measure, baseline, primary, exploratory, arms }, configs };
}

/** Refuses seeds that there are not. */
export function seedsFrom(first: number, runs: number): number[] {
  requireWhole("sweep", "runs", runs, 1);
  requireWhole("sweep", "firstSeed", first);
  if (runs > 10_000) throw new RecipeError(`Expected \`runs\` from 1 to 10000, got ${runs}`);
  if (first + runs > 2 ** 32) {
    throw new RecipeError(`Expected seeds from 0 to ${2 ** 32 - 1}, got ${first} and ${runs - 1} after it`);
  }
  return Array.from({ length: runs }, (_, count) => first + count);
}

/** The cells in the order they are run: all arms of one seed before the next one, so that pairs are whole early. */
export function cellsOf(plan: Plan, { configs }: Rehearsed, seeds: readonly number[]): Cell[] {
  return seeds.flatMap((seed) =>
    plan.arms.map(({ name, recipe }) => ({
      arm: name,
      seed,
      hash: hashOf(identityOf({ ...configs.get(name)!, seed })),
      recipe: { ...recipe, seed },
    }))
  );
}
