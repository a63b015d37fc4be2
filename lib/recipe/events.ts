/** What a training of a recipe tells while it runs. */
import type { Counters } from "../checkpoint/state.ts";
import type { DownloadProgress } from "../data/download.ts";
import type { PrepareProgress } from "../ffi/image.ts";
import type {
  BatchEnd,
  EpochBegin,
  EpochEnd,
  EvaluateBatch,
  FitBegin,
  FitResult,
  Saved,
  StepLoss,
  TrainerEvents,
} from "../train/events.ts";
import type { DtypeChoice } from "./dtype.ts";
import type { RunConfig } from "./recipe.ts";

/** Everything is set up: the next event is of the training itself. */
export interface Ready {
  /** The recipe, and what data, machine and code added. */
  readonly config: RunConfig;
  /** The run's folder. */
  readonly folder: string;
  /** Elements of the network's parameters. */
  readonly parameters: number;
  /** Images to train on. */
  readonly train: number;
  /** Images to measure with. */
  readonly valid: number;
  /** CPU threads. */
  readonly threads: number;
  /** Where a run goes on; null where one begins. */
  readonly from: Counters | null;
}

/** Something that happened, told apart by `type`; in the order they come, and typed by it. */
export type TrainingEvent =
  | { readonly type: "downloading" } & DownloadProgress
  | { readonly type: "preparing" } & PrepareProgress
  | { readonly type: "dtypeChosen" } & DtypeChoice
  | { readonly type: "note"; readonly message: string }
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "ready" } & Ready
  | { readonly type: "fitBegin" } & FitBegin
  | { readonly type: "epochBegin" } & EpochBegin
  | { readonly type: "batchEnd" } & BatchEnd
  | { readonly type: "losses"; readonly losses: readonly StepLoss[] }
  | { readonly type: "evaluateBatch" } & EvaluateBatch
  | { readonly type: "evaluateEnd" } & TrainerEvents["evaluateEnd"]
  | { readonly type: "saved" } & Saved
  | { readonly type: "epochEnd" } & EpochEnd
  | { readonly type: "fitEnd" } & FitResult;

/** Takes events; the training waits for a promise that it returns. */
export type Emit = (event: TrainingEvent) => void | Promise<void>;

/** The trainer's events that come as they are, with their name as `type`. */
export const trainerEvents = [
  "fitBegin",
  "epochBegin",
  "batchEnd",
  "evaluateBatch",
  "evaluateEnd",
  "saved",
  "epochEnd",
  "fitEnd",
] as const satisfies readonly (keyof TrainerEvents)[];
