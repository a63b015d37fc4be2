/** What does an optimizer's arithmetic: a native op over all parameters, or a script's update of each. */
import type { Parameter } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Segment } from "./groups.ts";

/** One step of the parameters that a rule has. */
export interface RuleStep {
  /** The learning rate, one element on the device. */
  readonly lr: Tensor;
  /** i32: a count of steps for each segment and, last, that of calls. */
  readonly steps: Tensor;
  /** Flat, by name: the segments one after the other. */
  readonly states: ReadonlyMap<string, Tensor>;
  readonly segments: readonly Segment[];
  /** Null for a segment that is left alone. */
  readonly gradients: readonly (Tensor | null)[];
}

/** An optimizer's arithmetic and what it keeps. */
export interface Rule {
  /** What it is called in messages, and before the names of its state where there are several rules. */
  readonly name: string;
  /** State tensors, each of the size of all its parameters. */
  readonly states: readonly string[];
  /** Those of them that begin as a copy of the parameters; the others begin at 0. */
  readonly copies: readonly string[];
  /** Weight decay of weights, where biases and norm parameters have none; undefined for a rule without. */
  readonly wd: number | undefined;
  /** Multiplies the learning rate, beside the groups' scales. */
  readonly lrScale: number;
  /** Whether `enqueue` leaves everything as it was where one of its gradients is not finite. */
  readonly checksGradients: boolean;
  /** Whether a parameter is for this rule. */
  readonly takes: (parameter: Parameter, path: string) => boolean;
  /** Enqueues a step, and counts it in `steps`. */
  readonly enqueue: (step: RuleStep) => void;
}
