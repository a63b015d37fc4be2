import type { StepLoss } from "./events.ts";

/** Puts the losses, which come from the device some steps late, beside the steps that they belong to. */
export class StepLosses {
  readonly #enqueued: Pick<StepLoss, "step" | "epoch" | "lr">[] = [];
  #read: StepLoss[] = [];

  /** A step was enqueued. */
  note(step: Pick<StepLoss, "step" | "epoch" | "lr">): void {
    this.#enqueued.push(step);
  }

  /** The oldest step without a loss has come to these values. */
  read({ loss = NaN, correct, ...metrics }: Readonly<Record<string, number>>, n: number): void {
    const step = this.#enqueued.shift();
    if (step === undefined) return;
    const own = Object.keys(metrics).length === 0 ? {} : { metrics };
    this.#read.push({ ...step, loss, top1: correct === undefined ? null : correct / n, ...own });
  }

  /** Those read since the last call. */
  take(): StepLoss[] {
    const taken = this.#read;
    this.#read = [];
    return taken;
  }

  /** Forgets steps whose losses will not come. */
  forget(): void {
    this.#enqueued.length = 0;
  }
}
