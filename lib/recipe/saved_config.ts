/** The configuration of a run: its checkpoint's, of which `config.json` is a copy to read. */
import type { CheckpointInfo } from "../checkpoint/checkpoints.ts";
import { JsonFileError, readJson } from "../io/json_file.ts";
import { configIn, configOf, isConfigWhole } from "../run/saved_run.ts";
import { checkRecipe, unregistered } from "./check.ts";
import { differences } from "./differences.ts";
import { EditedConfigError, NotRegisteredHereError, RecipeError, RunNotFoundError, SettingError } from "./errors.ts";
import type { Recipe, RunConfig } from "./recipe.ts";

/** A configuration without what the data, the machine and the code said. */
export function recipeOf(
  {
    classes: _,
    targets: _targets,
    imageShape: _shape,
    samples: _samples,
    source: _source,
    weightsSha256: _weights,
    isa: _isa,
    commit: _commit,
    ...recipe
  }: RunConfig,
): Recipe {
  return recipe;
}

/** What runs of before a setting have of it. */
export const before: Readonly<Record<string, unknown>> = { clipNorm: null, accumulate: 1, metrics: [] };

/** A configuration with what it is too old for. */
function withNew(saved: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const missing = Object.entries(before).filter(([name]) => !Object.hasOwn(saved, name));
  return { ...saved, ...Object.fromEntries(missing) };
}

/** Refuses a configuration that this version cannot train. */
function checked(folder: string, saved: Readonly<Record<string, unknown>>): RunConfig {
  if (saved["script"] === true) {
    throw new RecipeError(
      `Cannot go on with run "${folder}": a script made it: run that script again, with \`resume\` of recipe.createRun()`,
    );
  }
  const config = withNew(saved);
  const [missing] = unregistered(config);
  if (missing !== undefined) throw new NotRegisteredHereError(folder, missing.kind, missing.name);
  try {
    checkRecipe(recipeOf(config as unknown as RunConfig));
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new RecipeError(
      `Cannot go on with run "${folder}": ${error.message}: it was made by another version`,
      { cause: error },
    );
  }
  return config as unknown as RunConfig;
}

/**
 * The configuration that a run goes by: that of its checkpoint, which is summed. Before one was saved it is that of
 * `config.json`. `copy` says whether that file has to be written again.
 *
 * Throws an EditedConfigError where `config.json` says something else, unless `force` is set, and a RunNotFoundError where
 * there is neither.
 */
export async function savedConfig(
  folder: string,
  found: CheckpointInfo | undefined,
  { force = false }: { force?: boolean } = {},
): Promise<{ config: RunConfig; copy: "there" | "lost" }> {
  const path = configIn(folder);
  if (found === undefined) {
    const config = await readJson(path, { advice: "restore it, or begin a new run" });
    if (config === undefined) {
      throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder`);
    }
    if (!force && !await isConfigWhole(folder)) {
      throw new RecipeError(
        `Expected "${path}" as it was written, got another text, and no state was saved yet that could tell what it was: ` +
          "restore it, begin a new run, or pass `force` to take it as it is",
      );
    }
    return { config: checked(folder, config), copy: "there" };
  }
  const config = checked(folder, configOf(found));
  let copy: Record<string, unknown> | undefined;
  try {
    copy = await readJson(path);
  } catch (error) {
    if (!(error instanceof JsonFileError)) throw error;
  }
  if (copy === undefined) return { config, copy: "lost" };
  const edited = differences(config, withNew(copy), { all: true });
  if (edited.length > 0 && !force) throw new EditedConfigError(folder, edited);
  const whole = edited.length === 0 && await isConfigWhole(folder);
  return { config, copy: whole ? "there" : "lost" };
}
