/** Weights that a training begins with: which file, what is left out, and how what was taken is trained. */
import { Checkpoints } from "../checkpoint/checkpoints.ts";
import { isIn, leftOutBy } from "../checkpoint/except.ts";
import { importFastai, readStateDict } from "../checkpoint/fastai.ts";
import { loadWeights } from "../checkpoint/weights.ts";
import { StateError } from "../ffi/errors.ts";
import { readRegularFile, weightBytes } from "../io/regular_file.ts";
import { sha256Of } from "../io/sha256.ts";
import type { Module } from "../nn/module.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import type { Trainer } from "../train/trainer.ts";
import { RunNotFoundError, SettingError } from "./errors.ts";
import type { Recipe } from "./recipe.ts";

/** The parts that keep their initial weights. */
function exceptOf({ except }: NonNullable<Recipe["weights"]>): string[] | undefined {
  return except?.split(",").map((part) => part.trim());
}

/** How the weights that were taken are trained: their group, and what unfreezes them after the first epochs. */
export function fineTuning(
  weights: Recipe["weights"],
): { groups: readonly ParameterGroup[]; follow(trainer: Trainer): void } {
  const { from = null, freeze = 0, lrScale = 1 } = weights ?? {};
  if (weights === undefined || from === null || freeze === 0 && lrScale === 1) {
    return { groups: [], follow: () => {} };
  }
  const except = exceptOf(weights) ?? [];
  const match = (path: string): boolean => !except.some((part) => isIn(part, path));
  let frozen = freeze > 0;
  const follow = (trainer: Trainer): void =>
    void trainer.on("epochBegin", ({ epoch }) => {
      if (epoch <= freeze === frozen) return;
      frozen = !frozen;
      trainer.optimizer.configure({ match, frozen });
    });
  return { groups: [{ match, lrScale, frozen }], follow };
}

/** The file that holds the weights: a run's newest checkpoint that is whole, or the file itself. */
async function weightsFile(from: string): Promise<string> {
  const found = await Deno.stat(from).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
  if (found === undefined) {
    throw new SettingError(
      "weights.from",
      `Expected \`weights.from\` as a run's folder, a checkpoint or a file of weights, got "${from}", which is not there`,
    );
  }
  if (!found.isDirectory) return from;
  const path = (await new Checkpoints(from).load())?.path;
  if (path !== undefined) return path;
  throw new RunNotFoundError(
    from,
    `Cannot find a checkpoint in "${from}": give the folder of a run that has saved one`,
  );
}

/** SHA-256 of the weights that a recipe begins with, in hex; undefined where it begins with none. */
export async function weightsSum({ weights }: Pick<Recipe, "weights">): Promise<string | undefined> {
  const from = weights?.from ?? null;
  return from === null
    ? undefined
    : await sha256Of(await readRegularFile(await weightsFile(from), { most: weightBytes }));
}

/** Loads the weights that a recipe begins with, if any; a SettingError says what does not fit. */
export async function takeWeights({ weights }: Pick<Recipe, "weights">, model: Module): Promise<void> {
  const from = weights?.from ?? null;
  if (weights === undefined || from === null) return;
  const except = exceptOf(weights);
  const path = await weightsFile(from);
  const live = model.state();
  try {
    // By the model's paths alone, which say later what is frozen.
    leftOutBy("", except, live.keys());
    const names = [...(await readStateDict(path)).keys()];
    const own = names.some((name) => live.has(name)) || !("fastaiEntries" in model);
    if (names.some((name) => name.startsWith("model."))) await loadWeights(model, path, { except, prefix: "model." });
    else if (own) await loadWeights(model, path, { except });
    else await importFastai(model, path, { except });
  } catch (error) {
    throw toldBySetting(error);
  }
}

/** What does not fit, with the setting that leaves it out in the place of the calls' options. */
function toldBySetting(error: unknown): unknown {
  if (error instanceof RangeError) {
    const message = error.message.replace(/^\(\): /, "").replace("`except`", "`weights.except`")
      .replace("the model or the file", "the model");
    return new SettingError("weights.except", message, { cause: error });
  }
  if (!(error instanceof StateError)) return error;
  const [why = "", options = ""] = error.message.split(/, or pass |: pass /);
  const parts = /except: (\[.*?\]|"[^"]*")/.exec(options)?.[1]?.replaceAll(/["[\]]/g, "").replaceAll(", ", ",");
  const cure = options === ""
    ? ""
    : options.startsWith("prefix: ")
    ? ": save them without it"
    : parts === undefined
    ? ", or leave parts out by `weights.except`"
    : `, or pass \`weights.except\` ${parts}`;
  return new SettingError("weights.from", why.replace("`except`", "`weights.except`") + cure, { cause: error });
}
