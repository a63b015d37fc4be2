/** What a job tells while it runs. */
import type { Counters } from "../../checkpoint/state.ts";
import type { TrainResult } from "../../recipe/run.ts";
import type { CodeVersion } from "../../run/code_version.ts";
import type { EpochEnd, Saved } from "../../train/events.ts";
import type { ArtefactName } from "./kinds.ts";

/** What a training came to, without where it is kept. */
export type JobResult = Omit<TrainResult, "folder" | "stopped">;

/** An error as an event has it. */
export interface JobFailure {
  /** The error's class. */
  readonly name: string;
  /** What it says. */
  readonly message: string;
}

/** How far something is that takes time. */
export interface JobProgress {
  /** What is under way. */
  readonly stage: "download" | "prepare" | "train" | "measure";
  /** Bytes of data that come or are prepared; images of an epoch that are trained on or measured. */
  readonly done: number;
  /** Of how many; null where that is not known. */
  readonly total: number | null;
  /** Which epoch, from 1; null before the training. */
  readonly epoch: number | null;
  /** Epochs in all; null before the training. */
  readonly epochs: number | null;
  /** Steps done, over all epochs; null before the training. */
  readonly step: number | null;
  /** Steps in all; null before the training. */
  readonly steps: number | null;
  /** Mean loss of the epoch so far, some steps late; null where it is not known. */
  readonly loss: number | null;
  /** Share of correct answers of the epoch so far, 0 to 1; null where it is not known. */
  readonly top1: number | null;
  /** Over the last seconds; null where it is not known. */
  readonly imagesPerSecond: number | null;
  /** Of all the training that is left, by the speed so far; null where it is not known. */
  readonly secondsLeft: number | null;
}

/** The events by their types, without what all have. */
export interface JobEvents {
  /** A process takes the job up. */
  readonly started: { readonly pid: number; readonly code: CodeVersion };
  /** Everything is set up: the next event is of the training itself. */
  readonly prepared: {
    /** The run's folder, below that of the job. */
    readonly run: string;
    readonly device: "cpu" | "cuda";
    readonly dtype: string;
    /** CPU threads. */
    readonly threads: number;
    /** Elements of the network's parameters. */
    readonly parameters: number;
    /** Images to train on. */
    readonly train: number;
    /** Images to measure with. */
    readonly valid: number;
    readonly epochs: number;
    /** Where the training goes on; null where it begins. */
    readonly from: Pick<Counters, "epoch" | "step"> | null;
  };
  /** An epoch is over. */
  readonly epoch: EpochEnd;
  /** At most one a second. */
  readonly progress: JobProgress;
  /** The state was saved. */
  readonly saved: Saved;
  /** What a reader should know. */
  readonly warning: { readonly message: string };
  /** What is good to know. */
  readonly note: { readonly message: string };
  /** Something was made of the training: its path is below the job's folder. */
  readonly artefact: { readonly name: ArtefactName; readonly path: string; readonly bytes: number };
  /** The end: everything that was asked for is there. */
  readonly done: { readonly run: string; readonly result: JobResult };
  /** This attempt failed; `specification` says whether it would again, as what was asked for cannot be. */
  readonly failed: { readonly error: JobFailure; readonly specification: boolean };
  /** This attempt was stopped, with everything saved: the next one goes on. */
  readonly stopped: { readonly why: StopReason };
  /** The device is of no use to this process any more: another one goes on from what was saved. */
  readonly lost: { readonly error: JobFailure };
}

/** Why an attempt was stopped. */
export type StopReason = "deadline" | "signal";

/** The name of an event. */
export type JobEventType = keyof JobEvents;

/** The names of all events. */
export const jobEventTypes = [
  "started",
  "prepared",
  "epoch",
  "progress",
  "saved",
  "warning",
  "note",
  "artefact",
  "done",
  "failed",
  "stopped",
  "lost",
] as const satisfies readonly JobEventType[];

/** Those of which each attempt has one, at its end; an attempt that was killed has none. */
export const jobEndings = ["done", "failed", "stopped", "lost"] as const satisfies readonly JobEventType[];

/** Something that happened to a job, told apart by `type`. */
export type JobEvent = {
  [Type in JobEventType]: {
    /** Which event of the job, from 1, over all attempts. */
    readonly n: number;
    /** By the machine's clock, ISO 8601 in UTC: `n` says the order. */
    readonly time: string;
    /** The job's name. */
    readonly job: string;
    /** Which attempt, from 1. */
    readonly attempt: number;
    readonly type: Type;
  } & JobEvents[Type];
}[JobEventType];

/** An event of one type. */
export type JobEventOf<Type extends JobEventType> = Extract<JobEvent, { type: Type }>;
