import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber, formatPercent } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import { writeFileAtomic } from "../lib/io/atomic_file.ts";
import { type data, Device, evaluate as measure, type Evaluation, type Predictions, StateError } from "../mod.ts";
import { besideBar, cacheHelp } from "./data_report.ts";
import { dtypeFor, usedDtype } from "./dtype.ts";
import { headline } from "./machine.ts";
import { type OpenValid, openValid, type OpenWatch } from "./open_data.ts";
import { checkOut, checkOutFile, makeFolderOf } from "./out_path.ts";
import { validBatches } from "./run_config.ts";
import { stopSignals, unlessAborted } from "./stop_signals.ts";
import { dataOf, type ModelOptions, openModel, type SourceOptions, type TrainedModel } from "./trained_model.ts";

/** How to measure a trained run. */
export interface EvaluateOptions extends ModelOptions, SourceOptions {
  device?: "auto" | "cpu" | "cuda";
  /** CPU threads; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  /** What to compute in; by default as in training. */
  dtype?: "f32" | "bf16";
  /** Images at a time; by default as in training. */
  bs?: number;
  /** A CSV file to write: file, label, prediction and its probability of every image. */
  predictions?: string;
  /** Told every single answer. */
  answers?(answers: Predictions): void;
  signal?: AbortSignal;
  /** Told once everything is set up. */
  ready?(line: string): void;
  /** Told how many of how many images are done. */
  progress?(done: number, total: number): void;
  /** Told of long work before. */
  watch?: OpenWatch;
  /** Opens the data; by default by name or path. */
  open?: OpenValid;
}

/** Measures the model of a run's folder, or of a checkpoint, on the data that it was measured on in training. */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  const { model: opened, config } = await openModel(path, device, options);
  using model = opened;
  const dtype = dtypeFor(path, config.dtype, options.dtype);
  using set = await (options.open ?? openValid)(dataOf(path, config, options), device, {
    ...options.watch,
    cache: options.cache,
  });
  requireClasses(path, config, set.classes);
  options.ready?.(`${headline(device)} · ${dtype} · ${config.model.name} of ${path}`);
  const batches = validBatches({ ...config, validBs: options.bs ?? config.validBs ?? 64 }, set);
  let answers: Predictions | undefined;
  const result = await measure(model, batches, {
    dtype,
    signal: options.signal,
    progress: (done) => options.progress?.(done, batches.samples),
    answers: options.predictions === undefined && options.answers === undefined ? undefined : (all): void => {
      answers = all;
    },
  });
  if (options.predictions !== undefined) await writePredictions(options.predictions, answers!, set);
  if (answers !== undefined) options.answers?.(answers);
  return result;
}

/** One row an image, in the order of the data. */
async function writePredictions(path: string, answers: Predictions, { names, classes }: data.Dataset): Promise<void> {
  const rows = Array.from(answers.index, (sample, at) => {
    const [label, predicted] = [answers.labels[at]!, answers.predicted[at]!].map((place) => cell(classes[place]!));
    return `${cell(names?.[sample] ?? `${sample}`)},${label},${predicted},${answers.probability[at]!.toFixed(6)}\n`;
  });
  const text = `image,label,prediction,probability\n${rows.join("")}`;
  await makeFolderOf(path);
  await writeFileAtomic(path, [new TextEncoder().encode(text)]);
}

/** A field of a CSV file (RFC 4180). */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Refuses data whose classes are not the model's. */
export function requireClasses(
  path: string,
  { model, classes: names }: TrainedModel["config"],
  found: readonly string[],
): void {
  const { classes = found.length } = model.options;
  if (classes !== found.length) {
    throw new StateError(
      `Expected data of ${classes} classes, as "${path}" was trained on, got ${found.length}: give others`,
    );
  }
  const other = names?.findIndex((name, label) => name !== found[label]) ?? -1;
  if (other < 0) return;
  throw new StateError(
    `Expected data with the class ${names![other]}, as "${path}" was trained on, got ${
      found[other]
    } in its place: give others`,
  );
}

const flags = {
  data: { kind: "string", placeholder: "path", help: "A data set's name, a folder with val/, or an archive" },
  cache: { kind: "string", placeholder: "folder", help: cacheHelp },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of the images, as in training unless given" },
  ema: { kind: "boolean", help: "Measure the average of the weights" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to compute" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: usedDtype,
  bs: { kind: "integer", min: 1, help: "Images at a time, as in training unless given" },
  predictions: { kind: "string", placeholder: "file", help: "Write every image's prediction to a CSV file" },
} as const satisfies Flags;

async function run({ flags: options, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [path] = words;
  if (path === undefined) {
    throw new UsageError(
      "Expected a run's folder or a checkpoint, got none: `deno task train` prints its run's folder",
    );
  }
  if (options.predictions !== undefined) checkOutFile("evaluate", options.predictions, "predictions");
  if (options.cache !== undefined) checkOut("evaluate", options.cache, { flag: "cache" });
  using stop = stopSignals((line) => report.note(line), "stopping");
  using shown = new Progress(report);
  const measuring = evaluate(path, {
    ...options,
    ...besideBar(shown, report, stop.signal),
    progress: (done, total) => shown.update({ label: "measure", done, total }),
  });
  const result = await unlessAborted(measuring, stop.signal);
  if (result === null) return stop.exitCode ?? exitCodes.interrupted;
  shown.clear();
  const { top1, top5, loss, n } = result;
  const second = top5 === null ? "" : ` · top-5 ${formatPercent(top5, 2)}`;
  report.line(`top-1 ${formatPercent(top1, 2)}${second} · loss ${loss.toFixed(4)} · ${formatNumber(n)} images`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task evaluate`. */
export const evaluateCommand: Command<typeof flags> = {
  name: "deno task evaluate",
  about: "Measures a trained run: top-1, top-5 and loss (without label smoothing) on its validation data.",
  flags,
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true },
  examples: [
    "deno task evaluate runs/20250131-120000-mnist",
    "deno task evaluate runs/imported.safetensors --data imagenette2-320.tgz --size 128",
  ],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, evaluateCommand));
