/** How much the answers of trained runs depend on where in the image something is, with a figure. */
import { kindOf, requireOptions, requireText } from "../tensor/ops/checks.ts";
import { basename, dirname, join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { makeFolderOf, writeFileAtomic } from "../io/atomic_file.ts";
import { type DataChoice, type OpenDataOptions, type OpenValid, openValidData } from "../recipe/data.ts";
import { RecipeError, RunNotFoundError } from "../recipe/errors.ts";
import { normalizeOf } from "../recipe/normalize.ts";
import type { ComputeDtype } from "../recipe/recipe.ts";
import { open, type OpenRunOptions, type Trained } from "../recipe/trained.ts";
import { Device } from "../tensor/device.ts";
import { shiftMargin } from "./canvases.ts";
import { measureShift, type MeasureShiftOptions, type ShiftedImage, shiftFigure } from "./measure_shift.ts";
import type { Consistency } from "./shift.ts";
import { shiftSvg } from "./shift_figure.ts";

/** What to measure, on what, and where the figure goes. */
export interface ShiftRunsOptions
  extends
    Omit<OpenRunOptions, "device" | "onWarning">,
    OpenDataOptions,
    Pick<MeasureShiftOptions, "shifts" | "images" | "seed" | "limit" | "bs"> {
  /** Where to compute; by default `auto`. */
  device?: "auto" | "cpu" | "cuda";
  /** A data set's name, a folder or an archive; by default that of the training. */
  data?: string;
  /** Height and width of what the models get; by default as in training. */
  size?: number;
  /** The figure's file; by default `shift.svg` in the first run's folder. */
  out?: string;
  /** Opens the data; by default by its name or path. */
  open?: OpenValid;
  /** Told once everything is set up. */
  onReady?(ready: ShiftReady): void;
  /** Told how many of how many images of a run are done. */
  onMeasured?(path: string, done: number, total: number): void;
}

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
}

/** One run's measurements. */
export interface ShiftedRun extends Consistency {
  /** The run. */
  readonly path: string;
  /** Its network's name. */
  readonly model: string;
  /** What subsamples in it; null where its network has no such option. */
  readonly pool: string | null;
  /** Probability of the right class at each shift, for each image of the figure. */
  readonly curves: readonly (readonly number[])[];
}

/** What was measured. */
export interface ShiftRunsResult {
  /** The figure's file. */
  readonly svg: string;
  /** The shifts of the curves, pixels to the right. */
  readonly shifts: readonly number[];
  /** The images of the figure. */
  readonly images: readonly ShiftedImage[];
  /** The runs, in their order. */
  readonly runs: readonly ShiftedRun[];
}

/** The figure's file unless one is given: in the folder of the run that a path stands for. */
export async function shiftFile(path: string): Promise<string> {
  requireText("shiftFile", "path", path);
  const found = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
  if (found === undefined) {
    throw new RunNotFoundError(path, `Cannot find "${path}": give a run's folder or a checkpoint`);
  }
  const folder = found.isDirectory ? path : dirname(path);
  return join(basename(folder) === "checkpoint" ? dirname(folder) : folder, "shift.svg");
}

/**
 * Measures how much the answers of trained runs depend on where in the image something is, all on the same windows, and
 * draws it: how often they agree between two random shifts (Zhang 2019), and, for some images, the probability of the
 * right class while they move sideways.
 *
 * Rejects with a RecipeError where runs are of other data or sizes than the first, and with a StateError where classes
 * are others.
 */
export async function shiftRuns(paths: readonly string[], options: ShiftRunsOptions = {}): Promise<ShiftRunsResult> {
  if (!Array.isArray(paths)) throw new TypeError(`shiftRuns(): Expected \`paths\` as an array, got ${kindOf(paths)}`);
  paths.forEach((path, index) => requireText("shiftRuns", `paths[${index}]`, path));
  requireOptions("shiftRuns", options, "shiftRuns(paths, { shifts: 8 })");
  const [first] = paths;
  if (first === undefined) throw new RecipeError("Expected a run's folder or a checkpoint, got none");
  const svg = options.out ?? await shiftFile(first);
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  using stack = new DisposableStack();
  const opened: Trained[] = [];
  for (const path of paths) {
    const { ema, dtype, onWarning } = options;
    opened.push(stack.use(await open(path, { ema, dtype, device, onWarning })));
  }
  const choices = opened.map((trained) => trained.dataChoice(options));
  const choice = choices[0]!;
  const other = choices.findIndex(({ data, size }) => data.name !== choice.data.name || size !== choice.size);
  if (other > 0) {
    throw new RecipeError(
      `Expected runs on the same data and size, got "${paths[other]}": give \`data.name\` and \`size\` for all`,
    );
  }
  const { set, size, shifts } = await openLarger(choice, device, options);
  stack.use(set);
  for (const trained of opened) trained.requireClasses(set.classes);
  const { images = 4, seed = 0, limit, bs = 16, signal } = options;
  options.onReady?.({
    device,
    dtypes: [...new Set(opened.map(({ dtype }) => dtype))],
    samples: Math.min(limit ?? Infinity, set.length),
    data: choice.data.name,
    shifts,
  });
  const measured = opened.map(({ path, model, config, dtype }) => {
    const pool = typeof config.model["pool"] === "string" ? config.model["pool"] : null;
    const label = `${basename(path)}${pool === null ? "" : ` (${pool})`}`;
    return {
      path,
      name: config.model.name,
      pool,
      label,
      model,
      dtype,
      normalize: normalizeOf(config.transforms?.normalize),
    };
  });
  const found = await measureShift(measured, set, {
    ...(size === undefined ? { shifts } : { size }),
    images,
    seed,
    limit,
    bs,
    signal,
    onProgress: ({ model, done, total }) => options.onMeasured?.(measured[model]!.path, done, total),
  });
  await makeFolderOf(svg);
  const figure = shiftSvg(shiftFigure(found, { title: `${basename(choice.data.name)}: the image moves sideways` }));
  await writeFileAtomic(svg, [new TextEncoder().encode(figure)]);
  const runs = found.models.map(({ label: _, ...measurements }, at) => {
    const { path, name, pool } = measured[at]!;
    return { path, model: name, pool, ...measurements };
  });
  return { svg, shifts: found.shifts, images: found.images, runs };
}

/** The validation images, larger than what the models get where they can be had so: else what comes into view is black. */
async function openLarger(
  choice: DataChoice,
  device: Device,
  options: ShiftRunsOptions,
): Promise<{ set: Dataset; size?: number; shifts: number }> {
  const { size } = choice;
  const { shifts: asked, open = openValidData } = options;
  const openAt = (size: number | null): Promise<Dataset> => open({ ...choice, size }, device, options);
  if (size === null) {
    const set = await openAt(null);
    return { set, shifts: asked ?? shiftMargin(set.imageShape[0]) };
  }
  const shifts = asked ?? shiftMargin(size);
  return { set: await openAt(size + shifts), size, shifts };
}
