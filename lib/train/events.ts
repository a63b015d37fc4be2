/** What a training tells while it runs. */
import type { Evaluation } from "./evaluate.ts";

/** A training begins, or goes on. */
export interface FitBegin {
  /** Epochs in all. */
  readonly epochs: number;
  /** Batches and samples in an epoch. */
  readonly batches: number;
  readonly samples: number;
  /** Steps done before: more than 0 where it goes on. */
  readonly step: number;
}

/** An epoch begins, or goes on. */
export interface EpochBegin {
  /** Which epoch, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Samples of the epoch that are done. */
  readonly done: number;
  readonly samples: number;
}

/** A step was enqueued. */
export interface BatchEnd {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done, over all epochs. */
  readonly step: number;
  /** The learning rate of this step. */
  readonly lr: number;
  /** Samples of the epoch that are done, and how many it has. */
  readonly done: number;
  readonly samples: number;
  /** Mean loss and top-1 of the epoch so far, some steps late; null before they were read first. */
  readonly loss: number | null;
  readonly top1: number | null;
}

/** An epoch is over, and was measured where there was something to measure with. */
export interface EpochEnd {
  readonly epoch: number;
  readonly epochs: number;
  /** The last step's learning rate. */
  readonly lr: number;
  /** Mean over the epoch, with label smoothing, in training mode. */
  readonly trainLoss: number;
  readonly trainTop1: number;
  readonly evaluation: Evaluation | null;
  /** Time of its steps, without evaluation and saving. */
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
}

/** What a training came to; everything after the first line is null or missing without a `valid`. */
export interface FitResult {
  /** Top-1 after the last epoch, 0 to 1; null where nothing was measured. */
  readonly top1: number | null;
  /** Top-5, 0 to 1; null for fewer than six classes. */
  readonly top5: number | null;
  /** Loss without label smoothing. */
  readonly loss: number | null;
  /** Number of samples measured. */
  readonly n: number | null;
  /** Epochs done. */
  readonly epochs: number;
  /** Steps done. */
  readonly steps: number;
  /** Mean training loss and top-1 of the last epoch. */
  readonly trainLoss: number | null;
  readonly trainTop1: number | null;
  /** Time of the steps, without evaluation and saving. */
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
  /** True where the signal stopped it before its end. */
  readonly stopped: boolean;
}

/** The events by name. */
export interface TrainerEvents {
  readonly fitBegin: FitBegin;
  readonly epochBegin: EpochBegin;
  readonly batchEnd: BatchEnd;
  readonly evaluateEnd: Evaluation & { readonly epoch: number };
  readonly epochEnd: EpochEnd;
  readonly fitEnd: FitResult;
}

/** Called at an event; the training waits for a promise that it returns. */
export type Listener<Name extends keyof TrainerEvents> = (event: TrainerEvents[Name]) => void | Promise<void>;

/** Listeners by event. */
export class Listeners {
  readonly #lists = new Map<keyof TrainerEvents, Set<Listener<keyof TrainerEvents>>>();

  /** Adds one; the function returned takes it away again. */
  add<Name extends keyof TrainerEvents>(name: Name, listener: Listener<Name>): () => void {
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
