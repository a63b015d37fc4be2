/** What a training needs of an optimizer; the rules of this room and those of a script are both such. */
import type { AnyModule } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GroupSettings, ParameterGroup } from "./groups.ts";

/** Whose parameters an optimizer updates: those of one module, or of several, whose paths begin with their index. */
export type Trainable = AnyModule | readonly AnyModule[];

/** Options of `bind()`. */
export interface BindOptions {
  /** The first group that matches a parameter counts. */
  groups?: readonly ParameterGroup[];
  /** The learning rate until a script sets `lr`; by default 1e-3. */
  lr?: number;
}

/**
 * An optimizer's settings, ready to be bound to a model.
 *
 * {@linkcode ranger}, {@linkcode adamw}, {@linkcode sgd} and what {@linkcode defineOptimizer} makes are such; so is whatever
 * else has these members.
 */
export interface Optimizer {
  /** What is recorded of it in a run's configuration. */
  readonly config: OptimizerConfig;
  /** The optimizer with state for the parameters of a model, or of several; one that appears twice counts once. */
  bind(model: Trainable, options?: BindOptions): BoundOptimizer;
}

/** An optimizer's settings as plain JSON: `name` is the function that makes it. */
export interface OptimizerConfig {
  /** The function's name, say ranger. */
  readonly name: string;
  /** Its options, those left out too; for several together, the settings of each. */
  readonly [option: string]: number | boolean | string | null | readonly OptimizerConfig[];
}

/**
 * An optimizer and the state it keeps for a model's parameters.
 *
 * `step()` consumes the gradients: the next `backward()` starts afresh. Parameters without a gradient are left alone, and so
 * are those that another optimizer has, with their gradients.
 */
export interface BoundOptimizer {
  /** The learning rate; a new one holds for the steps enqueued from then on, recorded ones too. */
  lr: number;
  /** Steps enqueued so far; after `device.recover()` without those that were skipped. */
  readonly steps: number;
  /** Whether it has done a step, or goes on from a state that was loaded: until then, other weights may come into the model. */
  readonly begun: boolean;
  /** What holds for each parameter, by path. */
  readonly groups: ReadonlyMap<string, GroupSettings>;
  /** Updates every parameter that has a gradient, and consumes the gradients, even where it throws. Only enqueues. */
  step(): void;
  /** Lets go of the gradients of its parameters without using them: those of a backward that was meant for others. */
  discard(): void;
  /** Sets what a group of parameters does from now on: learning-rate scale, weight decay, freezing. */
  configure(group: ParameterGroup): void;
  /**
   * The state by name: `<state>.<parameter>`, `steps.<parameter>` and `steps`, which may be views of what it keeps: who
   * writes to them writes its state.
   *
   * The caller disposes of them.
   */
  state(): Map<string, Tensor>;
  /**
   * Makes the state now rather than at the first step, which is then as short as the others. What begins as a copy of the
   * weights follows them until that step.
   */
  prepare(): void;
  /**
   * Goes on from a count of steps, after the state was written: for resuming. With `begun` false it is as one that nobody has
   * used yet: what begins as a copy of the weights follows them again.
   */
  resumeAt(steps: number, options?: { readonly begun?: boolean }): void;
  /** @internal Has steps enqueued that find a rate of their own in the scalar on the device, which `enqueue` gets. */
  atRates<Result>(rates: readonly number[], enqueue: (scalar: Tensor) => Result): Result;
  /** Disposes of the state; the model's parameters stay, and those that were frozen get gradients again. */
  dispose(): void;
  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void;
}
