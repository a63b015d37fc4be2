import { basename, dirname, join } from "@std/path";
import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber, formatPercent } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import { writeFileAtomic } from "../lib/io/atomic_file.ts";
import { type Consistency, shiftConsistency, shiftCurve, widened } from "../lib/study/shift.ts";
import { data, Device, noGrad, scope, StateError, type Tensor } from "../mod.ts";
import { besideBar, cacheHelp } from "./data_report.ts";
import { requireClasses } from "./evaluate.ts";
import { dtypeFor, masterDtype, type RunDtype, usedDtype } from "./dtype.ts";
import { headline } from "./machine.ts";
import { type OpenValid, openValid, type OpenWatch } from "./open_data.ts";
import { checkOut, checkOutFile, makeFolderOf } from "./out_path.ts";
import type { DataConfig } from "./run_config.ts";
import { isFolder } from "./run_files.ts";
import { stopSignals, unlessAborted } from "./stop_signals.ts";
import { shiftSvg } from "../lib/study/shift_figure.ts";
import { dataOf, type ModelOptions, openModel, type SourceOptions, type TrainedModel } from "./trained_model.ts";

/** What to measure, on what, and where the figure goes. */
export interface ShiftOptions extends ModelOptions, SourceOptions {
  /** Pixels by which an image moves, from left to right; by default a quarter of its width. */
  shifts?: number;
  /** Images in the figure; by default 4. */
  images?: number;
  /** The pairs of shifts follow from it; by default 0. */
  seed?: number;
  /** Only the first images. */
  limit?: number;
  /** Images at a time; by default 16, four windows of each. */
  bs?: number;
  device?: "auto" | "cpu" | "cuda";
  threads?: number;
  /** What to compute in; by default as in each run's training. */
  dtype?: "f32" | "bf16";
  /** The figure's file; by default `shift.svg` in the first run's folder. */
  out?: string;
  signal?: AbortSignal;
  /** Told once everything is set up. */
  ready?(line: string): void;
  /** Told how many of how many images are done. */
  progress?(path: string, done: number, total: number): void;
  /** Told of long work before. */
  watch?: OpenWatch;
  /** Opens the data; by default by name or path. */
  open?: OpenValid;
}

/** One model's measurements. */
export interface ShiftedRun extends Consistency {
  readonly path: string;
  readonly model: string;
  readonly pool: string | null;
  /** Probability of the right class at each shift, for each image of the figure. */
  readonly curves: readonly (readonly number[])[];
}

/** What was measured. */
export interface ShiftResult {
  /** The figure's file. */
  readonly svg: string;
  /** The shifts of the curves, pixels to the right. */
  readonly shifts: readonly number[];
  /** The images of the figure: their numbers in the data and their classes. */
  readonly images: readonly { readonly sample: number; readonly class: string }[];
  readonly runs: readonly ShiftedRun[];
}

/** The folder of a run that a path stands for. */
function folderOf(path: string, isFolder: boolean): string {
  if (isFolder) return path;
  const folder = dirname(path);
  return basename(folder) === "checkpoint" ? dirname(folder) : folder;
}

async function defaultOut(path: string): Promise<string> {
  return join(folderOf(path, await isFolder(path)), "shift.svg");
}

/** Validation images that are `margin` larger than what the model gets. */
class Canvases {
  readonly set: data.Dataset;
  readonly size: number;
  readonly margin: number;
  readonly #pad: boolean;

  constructor(set: data.Dataset, { size, margin, pad }: { size: number; margin: number; pad: boolean }) {
    this.set = set;
    this.size = size;
    this.margin = margin;
    this.#pad = pad;
  }

  /** Batches of them, the first `limit`. */
  async *batches(bs: number, dtype: "f32" | "f64", limit: number): AsyncGenerator<data.Batch, void, undefined> {
    for await (const batch of this.set.batches(Math.min(bs, this.set.length), { dtype })) {
      const n = Math.min(batch.index.length, limit - batch.index[0]!);
      if (n <= 0) return;
      using images = this.#canvas(batch.images, n);
      yield new data.Batch({ images, labels: batch.labels, index: batch.index.subarray(0, n), epoch: batch.epoch });
    }
  }

  /** One of them, [1, h, w, c], which belongs to the caller, and its class. */
  async one(sample: number, dtype: "f32" | "f64"): Promise<{ image: Tensor; label: number }> {
    for await (const { images, labels } of this.set.batches(1, { from: sample, dtype })) {
      const image = this.#canvas(images, 1);
      return { image, label: await labels.item() };
    }
    throw new RangeError(`Expected a sample from 0 to ${this.set.length - 1}, got ${sample}`);
  }

  #canvas(images: Tensor, n: number): Tensor {
    return noGrad(() => scope(() => this.#pad ? widened(images.narrow(0, n), this.margin) : images.narrow(0, n)))
      .detachFromScope();
  }
}

/** What the figure's windows are cut from: their numbers evenly spread, so that classes in order all have their chance. */
function samplesFor(figure: number, n: number): number[] {
  const count = Math.min(figure, n);
  return Array.from({ length: count }, (_, at) => Math.floor(at * n / count));
}

interface Opened extends TrainedModel {
  readonly path: string;
  readonly source: DataConfig;
  readonly dtype: RunDtype;
}

async function measured(
  { model, config, path, dtype }: Opened,
  canvases: Canvases,
  options: ShiftOptions & { n: number; samples: readonly number[] },
): Promise<ShiftedRun> {
  const { bs = 16, seed = 0, signal, n, samples, progress } = options;
  const { size, margin } = canvases;
  const stored = masterDtype(dtype);
  const curves: number[][] = [];
  for (const sample of samples) {
    const { image, label } = await canvases.one(sample, stored);
    using canvas = image;
    curves.push(await shiftCurve(model, canvas, { size, margin, label, dtype }));
  }
  const told = (done: number): void => progress?.(path, done, n);
  const found = await shiftConsistency(model, canvases.batches(bs, stored, n), {
    size,
    margin,
    seed,
    dtype,
    signal,
    told,
  });
  const { name, options: { pool = null } } = config.model;
  return { path, model: name, pool, ...found, curves };
}

/** Measures how much the answers of trained models depend on where in the image something is, and draws it. */
export async function shift(paths: readonly string[], options: ShiftOptions = {}): Promise<ShiftResult> {
  const [first] = paths;
  if (first === undefined) throw new UsageError("Expected a run's folder or a checkpoint, got none");
  const svg = options.out ?? await defaultOut(first);
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  using stack = new DisposableStack();
  const opened: Opened[] = [];
  for (const path of paths) {
    const one = await openModel(path, device, options);
    stack.use(one.model);
    const dtype = dtypeFor(path, one.config.dtype, options.dtype);
    opened.push({ ...one, path, dtype, source: dataOf(path, one.config, options) });
  }
  const { source } = opened[0]!;
  const other = opened.find(({ source: own }) => own.path !== source.path || own.size !== source.size);
  if (other !== undefined) {
    throw new UsageError(
      `Expected runs on the same data and size, got "${other.path}": give --data and --size for all`,
    );
  }
  const canvases = await openCanvases(source, device, options);
  stack.use(canvases.set);
  for (const { path, config } of opened) {
    requireClasses(path, config, canvases.set.classes);
  }
  const n = Math.min(options.limit ?? Infinity, canvases.set.length);
  const samples = samplesFor(options.images ?? 4, n);
  const dtypes = [...new Set(opened.map(({ dtype }) => dtype))].join(", ");
  options.ready?.(
    `${headline(device)} · ${dtypes} · ${formatNumber(n)} images of ${source.path}, moved by ${canvases.margin} pixels`,
  );
  const runs: ShiftedRun[] = [];
  for (const one of opened) runs.push(await measured(one, canvases, { ...options, n, samples }));
  const images = await classesOf(canvases, samples);
  const shifts = Array.from(
    { length: canvases.margin + 1 },
    (_, at) => at - (canvases.margin - (canvases.margin >> 1)),
  );
  await makeFolderOf(svg);
  const figure = shiftSvg({
    title: `${basename(source.path)}: the image moves sideways`,
    panels: images.map(({ sample, class: name }) => `image ${sample}: ${name}`),
    shifts,
    series: runs.map(({ path, pool, consistency, curves }) => ({
      label: `${basename(path)}${pool === null ? "" : ` (${pool})`}: consistency ${formatPercent(consistency, 2)}`,
      curves,
    })),
  });
  await writeFileAtomic(svg, [new TextEncoder().encode(figure)]);
  return { svg, shifts, images, runs };
}

async function openCanvases(
  source: DataConfig,
  device: Device,
  { shifts, watch, cache, open = openValid }: ShiftOptions,
): Promise<Canvases> {
  const marginOf = (size: number): number => shifts ?? 2 * Math.round(size / 8);
  const margin = source.size === null ? undefined : marginOf(source.size);
  // Where images can be had larger, what comes into view is theirs; else it is black.
  const size = margin === undefined ? null : source.size! + margin;
  const valid = await open({ ...source, size }, device, { ...watch, cache });
  const [height, width] = valid.imageShape;
  if (height !== width) {
    valid.dispose();
    throw new StateError(`Expected square images, got ${height} x ${width}`);
  }
  if (margin !== undefined) return new Canvases(valid, { size: source.size!, margin, pad: false });
  return new Canvases(valid, { size: height, margin: marginOf(height), pad: true });
}

async function classesOf(canvases: Canvases, samples: readonly number[]): Promise<ShiftResult["images"]> {
  const found: { sample: number; class: string }[] = [];
  for (const sample of samples) {
    const { image, label } = await canvases.one(sample, "f32");
    image.dispose();
    found.push({ sample, class: canvases.set.classes[label] ?? `${label}` });
  }
  return found;
}

const flags = {
  data: { kind: "string", placeholder: "path", help: "A data set's name, a folder with val/, or an archive" },
  cache: { kind: "string", placeholder: "folder", help: cacheHelp },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of what the model gets, as in training" },
  shifts: { kind: "integer", min: 1, max: 256, help: "Pixels by which images move (default a quarter of their width)" },
  images: { kind: "integer", min: 1, max: 16, default: 4, help: "Images in the figure" },
  seed: { kind: "integer", min: 0, max: 2 ** 32 - 1, default: 0, help: "The pairs of shifts follow from it" },
  limit: { kind: "integer", min: 1, help: "Use only the first images" },
  ema: { kind: "boolean", help: "Measure the average of the weights" },
  bs: { kind: "integer", min: 1, default: 16, help: "Images at a time, with four windows of each" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to compute" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: { ...usedDtype, help: "Numbers to compute in, as in each run's training unless given" },
  out: { kind: "string", placeholder: "file", help: "The figure (default shift.svg in the first run's folder)" },
} as const satisfies Flags;

async function run({ flags: options, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [first] = words;
  if (first === undefined) {
    throw new UsageError("Expected a run's folder or a checkpoint, got none: give one, or two to compare");
  }
  const out = options.out ?? await defaultOut(first);
  checkOutFile("shift", out);
  if (options.cache !== undefined) checkOut("shift", options.cache, { flag: "cache" });
  using progress = new Progress(report);
  using stop = stopSignals((line) => report.note(line), "stopping");
  const measuring = shift(words, {
    ...options,
    ...besideBar(progress, report, stop.signal),
    out,
    progress: (path, done, total) => progress.update({ label: basename(path), done, total }),
  });
  const result = await unlessAborted(measuring, stop.signal);
  if (result === null) return stop.exitCode ?? exitCodes.interrupted;
  progress.clear();
  for (const { path, pool, consistency, consistencyDiagonal } of result.runs) {
    report.line(
      `consistency ${formatPercent(consistency, 2)} · diagonal ${formatPercent(consistencyDiagonal, 2)} · ${path}` +
        `${pool === null ? "" : ` (${pool})`}`,
    );
  }
  report.line(`figure      ${result.svg}`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task shift`. */
export const shiftCommand: Command<typeof flags> = {
  name: "deno task shift",
  about:
    "Measures how much a model's answers depend on where in the image something is: how often they agree between two\n" +
    "random shifts (Zhang 2019), and, as a figure, the probability of the right class while images move sideways.",
  flags,
  words: { name: "run", help: "A run's folder, or a checkpoint; several are compared", max: 8, required: true },
  examples: [
    "deno task shift runs/20250131-120000-imagenette-128-5",
    "deno task shift runs/max runs/maxblur --data imagenette2-320.tgz --json",
  ],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, shiftCommand));
