import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { codeVersion } from "../lib/train/git.ts";
import { Device, type FitResult, RunFolder, type TrainerEvents } from "../mod.ts";
import { cpuFacts, headline } from "./machine.ts";
import { type PresetName, presetNames, presets } from "./presets.ts";
import { buildModel, buildTrainer, openData, type RunConfig, trainBatches, validBatches } from "./run_config.ts";
import { stopSignals } from "./stop_signals.ts";
import { TrainReport } from "./train_report.ts";

/** What to train; a value left out is the preset's. */
export interface TrainOptions {
  preset?: PresetName;
  epochs?: number;
  /** Images a step. */
  bs?: number;
  /** Peak learning rate. */
  lr?: number;
  mom?: number;
  sqrMom?: number;
  eps?: number;
  wd?: number;
  /** By default 0. */
  seed?: number;
  device?: "auto" | "cpu" | "cuda";
  /** CPU threads; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  dtype?: "f32" | "f64";
  /** Whether steps are recorded and replayed; by default true. */
  capture?: boolean;
  /** Only the first images of each part of the data. */
  limit?: number;
  /** Where the run's folder is made; by default `runs`. */
  out?: string;
  /** Stops after the step under way, with everything saved. */
  signal?: AbortSignal;
  /** Told what happens. */
  listener?: TrainListener;
}

/** What a training tells whoever shows it. */
export interface TrainListener
  extends Partial<{ [Name in keyof TrainerEvents]: (event: TrainerEvents[Name]) => void }> {
  /** Everything is set up. */
  ready?(ready: {
    config: RunConfig;
    headline: string;
    model: string;
    parameters: number;
    train: number;
    valid: number;
    folder: string;
  }): void;
}

/** What a training came to, and where it is kept. */
export interface TrainResult extends FitResult {
  /** The run's folder. */
  readonly run: string;
  readonly seed: number;
}

/** Leaves out what was not given. */
function given<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>;
}

/** The configuration of a preset with what was given instead of its own. */
export function configOf(options: TrainOptions): RunConfig {
  const { preset: name = "mnist", epochs, bs, lr, mom, sqrMom, eps, wd, limit, seed = 0, dtype = "f32" } = options;
  const preset = presets[name];
  return {
    preset: name,
    ...preset,
    ...given({ epochs, bs }),
    data: { ...preset.data, ...given({ limit }) },
    optimizer: { ...preset.optimizer, ...given({ mom, sqrMom, eps, wd }) },
    schedule: { ...preset.schedule, ...given({ lr }) },
    seed,
    device: options.device ?? "auto",
    threads: options.threads ?? null,
    dtype,
    capture: options.capture ?? true,
  };
}

/** Trains a preset into a new run folder. */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  const config = configOf(options);
  const { signal, listener = {} } = options;
  using device = new Device(config.device, { threads: config.threads ?? undefined });
  using model = buildModel(config, device);
  const sets = await openData(config, device);
  const [batches, valid] = [trainBatches(config, sets.train), validBatches(config, sets.valid)];
  using trainer = buildTrainer(config, model);
  for (const name of ["fitBegin", "epochBegin", "batchEnd", "evaluateEnd", "epochEnd", "fitEnd"] as const) {
    const listen = listener[name] as ((event: unknown) => void) | undefined;
    if (listen !== undefined) trainer.on(name, (event) => listen.call(listener, event));
  }
  const { seed, dtype } = config;
  const { model: cpu, isa } = cpuFacts();
  const facts = {
    seed,
    ...await codeVersion(),
    device: device.kind,
    dtype,
    cpu,
    isa,
    threads: device.stats().chunksByThread.length,
  };
  const runFolder = await RunFolder.create({ root: options.out, name: config.preset, config: { ...config }, facts });
  listener.ready?.({
    config,
    headline: headline(device),
    model: config.model.name,
    parameters: [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0),
    train: sets.train.length,
    valid: sets.valid.length,
    folder: runFolder.path,
  });
  const result = await trainer.fit(batches, { epochs: config.epochs, valid, signal, runFolder });
  sets.train.dispose();
  sets.valid.dispose();
  return { ...result, run: runFolder.path, seed };
}

const flags = {
  preset: { kind: "choice", choices: presetNames, default: "mnist", help: "What to train" },
  epochs: { kind: "integer", min: 1, help: "Times through the training data" },
  bs: { kind: "integer", min: 1, help: "Images a step" },
  lr: { kind: "number", min: 0, help: "Learning rate" },
  mom: { kind: "number", min: 0, max: 1, help: "Decay of the gradients' average" },
  sqrmom: { kind: "number", min: 0, max: 1, help: "Decay of the squared gradients' average" },
  eps: { kind: "number", min: 0, help: "Added to the root of the squared gradients' average" },
  wd: { kind: "number", min: 0, help: "Weight decay" },
  seed: {
    kind: "integer",
    min: 0,
    max: 2 ** 32 - 1,
    default: 0,
    help: "Weights, order and augmentation follow from it",
  },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to train" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: {
    kind: "choice",
    choices: ["f32", "f64"],
    default: "f32",
    help: "Numbers to compute in; f64 is slow and exact",
  },
  limit: { kind: "integer", min: 1, help: "Use only the first images of each part of the data" },
  capture: { kind: "boolean", default: true, help: "Do each step call by call" },
  out: { kind: "string", default: "runs", placeholder: "folder", help: "Where the run's folder is made" },
} as const satisfies Flags;

/** Refuses a folder that the task has no permission to write, with the command that has. */
function checkOut(out: string): void {
  const state = Deno.permissions.querySync({ name: "write", path: out }).state;
  if (state === "granted") return;
  throw new UsageError(
    `Cannot write to "${out}": \`deno task train\` may write below runs and .cache only. To allow it, run ` +
      `\`deno run -P=train --allow-write="${out}" tasks/train.ts --out "${out}"\``,
  );
}

async function run({ flags: given, report }: CommandContext<typeof flags>): Promise<number> {
  checkOut(given.out);
  const { sqrmom: sqrMom, ...options } = given;
  using stop = stopSignals((line) => report.note(line));
  using shown = new TrainReport(report);
  const result = await train({ ...options, sqrMom, signal: stop.signal, listener: shown });
  shown.end(result);
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
  examples: ["deno task train", "deno task train --seed 1 --epochs 2", "deno task train --json > result.json"],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, trainCommand));
