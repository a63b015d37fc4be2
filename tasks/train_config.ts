/** From what a command line or a script asks for to a run's plan, and what of it has changed when a run goes on. */
import { UsageError } from "../lib/cli/flags.ts";
import type { models } from "../mod.ts";
import type { RunDtype } from "./dtype.ts";
import { type PresetName, presets } from "./presets.ts";
import type { DataConfig, ModelConfig, OptimizerConfig, OptimizerName, RunPlan } from "./run_config.ts";

/** What to train; a value left out is the preset's, or that of the run that goes on. */
export interface PlanOptions {
  /** By default mnist. */
  preset?: PresetName;
  /** A data set's name, a folder or an archive. */
  data?: string;
  /** Height and width of the images. */
  size?: number;
  epochs?: number;
  /** Images a step. */
  bs?: number;
  /** Peak learning rate. */
  lr?: number;
  mom?: number;
  sqrMom?: number;
  eps?: number;
  wd?: number;
  opt?: OptimizerName;
  /** A network by fastai's name. */
  arch?: ModelConfig["model"]["name"];
  act?: models.ActName;
  pool?: models.PoolKind;
  /** Whether there is self-attention. */
  sa?: boolean;
  /** Whether its matrix is made symmetric. */
  sym?: boolean;
  /** Whether the learning rate is multiplied by bs over the preset's bs. */
  scaleLr?: boolean;
  /** Decay of an average of the weights. */
  ema?: number;
  /** By default 0. */
  seed?: number;
  device?: "auto" | "cpu" | "cuda";
  /** CPU threads; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  /** By default f32; `auto` takes f32 or bf16, what is faster on the device, or what a run that goes on has. */
  dtype?: RunDtype | "auto";
  /** Whether steps are recorded and replayed; by default true. */
  capture?: boolean;
  /** Only the first images of each part of the data. */
  limit?: number;
}

/** Leaves out what was not given. */
function given<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>;
}

/** The settings that an optimizer has of those on the command line, which are fastai's. */
const settingsOf = {
  ranger: ["mom", "sqrMom", "eps", "wd"],
  adamw: ["mom", "sqrMom", "eps", "wd"],
  sgd: ["mom", "wd"],
} as const satisfies Readonly<Record<OptimizerName, readonly string[]>>;

/** The optimizer asked for; what it shares with the plan's own it takes over, as fastai's script does. */
function optimizerOf(before: OptimizerConfig, options: PlanOptions): OptimizerConfig {
  const { opt: name = before.name, mom, sqrMom, eps, wd } = options;
  const wanted = given({ mom, sqrMom, eps, wd });
  const known: readonly string[] = settingsOf[name];
  const strange = Object.keys(wanted).find((setting) => !known.includes(setting));
  if (strange !== undefined) {
    throw new UsageError(`Expected settings that ${name} has, ${known.join(", ")}, got ${strange}: leave it out`);
  }
  if (name === before.name) return { ...before, ...wanted } as OptimizerConfig;
  const shared = Object.entries(before).filter(([setting]) => known.includes(setting));
  return { name, ...Object.fromEntries(shared), ...wanted } as OptimizerConfig;
}

/** A plan with what was given instead of its own values. */
export function changedPlan(plan: RunPlan, options: PlanOptions): RunPlan {
  const { epochs, bs, limit, size, ema, seed, device, threads, dtype, capture, preset, data: path } = options;
  const { act, pool, sa, sym, arch: name } = options;
  const data: DataConfig = { ...plan.data, ...given({ path, size, limit }) };
  const model = {
    ...plan.model,
    ...given({ name }),
    options: { ...plan.model.options, ...given({ act, pool, sa, sym }) },
  };
  return {
    ...plan,
    ...given({ preset, epochs, bs, ema, seed, device, threads, dtype, capture }),
    data,
    model,
    optimizer: optimizerOf(plan.optimizer, options),
    schedule: { ...plan.schedule, ...given({ lr: rateOf(plan, options) }) },
  };
}

function rateOf(plan: RunPlan, { lr, bs = plan.bs, scaleLr = false }: PlanOptions): number | undefined {
  if (!scaleLr) return lr;
  const preset = presets[plan.preset as PresetName];
  return (lr ?? preset.schedule.lr) * bs / preset.bs;
}

/** The plan of a preset with what was given instead of its own. */
export function planOf(options: PlanOptions): RunPlan {
  const { preset = "mnist" } = options;
  const machine = { ema: null, seed: 0, device: "auto", threads: null, dtype: "f32", capture: true } as const;
  return changedPlan({ preset, ...presets[preset], ...machine }, options);
}

/** Names of the command line for places in a plan. */
const flagNames: Readonly<Record<string, string>> = {
  "data.path": "data",
  "data.size": "size",
  "data.limit": "limit",
  "model.name": "arch",
  "model.options.act": "act",
  "model.options.pool": "pool",
  "model.options.sa": "sa",
  "model.options.sym": "sym",
  "optimizer.name": "opt",
  "optimizer.mom": "mom",
  "optimizer.sqrMom": "sqrmom",
  "optimizer.eps": "eps",
  "optimizer.wd": "wd",
  "schedule.lr": "lr",
  "source.sha256": "the archive's SHA-256",
  "source.listing": "the SHA-256 of the list of files",
};

/** What may change without a change of a single bit. */
const free = ["threads", "capture"];

function leaves(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return found.set(path, typeof value === "string" ? value : `${JSON.stringify(value)}`);
  }
  for (const [name, inner] of Object.entries(value)) leaves(inner, path === "" ? name : `${path}.${name}`, found);
  return found;
}

/** What differs between two configurations: `lr 0.008, now 0.01`. */
export function changes(before: object, now: object): string[] {
  const [old, fresh] = [leaves(before), leaves(now)];
  const brief = (text = "not set"): string => text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) => !free.includes(path) && old.get(path) !== fresh.get(path))
    .map((path) => `${flagNames[path] ?? path} ${brief(old.get(path))}, now ${brief(fresh.get(path))}`);
}
