/** What a training tells while it runs. */
import { kindOf, nearest } from "../tensor/ops/checks.ts";
import type { Evaluation } from "./evaluate.ts";

/** A training begins, or goes on. */
export interface FitBegin {
  /** Epochs in all. */
  readonly epochs: number;
  /** Batches in an epoch. */
  readonly batches: number;
  /** Batches an optimizer step. */
  readonly accumulate: number;
  /** The largest norm of all gradients together; null for any. */
  readonly clipNorm: number | null;
  /** The names of the script's own metrics. */
  readonly metrics: readonly string[];
  /** Samples in an epoch; null where the batches do not say. */
  readonly samples: number | null;
  /** Steps done before: more than 0 where it goes on. */
  readonly step: number;
}

/** An epoch begins, or goes on. */
export interface EpochBegin {
  /** Which epoch, from 1. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** Samples of the epoch that are done. */
  readonly done: number;
  /** Samples in an epoch; null where the batches do not say. */
  readonly samples: number | null;
}

/** A step was enqueued. */
export interface BatchEnd {
  /** Which epoch, from 1. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** Steps done, over all epochs. */
  readonly step: number;
  /** The learning rate of this step. */
  readonly lr: number;
  /** Samples of the epoch that are done. */
  readonly done: number;
  /** Samples in an epoch; null where the batches do not say. */
  readonly samples: number | null;
  /** Mean loss of the epoch so far, some steps late; null before it was read first. */
  readonly loss: number | null;
  /** Share of correct answers of the epoch so far, 0 to 1, as late as the loss; null where the targets are no classes. */
  readonly top1: number | null;
  /** Means of the script's own metrics over the epoch so far, as late as the loss; null as long as the loss is. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** One step's loss, read from the device some steps after it was enqueued. */
export interface StepLoss {
  /** Which step, from 1, over all epochs. */
  readonly step: number;
  /** Which epoch, from 1. */
  readonly epoch: number;
  /** The learning rate of the step. */
  readonly lr: number;
  /** Mean over the batch, with label smoothing, in training mode. */
  readonly loss: number;
  /** Share of correct answers in the batch, 0 to 1; null where the targets are no classes. */
  readonly top1: number | null;
  /** The script's own metrics; not set where there are none. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** A batch was measured. */
export interface EvaluateBatch {
  /** After which epoch, from 1. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** Samples measured. */
  readonly done: number;
  /** Samples to measure; null where the batches do not say. */
  readonly samples: number | null;
}

/** An epoch is over, and was measured where there was something to measure with. */
export interface EpochEnd {
  /** Which epoch, from 1. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** The last step's learning rate. */
  readonly lr: number;
  /** Mean over the epoch, with label smoothing, in training mode. */
  readonly trainLoss: number;
  /** Share of correct answers over the epoch in training mode, 0 to 1; null where the targets are no classes. */
  readonly trainTop1: number | null;
  /** Means of the script's own metrics over the epoch in training mode; null for one that is not finite. */
  readonly trainMetrics: Readonly<Record<string, number | null>>;
  /** What was measured after it; null where there was nothing to measure with. */
  readonly evaluation: Evaluation | null;
  /** What the averaged weights came to; null without an average, or with nothing to measure with. */
  readonly ema: Evaluation | null;
  /** Time of its steps, without evaluation and saving. */
  readonly trainSeconds: number;
  /** Samples a second in its steps. */
  readonly imagesPerSecond: number;
}

/** The state was saved to the run's folder: a process that is killed from now on goes on from here. */
export interface Saved {
  /** Whole epochs in it. */
  readonly epoch: number;
  /** Steps in it, over all epochs. */
  readonly step: number;
}

/** What a training came to; what was measured is null where it was stopped or there was no `valid`. */
export interface FitResult {
  /** Top-1 after the last epoch, 0 to 1; null where nothing was measured. */
  readonly top1: number | null;
  /** Top-5, 0 to 1; null for fewer than six classes. */
  readonly top5: number | null;
  /** Loss without label smoothing, or by the script's own. */
  readonly loss: number | null;
  /** The script's own metrics; empty where nothing was measured. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Top-1 of the averaged weights; null without an average. */
  readonly top1Ema: number | null;
  /** Top-5 of the averaged weights. */
  readonly top5Ema: number | null;
  /** Loss of the averaged weights. */
  readonly lossEma: number | null;
  /** The script's own metrics of the averaged weights. */
  readonly metricsEma: Readonly<Record<string, number>>;
  /** Number of samples measured. */
  readonly n: number | null;
  /** Epochs done. */
  readonly epochs: number;
  /** Steps done. */
  readonly steps: number;
  /** Mean training loss of the last epoch; null where none was finished. */
  readonly trainLoss: number | null;
  /** Share of correct answers of the last epoch in training mode, 0 to 1. */
  readonly trainTop1: number | null;
  /** The script's own metrics over the last epoch in training mode. */
  readonly trainMetrics: Readonly<Record<string, number | null>>;
  /** Time of the steps, without evaluation and saving. */
  readonly trainSeconds: number;
  /** Samples a second in all steps. */
  readonly imagesPerSecond: number;
  /** True where the signal stopped it before its end. */
  readonly stopped: boolean;
}

/** The events by name. */
export interface TrainerEvents {
  /** Before the first step. */
  readonly fitBegin: FitBegin;
  /** Before an epoch's first step. */
  readonly epochBegin: EpochBegin;
  /** After each step was enqueued. */
  readonly batchEnd: BatchEnd;
  /** Now and then: the losses of the steps since the last time, every step once. */
  readonly losses: readonly StepLoss[];
  /** After each batch that is measured at an epoch's end. */
  readonly evaluateBatch: EvaluateBatch;
  /** After an epoch was measured; `epoch` counts from 1. */
  readonly evaluateEnd: Evaluation & { readonly epoch: number };
  /** After the state was saved to the run's folder. */
  readonly saved: Saved;
  /** After an epoch, once all of it is saved. */
  readonly epochEnd: EpochEnd;
  /** At the end. */
  readonly fitEnd: FitResult;
}

const eventNames: readonly (keyof TrainerEvents)[] = [
  "fitBegin",
  "epochBegin",
  "batchEnd",
  "losses",
  "evaluateBatch",
  "evaluateEnd",
  "saved",
  "epochEnd",
  "fitEnd",
];

/** Called at an event; the training waits for a promise that it returns. */
export type Listener<Name extends keyof TrainerEvents> = (event: TrainerEvents[Name]) => void | Promise<void>;

/** Listeners by event. */
export class Listeners {
  readonly #lists = new Map<keyof TrainerEvents, Set<Listener<keyof TrainerEvents>>>();

  /** Adds one; the function returned takes it away again. */
  add<Name extends keyof TrainerEvents>(name: Name, listener: Listener<Name>): () => void {
    if (!eventNames.includes(name)) {
      const near = typeof name === "string" ? nearest(name, eventNames) : undefined;
      throw new TypeError(
        `on(): Expected an event among ${eventNames.join(", ")}, got ${kindOf(name)}` +
          (near === undefined ? "" : `: it may be ${near} that is meant`),
      );
    }
    if (typeof listener !== "function") {
      throw new TypeError(`on(): Expected \`listener\` as a function, got ${kindOf(listener)}`);
    }
    const list = this.#lists.get(name) ?? new Set();
    this.#lists.set(name, list);
    list.add(listener as unknown as Listener<keyof TrainerEvents>);
    return () => void list.delete(listener as unknown as Listener<keyof TrainerEvents>);
  }

  /** Calls all of an event, in the order they were added. */
  async emit<Name extends keyof TrainerEvents>(name: Name, event: TrainerEvents[Name]): Promise<void> {
    for (const listener of this.#lists.get(name) ?? []) await listener(event);
  }
}
