/** Trainings, measurements and predictions as the tests of commands ask for them: with one flat list of options. */
import { type Evaluation, type Predictions, recipe } from "../../mod.ts";

/** Settings as a command line has them, and what belongs to a call. */
export interface TrainOptions extends recipe.TrainOptions, Omit<recipe.ResumeOptions, "changes"> {
  preset?: string;
  size?: number;
  epochs?: number;
  bs?: number;
  lr?: number;
  wd?: number;
  opt?: string;
  arch?: string;
  act?: string;
  pool?: string;
  sa?: boolean;
  ema?: number;
  seed?: number;
  device?: recipe.Recipe["device"];
  threads?: number;
  dtype?: recipe.Recipe["dtype"];
  capture?: boolean;
  limit?: number;
  transforms?: recipe.RecipeChanges["transforms"];
  /** The run to go on with. */
  resume?: string;
  /** Called at events, by their type. */
  listener?: {
    [Type in recipe.TrainingEvent["type"]]?: (event: Extract<recipe.TrainingEvent, { type: Type }>) => void;
  };
}

/** What options ask for, as changes of a recipe. */
export function changesOf(options: TrainOptions): recipe.RecipeChanges {
  const { data, limit, lr, wd, opt, arch, act, pool, sa } = options;
  const { size, epochs, bs, ema, seed, device, threads, dtype, capture, transforms } = options;
  return {
    data: { name: data, limit },
    schedule: { lr },
    optimizer: { name: opt, wd },
    model: { name: arch, act, pool, sa },
    transforms,
    ...{ size, epochs, bs, ema, seed, device, threads, dtype, capture },
  };
}

/** A result with its folder under the name that commands have for it. */
type Named<Result> = Result & { readonly run: string };

async function followed<Result extends { readonly folder: string }>(
  training: recipe.Training<Result>,
  { listener = {} }: TrainOptions,
): Promise<Named<Result>> {
  for await (const event of training) (listener[event.type] as ((event: unknown) => void) | undefined)?.(event);
  const result = await training.result;
  return { ...result, run: result.folder };
}

function callOf({ cache, saveEvery, signal, open, out, folder, force }: TrainOptions): TrainOptions {
  return { cache, saveEvery, signal, open, out, folder, force };
}

/** Trains a preset, or goes on with `resume`. */
export async function train(options: TrainOptions = {}): Promise<Named<recipe.TrainResult>> {
  const { resume, preset } = options;
  const changes = changesOf(options);
  const training = resume === undefined
    ? recipe.train(recipe.preset(preset ?? "mnist", changes), callOf(options))
    : recipe.resume(resume, { ...callOf(options), changes: { ...changes, preset } });
  return await followed(training, options);
}

/** Trains several seeds of a preset, or goes on with those of `resume`. */
export async function trainSeeds(
  runs: number | undefined,
  options: TrainOptions = {},
): Promise<Named<recipe.SeedsResult>> {
  const { resume, preset } = options;
  const changes = changesOf(options);
  const training = resume === undefined
    ? recipe.trainSeeds(recipe.preset(preset ?? "mnist", changes), { ...callOf(options), runs: runs ?? 1 })
    : recipe.resumeSeeds(resume, { ...callOf(options), changes, runs });
  return await followed(training, options);
}

/** Measures a run. */
export async function evaluate(
  path: string,
  options: recipe.OpenRunOptions & recipe.EvaluateRunOptions = {},
): Promise<Evaluation> {
  const { ema, device, threads, dtype, ...how } = options;
  using trained = await recipe.open(path, { ema, device, threads, dtype, onWarning: how.onWarning });
  return await trained.evaluate(how);
}

/** Every single prediction of a run. */
export async function predictionsOf(path: string, options: recipe.EvaluateRunOptions = {}): Promise<Predictions> {
  let found: Predictions | undefined;
  await evaluate(path, { ...options, onPredictions: (all) => void (found = all) });
  return found!;
}

/** What images show, by a run. */
export async function predict(
  path: string,
  images: readonly string[],
  options: recipe.OpenRunOptions & recipe.PredictOptions = {},
): Promise<readonly recipe.Prediction[]> {
  const { top, size, ...how } = options;
  using trained = await recipe.open(path, how);
  const { predictions, failures: [failure] } = await trained.predict(images, { top, size });
  if (failure !== undefined) throw failure.error;
  return predictions;
}

/** Takes weights of fastai over. */
export async function importWeights(
  weights: string,
  { arch, out, act = "relu", pool = "avg", sa = false }: {
    arch: string;
    out: string;
    act?: string;
    pool?: string;
    sa?: boolean;
  },
): Promise<recipe.ImportResult> {
  return await recipe.importWeights(weights, { model: { name: arch, act, pool, sa }, out });
}
