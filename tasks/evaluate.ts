import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber, formatPercent } from "../lib/cli/format.ts";
import { checkpointIn } from "../lib/train/run_folder.ts";
import { Device, evaluate as measure, type Evaluation, loadCheckpoint, writeTensors } from "../mod.ts";
import { headline } from "./machine.ts";
import { buildModel, openData, type RunConfig, validBatches } from "./run_config.ts";

/** How to measure a trained run. */
export interface EvaluateOptions {
  device?: "auto" | "cpu" | "cuda";
  /** CPU threads; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  /** Images at a time; by default as in training. */
  bs?: number;
  /** Told once everything is set up. */
  ready?(line: string): void;
}

/** A run's folder stands for the checkpoint in it. */
async function checkpointPath(path: string): Promise<string> {
  try {
    return (await Deno.stat(path)).isDirectory ? checkpointIn(path) : path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot find "${path}": give a run's folder or a checkpoint, as \`deno task train\` printed it`, {
      cause: error,
    });
  }
}

/** Measures the model of a run's folder, or of a checkpoint, on the data that it was measured on in training. */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const { state, config } = await loadCheckpoint(await checkpointPath(path));
  const run = config as unknown as RunConfig;
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  using model = buildModel(run, device);
  writeTensors(state.tensors, { model });
  const { train, valid } = await openData(run, device);
  train.dispose();
  options.ready?.(`${headline(device)} · ${run.dtype} · ${run.model.name} of ${path}`);
  using set = valid;
  return await measure(model, validBatches({ ...run, validBs: options.bs ?? run.validBs }, set));
}

const flags = {
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to compute" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  bs: { kind: "integer", min: 1, help: "Images at a time, as in training unless given" },
} as const satisfies Flags;

async function run({ flags: options, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [path] = words;
  if (path === undefined) {
    throw new UsageError(
      "Expected a run's folder or a checkpoint, got none: `deno task train` prints its run's folder",
    );
  }
  const result = await evaluate(path, { ...options, ready: (line) => report.line(line) });
  const { top1, top5, loss, n } = result;
  const second = top5 === null ? "" : ` · top-5 ${formatPercent(top5, 2)}`;
  report.line(`top-1 ${formatPercent(top1, 2)}${second} · loss ${loss.toFixed(4)} · ${formatNumber(n)} images`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task evaluate`. */
export const evaluateCommand: Command<typeof flags> = {
  name: "deno task evaluate",
  about: "Measures a trained run: top-1, top-5 and loss on its validation data.",
  flags,
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true },
  examples: ["deno task evaluate runs/20250131-120000-mnist"],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, evaluateCommand));
