import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { models } from "../mod.ts";
import { cacheHelp } from "./data_report.ts";
import { dtypeChoices } from "./dtype.ts";
import { checkOut, checkResume } from "./out_path.ts";
import { type PresetName, presetNames, presets } from "./presets.ts";
import { archNames, optimizerNames } from "./run_config.ts";
import { stopSignals, unlessAborted } from "./stop_signals.ts";
import { TrainReport } from "./train_report.ts";
import { groupIn, trainRuns } from "./train_runs.ts";
import { train, type TrainOptions } from "./training.ts";

export { train, type TrainListener, type TrainOptions, type TrainResult } from "./training.ts";
export { type RunsResult, trainRuns } from "./train_runs.ts";

const flags = {
  preset: { kind: "choice", choices: presetNames, help: "What to train (default mnist)" },
  data: {
    kind: "string",
    placeholder: "path",
    help: "A data set's name, a folder with train/ and val/, or an archive",
  },
  cache: { kind: "string", placeholder: "folder", help: cacheHelp },
  epochs: { kind: "integer", min: 1, help: "Times through the training data" },
  bs: { kind: "integer", min: 1, help: "Images a step" },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of the images" },
  lr: { kind: "number", min: 0, help: "Learning rate" },
  mom: { kind: "number", min: 0, max: 1, help: "Decay of the gradients' average" },
  sqrmom: { kind: "number", min: 0, max: 1, help: "Decay of the squared gradients' average" },
  eps: { kind: "number", min: 0, help: "Added to the root of the squared gradients' average" },
  wd: { kind: "number", min: 0, help: "Weight decay" },
  opt: { kind: "choice", choices: optimizerNames, help: "Optimizer" },
  arch: {
    kind: "choice",
    choices: archNames,
    placeholder: "name",
    help: "Network, by fastai's name, say xresnet18 or xse_resnext50",
  },
  act: { kind: "choice", choices: models.actNames, help: "Activation" },
  pool: { kind: "choice", choices: models.poolKinds, help: "What subsamples" },
  sa: { kind: "switch", help: "Self-attention after the first stage" },
  sym: { kind: "switch", help: "Its matrix is made symmetric" },
  ema: {
    kind: "number",
    min: 0,
    max: 0.999999,
    help: "Measure an average of the weights too, of this decay, say 0.999",
  },
  "scale-lr": { kind: "boolean", help: "Multiply the learning rate by --bs over the preset's" },
  seed: {
    kind: "integer",
    min: 0,
    max: 2 ** 32 - 1,
    help: "Weights, order and augmentation follow from it (default 0)",
  },
  runs: { kind: "integer", min: 1, max: 1000, help: "Train so often, with one seed after another from --seed" },
  resume: { kind: "string", placeholder: "run", help: "Go on with a run, exactly, or with the folder of --runs" },
  force: { kind: "boolean", help: "Go on although its configuration has changed" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], help: "Where to train (default auto)" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: {
    kind: "choice",
    choices: dtypeChoices,
    help: "Numbers to compute in; auto takes f32 or bf16 after a short trial, f64 is slow and exact (default f32)",
  },
  limit: { kind: "integer", min: 1, help: "Use only the first images of each part of the data" },
  capture: { kind: "boolean", default: true, help: "Do each step call by call" },
  "save-every": {
    kind: "number",
    min: 0,
    default: 10,
    help: "Minutes between two saves of the state in the middle of an epoch",
  },
  out: { kind: "string", placeholder: "folder", help: "Where the run's folder is made (default runs)" },
} as const satisfies Flags;

/** The options as a script gives them. */
function optionsOf(given: CommandContext<typeof flags>["flags"]): TrainOptions {
  const { sqrmom: sqrMom, "scale-lr": scaleLr, "save-every": saveEvery, ...options } = given;
  return { ...options, sqrMom, scaleLr, saveEvery };
}

async function run({ flags: given, report }: CommandContext<typeof flags>): Promise<number> {
  const { resume, out, force, runs } = given;
  if (resume !== undefined && out !== undefined) {
    throw new UsageError(`Expected --resume or --out, got both: a run goes on in its own folder`);
  }
  if (force && resume === undefined) throw new UsageError("Expected --force with --resume, got it alone: leave it out");
  if (resume === undefined) checkOut("train", out ?? "runs");
  else checkResume("train", resume);
  if (given.cache !== undefined) checkOut("train", given.cache, { flag: "cache" });
  using stop = stopSignals((line) => report.note(line));
  using shown = new TrainReport(report);
  const options = { ...optionsOf(given), signal: stop.signal, listener: shown };
  const several = runs !== undefined || resume !== undefined && await groupIn(resume) !== undefined;
  const result = await (several ? trainRuns(runs, options) : unlessAborted(train(options), stop.signal));
  if (result === null) {
    shown.note("Stopped before the training began");
    report.result({ stopped: true, run: resume ?? null });
    return stop.exitCode ?? exitCodes.interrupted;
  }
  if ("results" in result) shown.endRuns(result);
  else shown.end(result);
  report.result({ ...result });
  return result.stopped ? stop.exitCode ?? exitCodes.interrupted : exitCodes.done;
}

/** A preset's own values, as flags. */
function settingsOf(name: PresetName): string {
  const { epochs, bs, schedule: { lr }, optimizer: { mom, sqrMom, eps, wd } } = presets[name];
  return `  ${name}: --epochs ${epochs} --bs ${bs} --lr ${lr} --mom ${mom} --sqrmom ${sqrMom} --eps ${eps} --wd ${wd}`;
}

/** `deno task train`. */
export const trainCommand: Command<typeof flags> = {
  name: "deno task train",
  about: `Trains a preset into a new folder below runs. What is not given is the preset's:\n${
    presetNames.map(settingsOf).join("\n")
  }`,
  flags,
  examples: [
    "deno task train",
    "deno task train --seed 1 --epochs 2",
    "deno task train --preset imagenette-128-5 --data imagenette2-320.tgz",
    "deno task train --resume runs/20250131-120000-mnist",
    "deno task train --runs 5 --json > result.json",
  ],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, trainCommand));
