/** The events of a training as those of a job. */
import { relative } from "node:path";
import type { TrainingEvent } from "../../recipe/events.ts";
import { stepsOf } from "../../train/start.ts";
import type { JobProgress } from "./events.ts";
import type { EventsFile } from "./events_file.ts";
import { Pace } from "./pace.ts";

/** Milliseconds between two events of progress. */
const every = 1000;

/** What progress tells before there is a training. */
const nothing: Omit<JobProgress, "stage" | "done" | "total"> = {
  epoch: null,
  epochs: null,
  step: null,
  steps: null,
  loss: null,
  top1: null,
  imagesPerSecond: null,
  secondsLeft: null,
};

/** Takes a training's events, and adds those of its job to a file. */
export class JobFollower {
  readonly #events: EventsFile;
  readonly #output: string;
  readonly #pace = new Pace();
  #nextAt = 0;
  #steps = 0;
  #step = 0;
  #done = 0;
  /** Seconds that measuring an epoch took. */
  #measured = 0;
  #measuringSince: number | undefined;

  /** `output` is the job's folder. */
  constructor(events: EventsFile, output: string) {
    this.#events = events;
    this.#output = output;
  }

  /** Adds what an event of the training means for the job; resolves once that is written, where it has to be. */
  async take(event: TrainingEvent): Promise<void> {
    switch (event.type) {
      case "downloading":
        return this.#progress(() => ({
          stage: "download",
          done: event.bytes,
          total: event.expectedBytes,
          ...nothing,
        }));
      case "preparing":
        return this.#progress(() => ({ stage: "prepare", done: event.bytes, total: event.expectedBytes, ...nothing }));
      case "dtypeChosen":
        return await this.#events.add("note", {
          message: `The dtype auto takes ${event.dtype}: the same work takes ${event.f32.toFixed(2)} ms in f32, ` +
            `${event.bf16.toFixed(2)} ms in bf16`,
        });
      case "note":
      case "warning":
        return await this.#events.add(event.type, { message: event.message });
      case "ready":
        return await this.#ready(event);
      case "fitBegin":
        this.#steps = stepsOf(event.batches, event.accumulate) * event.epochs;
        this.#step = event.step;
        return;
      case "epochBegin":
        this.#done = event.done;
        this.#pace.restart();
        return;
      case "batchEnd":
        return this.#batchEnd(event);
      case "evaluateBatch":
        return this.#evaluateBatch(event);
      case "saved":
        return await this.#events.add("saved", { epoch: event.epoch, step: event.step });
      case "epochEnd": {
        const { type: _, ...epoch } = event;
        return await this.#epochEnd(epoch);
      }
      case "losses":
      case "evaluateEnd":
      case "fitEnd":
        return;
    }
  }

  /** Tells how far the measuring of a trained model is. */
  measuring(done: number, total: number): void {
    this.#progress(() => ({ stage: "measure", done, total, ...nothing }));
  }

  async #ready(event: Extract<TrainingEvent, { type: "ready" }>): Promise<void> {
    const { config, folder, parameters, train, valid, threads, from } = event;
    const { device, dtype, epochs } = config;
    const at = from === null ? null : { epoch: from.epoch, step: from.step };
    const run = relative(this.#output, folder);
    await this.#events.add("prepared", { run, device, dtype, threads, parameters, train, valid, epochs, from: at });
  }

  #batchEnd(event: Extract<TrainingEvent, { type: "batchEnd" }>): void {
    this.#pace.add(event.step, event.done - this.#done);
    this.#done = event.done;
    this.#step = event.step;
    this.#progress(() => this.#ofEpoch("train", event, { loss: event.loss, top1: event.top1 }));
  }

  #evaluateBatch(event: Extract<TrainingEvent, { type: "evaluateBatch" }>): void {
    this.#measuringSince ??= performance.now();
    this.#progress(() => this.#ofEpoch("measure", event, { loss: null, top1: null }));
  }

  async #epochEnd(epoch: Omit<Extract<TrainingEvent, { type: "epochEnd" }>, "type">): Promise<void> {
    const since = this.#measuringSince;
    if (since !== undefined) this.#measured = (performance.now() - since) / 1000;
    this.#measuringSince = undefined;
    await this.#events.add("epoch", epoch);
  }

  #ofEpoch(
    stage: "train" | "measure",
    { done, samples, epoch, epochs }: { done: number; samples: number | null; epoch: number; epochs: number },
    known: Pick<JobProgress, "loss" | "top1">,
  ): JobProgress {
    const { speed } = this.#pace;
    const [step, steps] = [this.#step, this.#steps];
    const left = speed === null || speed.steps === 0
      ? null
      : (steps - step) / speed.steps + (epochs - epoch + 1) * this.#measured;
    const imagesPerSecond = stage === "train" && speed !== null ? round(speed.images) : null;
    const secondsLeft = left === null ? null : round(left);
    return { stage, done, total: samples, epoch, epochs, step, steps, ...known, imagesPerSecond, secondsLeft };
  }

  /** Tells how far it is, where a second has passed since it did. */
  #progress(make: () => JobProgress): void {
    const now = performance.now();
    if (now < this.#nextAt) return;
    this.#nextAt = now + every;
    this.#events.tell("progress", make());
  }
}

/** To a tenth. */
function round(value: number): number {
  return Math.round(10 * value) / 10;
}
