/** A run as a leaderboard sees it: from its configuration and its result. */
import { knownSet, setOfClasses } from "../../data/known_sets.ts";
import type { LeaderboardTask } from "../../recipe/image_presets.ts";
import { isObject, valueAt } from "../../recipe/check.ts";

/** What a run was trained on. */
export interface RunData {
  /** The known set's name, else that of the folder or archive. */
  readonly name: string;
  /** Whether it is known to be the official archive. */
  readonly official: boolean;
}

/** What of a run a leaderboard asks for; null where the files do not tell. */
export interface FoundRun {
  /** The run's folder, or the file with its result. */
  readonly path: string;
  /** Which data set it is of. */
  readonly set: LeaderboardTask["set"];
  /** Height and width of the images in training, pixels. */
  readonly size: number | null;
  /** Height and width of the images in measuring, pixels. */
  readonly validSize: number | null;
  /** Epochs that it was trained. */
  readonly epochs: number | null;
  /** Percent of wrong labels. */
  readonly noise: number;
  /** What weights, order and augmentation followed from. */
  readonly seed: number | null;
  /** Top-1 after the last epoch, 0 to 1. */
  readonly top1: number | null;
  /** Images that it was measured on. */
  readonly n: number | null;
  /** The code's version. */
  readonly commit: string | null;
  /** Whether the code was changed since its commit. */
  readonly dirty: boolean | null;
  /** Whether several views of an image were averaged. */
  readonly testTimeAugmentation: boolean;
  /** What its weights began from. */
  readonly weights: string | null;
  /** Whether a script made it, whose network could have begun from any weights. */
  readonly script: boolean;
  /** How much of the data it used, in words; null for all. */
  readonly part: string | null;
  /** What it was trained on. */
  readonly data: RunData;
  /** Its configuration in the form of today. */
  readonly config: Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, unknown>>;

function objectAt(value: unknown, path: string): Values {
  const found = valueAt(value, path);
  return isObject(found) ? found : {};
}

function numberAt(value: unknown, path: string): number | null {
  const found = valueAt(value, path);
  return typeof found === "number" && Number.isFinite(found) ? found : null;
}

function textAt(value: unknown, path: string): string | null {
  const found = valueAt(value, path);
  return typeof found === "string" ? found : null;
}

/** Without those fields. */
function without(value: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

/** A configuration of the first version, which had `data.path`, `model.options` and `augmentation`, in the form of today. */
function modern(config: Values): Values {
  if (textAt(config, "data.path") === null) return config;
  const { data: _, model: _model, labelSmoothing, augmentation, ...rest } = config;
  const model = without(objectAt(config, "model.options"), ["classes", "inChannels"]);
  return {
    ...rest,
    data: { name: textAt(config, "data.path"), limit: valueAt(config, "data.limit") ?? null, keep: null },
    size: numberAt(config, "data.size"),
    model: { name: textAt(config, "model.name"), ...model },
    loss: { name: "crossEntropy", ...(labelSmoothing === undefined ? {} : { labelSmoothing }) },
    transforms: isObject(augmentation) ? augmentation : {},
  };
}

function partOf(config: Values): string | null {
  const limit = numberAt(config, "data.limit");
  if (limit !== null) return `data.limit ${limit}`;
  const split = numberAt(config, "data.split");
  return split === null ? null : `data.split ${split}`;
}

/** Official is an archive that was found by its name, whose MD5 was checked as it came. */
function dataOf(config: Values): RunData {
  const given = textAt(config, "data.name") ?? "";
  const archive = textAt(config, "source.sha256") !== null;
  const official = archive && knownSet(given) !== undefined;
  return { name: official ? given : textAt(config, "source.name") ?? given, official };
}

function dirtyOf(result: Values): boolean | null {
  const found = result["dirty"];
  return typeof found === "boolean" ? found : null;
}

/** Undefined for a run of other data than Imagenette and Imagewoof, which is on no leaderboard. */
export function foundRun(path: string, given: Values, result: Values): FoundRun | undefined {
  const config = modern(given);
  const classes = config["classes"];
  const names = Array.isArray(classes) ? classes.filter((name) => typeof name === "string") : [];
  const set = setOfClasses(names);
  if (set === undefined) return undefined;
  const shape = config["imageShape"];
  const size = numberAt(config, "size") ?? numberAt({ height: Array.isArray(shape) ? shape[0] : null }, "height");
  return {
    path,
    set,
    size,
    validSize: numberAt(result, "validSize") ?? numberAt(config, "validSize") ?? size,
    epochs: numberAt(result, "epochs") ?? numberAt(config, "epochs"),
    noise: numberAt(config, "data.noise") ?? 0,
    seed: numberAt(config, "seed"),
    top1: numberAt(result, "top1"),
    n: numberAt(result, "n"),
    commit: textAt(result, "commit") ?? textAt(config, "commit"),
    dirty: dirtyOf(result),
    testTimeAugmentation: [config, result].some((values) => values["testTimeAugmentation"] === true),
    weights: textAt(config, "weights.from"),
    script: config["script"] === true,
    part: partOf(config),
    data: dataOf(config),
    config,
  };
}
