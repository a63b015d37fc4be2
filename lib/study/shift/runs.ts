/** How much the answers of trained runs depend on where in the image something is, with a figure. */
import { kindOf, requireKnownOptions, requireOptions, requireText } from "../../tensor/ops/checks.ts";
import { basename, dirname, extname, join, sep } from "node:path";
import type { Dataset } from "../../data/dataset.ts";
import { makeFolderOf, writeFileAtomic } from "../../io/atomic_file.ts";
import { type DataChoice, type OpenDataOptions, type OpenValid, openValidData } from "../../recipe/data.ts";
import { RecipeError, SettingError } from "../../recipe/errors.ts";
import { normalizeOf } from "../../recipe/normalize.ts";
import type { ComputeDtype } from "../../recipe/recipe.ts";
import { open, type OpenRunOptions, type Trained } from "../../recipe/trained.ts";
import { Device } from "../../tensor/device.ts";
import { folderOfRun } from "../run_place.ts";
import { CellArms, cellName, sweepOfCell } from "../sweep/folder_use.ts";
import { type ShiftKind, shiftMargin } from "./canvases.ts";
import { writeShift } from "./file.ts";
import { measureShift } from "./measure.ts";
import {
  type MeasureShiftOptions,
  type ModelShift,
  type ShiftConditions,
  type ShiftStage,
  wrongRoom,
} from "./measurement.ts";
import { shiftFigure, shiftSvg } from "./svg.ts";

/** Pixels to either side of the maps: two periods of a network that makes images smaller by 8. */
const SQUARE = 8;

/** What to measure, on what, and where the figure goes. */
export interface ShiftRunsOptions
  extends
    Omit<OpenRunOptions, "device" | "onWarning">,
    OpenDataOptions,
    Omit<MeasureShiftOptions, "size" | "onProgress"> {
  /**
   * What comes into view as images move; by default `cropped`, the images' own pixels, and `padded`, black, where the data
   * have one size.
   */
  kind?: ShiftKind;
  /** Pixels to either side of the maps; by default 8, or as far as images move; 0 for no maps. */
  square?: number;
  /** Where to compute; by default `auto`. */
  device?: "auto" | "cpu" | "cuda";
  /** A data set's name, a folder or an archive; by default that of the training. */
  data?: string;
  /** Height and width of what the models get; by default as in training. */
  size?: number;
  /** The figure's file, with `.json` in the place of its ending that of all numbers; by default `shift.svg` in the first run's folder. */
  out?: string;
  /** Opens the data; by default by its name or path. */
  open?: OpenValid;
  /** Told once everything is set up. */
  onReady?(ready: ShiftReady): void;
  /** Told how many of how many images of a run are done, in what is under way. */
  onMeasured?(path: string, done: number, total: number, stage: ShiftStage): void;
}

const known: Readonly<Record<keyof ShiftRunsOptions, true>> = {
  ...{
    kind: true,
    size: true,
    shifts: true,
    images: true,
    meanImages: true,
    square: true,
    mapImages: true,
    pairs: true,
  },
  ...{ seed: true, alpha: true, limit: true, bs: true, signal: true, device: true, data: true, out: true, open: true },
  ...{ ema: true, threads: true, dtype: true, cache: true, onReady: true, onMeasured: true },
  ...{ onWarning: true, onNote: true, onProgress: true, onDownload: true },
};

/** What is about to be measured. */
export interface ShiftReady {
  /** Where. */
  readonly device: Device;
  /** What the runs compute in, each once. */
  readonly dtypes: readonly ComputeDtype[];
  /** Images to measure. */
  readonly samples: number;
  /** The data set's name. */
  readonly data: string;
  /** Pixels by which images move. */
  readonly shifts: number;
  /** What comes into view as they do. */
  readonly kind: ShiftKind;
}

/** One run's measurements. */
export interface ShiftedRun extends ModelShift {
  /** The run. */
  readonly path: string;
  /** Its network's name. */
  readonly model: string;
  /** What subsamples in it; null where its network has no such option. */
  readonly pool: string | null;
  /** The seed of its training; null where it is not known. */
  readonly seed: number | null;
}

/** What was measured. */
export interface ShiftRunsResult extends ShiftConditions {
  /** The figure's file. */
  readonly svg: string;
  /** The file of all numbers, which {@linkcode readShift} reads. */
  readonly json: string;
  /** The data set's name. */
  readonly data: string;
  /** The runs, in their order. */
  readonly runs: readonly ShiftedRun[];
}

/** The figure's file unless one is given: in the folder of the run that a path stands for. */
export async function shiftFile(path: string): Promise<string> {
  return join(await folderOfRun("shiftFile", path), "shift.svg");
}

/**
 * {@linkcode measureShift} of trained runs, all on the same windows, with a figure and a file of all numbers: how often their
 * answers agree between two random shifts (Zhang 2019), the probability of the right class while images move, and, with
 * `square`, maps of that and of the layers' feature distances. Runs after the first are compared with it.
 *
 * Rejects with a RecipeError where runs are of other data or sizes than the first, or `kind` does not fit the data, and with
 * a StateError where classes are others.
 */
export async function shiftRuns(paths: readonly string[], options: ShiftRunsOptions = {}): Promise<ShiftRunsResult> {
  if (!Array.isArray(paths)) throw new TypeError(`shiftRuns(): Expected \`paths\` as an array, got ${kindOf(paths)}`);
  paths.forEach((path, index) => requireText("shiftRuns", `paths[${index}]`, path));
  requireOptions("shiftRuns", options, "shiftRuns(paths, { shifts: 8 })");
  requireKnownOptions("shiftRuns", options, Object.keys(known));
  const [first] = paths;
  if (first === undefined) throw new RecipeError("Expected a run's folder or a checkpoint, got none");
  const svg = options.out ?? await shiftFile(first);
  const json = jsonBeside(svg);
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  using stack = new DisposableStack();
  const opened: Trained[] = [];
  for (const path of paths) {
    const { ema, dtype, onWarning } = options;
    opened.push(stack.use(await open(path, { ema, dtype, device, onWarning })));
  }
  const choice = oneChoice(opened, options);
  const { set, kind, size, shifts } = await openToMove(choice, device, options);
  stack.use(set);
  const square = options.square ?? Math.min(SQUARE, shifts >> 1);
  const wrong = wrongRoom({ kind, side: size ?? set.imageShape[0], margin: shifts, square });
  if (wrong !== undefined) throw new RecipeError(wrong);
  for (const trained of opened) trained.requireClasses(set.classes);
  const { name: data } = choice.data;
  options.onReady?.({
    ...{ device, data, shifts, kind },
    dtypes: [...new Set(opened.map(({ dtype }) => dtype))],
    samples: Math.min(options.limit ?? Infinity, set.length),
  });
  const labels = await labelsOf(opened);
  const models = opened.map(({ model, config, dtype }, at) => ({
    ...{ label: labels[at]!, model, dtype },
    normalize: normalizeOf(config.transforms?.normalize),
  }));
  const { images, meanImages, mapImages, pairs, seed, alpha, limit, bs, signal } = options;
  const { models: found, ...conditions } = await measureShift(models, set, {
    ...(kind === "cropped" ? { size } : { shifts }),
    ...{ kind, images, meanImages, square, mapImages, pairs, seed, alpha, limit, bs, signal },
    onProgress: ({ model, done, total, stage }) => options.onMeasured?.(paths[model]!, done, total, stage),
  });
  const runs = found.map((measured, at) => {
    const { path, config } = opened[at]!;
    return { path, model: config.model.name, pool: poolOf(opened[at]!), seed: config.seed ?? null, ...measured };
  });
  const result = { svg, json, data, ...conditions, runs };
  await makeFolderOf(svg);
  const figure = shiftFigure({ ...conditions, models: found }, {
    title: `${basename(data)}: the image moves sideways`,
  });
  await writeFileAtomic(svg, [new TextEncoder().encode(shiftSvg(figure))]);
  await writeShift(json, result);
  return result;
}

/** The file of numbers beside a figure's. */
function jsonBeside(svg: string): string {
  const ending = extname(svg);
  if (ending.toLowerCase() === ".json") {
    throw new RecipeError(
      `Expected \`out\` as the figure's file, got "${svg}": name it .svg, and the numbers go beside it into a .json`,
    );
  }
  return join(dirname(svg), `${basename(svg, ending)}.json`);
}

function poolOf({ config }: Trained): string | null {
  return typeof config.model["pool"] === "string" ? config.model["pool"] : null;
}

/** Labels of which none is there twice. */
function numbered(labels: readonly string[]): string[] {
  return labels.map((label, at) => {
    const before = labels.slice(0, at).filter((other) => other === label).length;
    return before === 0 ? label : `${label} #${before + 1}`;
  });
}

/** What runs of sweeps are called: arm and seed, with the sweep's name where one of another has both too. */
async function cellLabels(opened: readonly Trained[]): Promise<(string | undefined)[]> {
  const cells = new CellArms();
  const found = await Promise.all(opened.map(async ({ path, config }) => {
    const run = await folderOfRun("shiftRuns", path);
    const [arms, seed] = [await cells.of(run), config.seed];
    if (arms.length === 0 || seed === undefined) return undefined;
    return { sweep: sweepOfCell(run)!, name: cellName({ arm: arms.join(" and "), seed }) };
  }));
  const sweepsWith = (name: string): number =>
    new Set(found.flatMap((each) => each?.name === name ? [each.sweep] : [])).size;
  return found.map((each) =>
    each === undefined || sweepsWith(each.name) === 1 ? each?.name : `${basename(each.sweep)}: ${each.name}`
  );
}

/** What runs are called: those of sweeps by arm and seed, others by the ends of their paths and what subsamples. */
async function labelsOf(opened: readonly Trained[]): Promise<string[]> {
  const cells = await cellLabels(opened);
  const paths = pathLabels(opened);
  return numbered(opened.map((_, at) => cells[at] ?? paths[at]!));
}

/** The ends of paths, as much of them as tells them apart, and what subsamples. */
function pathLabels(opened: readonly Trained[]): string[] {
  const parts = opened.map(({ path }) => path.split(sep).filter((part) => part !== ""));
  const most = Math.max(1, ...parts.map(({ length }) => length));
  const ends = (count: number): string[] => parts.map((names) => names.slice(-count).join("/"));
  let labels = ends(1);
  for (let count = 2; new Set(labels).size < labels.length && count <= most; count++) labels = ends(count);
  // The same run twice, which is as consistent as itself.
  return numbered(labels).map((label, at) => {
    const pool = poolOf(opened[at]!);
    return pool === null ? label : `${label} (${pool})`;
  });
}

/** The data of all runs, which must be the same. */
function oneChoice(opened: readonly Trained[], options: ShiftRunsOptions): DataChoice {
  const choices = opened.map((trained) => trained.dataChoice(options));
  const choice = choices[0]!;
  const other = choices.findIndex(({ data, size }) => data.name !== choice.data.name || size !== choice.size);
  if (other <= 0) return choice;
  throw new RecipeError(
    `Expected runs on the same data and size, got "${opened[other]!.path}": give \`data.name\` and \`size\` for all`,
  );
}

/** An error of data that have no images as large as asked for, by what was given: the sum of both nobody gave. */
function sizesApart(error: unknown, { size, shifts }: { size: number; shifts: number }): unknown {
  const side = size + shifts;
  const told = `, got \`size\` ${side}`;
  if (!(error instanceof RangeError) || !error.message.endsWith(told)) return error;
  const known = error.message.slice(0, -told.length);
  return new SettingError(
    "size",
    `${known}, got \`size\` ${size} and \`shifts\` ${shifts}, which take images of ${side} x ${side}: leave out \`size\``,
    { cause: error },
  );
}

/** The validation images, larger than what the models get where the images' own pixels are to come into view. */
async function openToMove(
  choice: DataChoice,
  device: Device,
  options: ShiftRunsOptions,
): Promise<{ set: Dataset; kind: ShiftKind; size?: number; shifts: number }> {
  const { size } = choice;
  const { shifts: asked, open = openValidData } = options;
  const kind = options.kind ?? (size === null ? "padded" : "cropped");
  if (kind === "cropped" && size === null) {
    throw new RecipeError(
      `Expected \`kind\` circular or padded with the data set ${choice.data.name}, got cropped: its images come in one size`,
    );
  }
  const openAt = (size: number | null): Promise<Dataset> => open({ ...choice, size }, device, options);
  if (kind === "cropped") {
    const shifts = asked ?? shiftMargin(size!);
    try {
      return { set: await openAt(size! + shifts), kind, size: size!, shifts };
    } catch (error) {
      throw sizesApart(error, { size: size!, shifts });
    }
  }
  const set = await openAt(size);
  return { set, kind, shifts: asked ?? shiftMargin(set.imageShape[0]) };
}
