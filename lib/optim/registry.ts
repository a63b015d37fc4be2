/** Every optimizer and schedule by its name: the one place that recipes and commands look in. */
import { type JsonOptions, Registry } from "../registry/registry.ts";
import type { Optimizer } from "./optimizer.ts";
import { muon, type MuonOptions } from "./muon.ts";
import { adamw, type AdamWOptions, ranger, sgd } from "./optimizers.ts";
import { rmsprop } from "./rmsprop.ts";
import { together } from "./together.ts";
import {
  constant,
  cosine,
  flatCos,
  linearWarmup,
  multiStepDecay,
  oneCycle,
  type Schedule,
  stepDecay,
} from "./schedules.ts";

/** Makes an optimizer from its options. */
export type OptimizerBuilder = (options: JsonOptions) => Optimizer;

/** Makes a schedule from its options, among them the learning rate `lr`. */
export type ScheduleBuilder = (options: JsonOptions & { readonly lr: number }) => Schedule;

/** Muon for matrices, and beside it AdamW for biases and norms. */
function muonBeside({ mom, nesterov, wd, sqrMom, eps, restLr }: JsonOptions): Optimizer {
  const rest = adamw({ sqrMom, eps, wd } as AdamWOptions);
  return together(muon({ mom, nesterov, wd } as MuonOptions), {
    optimizer: rest,
    lrScale: restLr as number | undefined,
  });
}

/** The optimizers by name. */
export const optimizerRegistry: Registry<OptimizerBuilder> = new Registry<OptimizerBuilder>("optimizer", {
  ranger: { build: ranger, options: ["mom", "sqrMom", "eps", "wd", "rectify", "k", "alpha", "centralise"] },
  adamw: { build: adamw, options: ["mom", "sqrMom", "eps", "wd"] },
  sgd: { build: sgd, options: ["mom", "dampening", "nesterov", "wd"] },
  rmsprop: { build: rmsprop, options: ["sqrMom", "mom", "eps", "centered", "wd"] },
  muon: { build: muonBeside, options: ["mom", "nesterov", "wd", "sqrMom", "eps", "restLr"] },
});

/** A schedule by its name, with options. */
export function scheduleOf({ name, ...options }: JsonOptions & { readonly lr: number }): Schedule {
  return scheduleRegistry.get(name).build(options as JsonOptions & { readonly lr: number });
}

/** A warm-up, and the schedule after it, which is named with its own options, or is constant. */
function warmup({ then, ...options }: JsonOptions & { readonly lr: number }): Schedule {
  const { lr } = options;
  if (then === undefined || then === null) return linearWarmup(options);
  return linearWarmup({ ...options, then: scheduleOf({ lr, ...then as JsonOptions }) });
}

/** The schedules by name. */
export const scheduleRegistry: Registry<ScheduleBuilder> = new Registry<ScheduleBuilder>("schedule", {
  flatCos: { build: flatCos, options: ["lr", "start", "divFinal"] },
  oneCycle: { build: oneCycle, options: ["lr", "start", "div", "divFinal"] },
  cosine: { build: cosine, options: ["lr", "end"] },
  constant: { build: constant, options: ["lr"] },
  stepDecay: { build: stepDecay, options: ["lr", "every", "gamma"] },
  multiStepDecay: { build: multiStepDecay, options: ["lr", "milestones", "gamma"] },
  linearWarmup: { build: warmup, options: ["lr", "warmup", "div", "then"] },
});
