/** One recording of a step: how it is made, and how it runs again. */
import type { Handle } from "../ffi/call.ts";
import {
  abortCapture,
  beginCapture,
  endCapture,
  releaseGraph,
  replayGraph,
  type ScalarRates,
  type StepMemory,
} from "../ffi/native.ts";
import { OutOfMemoryError } from "../ffi/errors.ts";
import type { Device } from "./device.ts";
import { madeBy } from "./forgotten.ts";
import { noGrad } from "./graph.ts";
import { Recording, recordUnder } from "./recording.ts";
import { allOrNothing, ownedIn, scope, scopeAndMade } from "./scope.ts";
import { aliasOf, Tensor } from "./tensor.ts";
import type { Tensors } from "./tensors.ts";
import { Trace, traceUnder } from "./trace.ts";

/** What a step may return. */
export type StepResult = Tensors | void;

/** A step as the native library runs it again. */
export class RecordedStep {
  /** Bytes of the values inside. */
  readonly memory: StepMemory;
  readonly #device: Device;
  readonly #graph: Handle;
  readonly #recording: Recording;
  /** How many tensors the step returns. */
  readonly #results: number;
  /** Rebuilds the step's result from fresh tensors. */
  readonly #shape: (fresh: Tensor[]) => StepResult;

  private constructor(
    device: Device,
    native: { graph: Handle; memory: StepMemory },
    recording: Recording,
    results: number,
    shape: (fresh: Tensor[]) => StepResult,
  ) {
    this.memory = native.memory;
    this.#device = device;
    this.#graph = native.graph;
    this.#recording = recording;
    this.#results = results;
    this.#shape = shape;
  }

  /**
   * Records a step while it runs; gives its result and what it did too.
   *
   * Where memory runs out after the step, for the recording or the copies of its results, it has run all the same: nothing
   * is made of it then, with a warning.
   */
  static record<Args extends readonly Tensor[], Result extends StepResult>(
    step: (...args: Args) => Result,
    args: Args,
    device: Device,
  ): { made: RecordedStep | undefined; result: Result; run: Trace } {
    const queue = device.handle;
    const slots = args.map((arg) => scope(() => arg.clone()).detachFromScope().claimed());
    const outputs: Tensor[] = [];
    const own = new Recording(device, slots);
    const run = new Trace(args, slots);
    let made: RecordedStep | undefined;
    beginCapture(queue);
    try {
      const { result, tensors, made: inside } = recordUnder(
        own,
        () => traceUnder(run, () => outcomeOf(step, slots, device)),
      );
      // What the step did not make is another's: only handles of our own are let go of.
      for (const tensor of tensors) outputs.push(inside.includes(tensor) ? tensor : aliasOf(tensor));
      for (const output of outputs) output.detachFromScope();
      own.requireNoGradients();
      const shape = (fresh: Tensor[]): StepResult => rebuild(result, tensors, fresh);
      try {
        const native = endCapture(queue, slots.map((slot) => slot.handle), outputs.map((output) => output.handle));
        made = new RecordedStep(device, native, own, tensors.length, shape);
        // Copies, as every replay's results are: neither views of each other nor part of a graph.
        return { made, result: shape(allOrNothing(() => outputs.map(copyOf))) as Result, run };
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        made?.dispose();
        warnUnrecorded(error);
        return { made: undefined, result: shape(outputs.map(aliasOf)) as Result, run };
      }
    } catch (error) {
      if (device.queue.alive) abortCapture(queue);
      made?.dispose();
      throw error;
    } finally {
      for (const tensor of [...slots, ...outputs]) tensor.dispose();
    }
  }

  /** Whether everything it was recorded with is still so. */
  holds(): boolean {
    return this.#recording.holds();
  }

  /** Enqueues a step for each list of arguments, all by one call; `written` has a learning rate for each. */
  replay(batches: readonly (readonly Tensor[])[], written?: ScalarRates): StepResult[] {
    const device = this.#device;
    const arguments_ = batches.map((args) => args.map((arg) => arg.handle));
    const { ticket, outputs } = replayGraph(device.handle, this.#graph, arguments_, written);
    if (device.debug) device.remember(ticket);
    madeBy("replay");
    const fresh = outputs.map((raw) => new Tensor(device, raw));
    return batches.map((_, step) => {
      this.#recording.runEffects();
      return this.#shape(fresh.slice(step * this.#results, (step + 1) * this.#results));
    });
  }

  /** Lets go of what was recorded. */
  dispose(): void {
    if (this.#device.queue.alive) releaseGraph(this.#device.handle, this.#graph);
  }
}

let warned = false;

/** Says once that memory does not suffice for a recording. */
function warnUnrecorded({ message }: OutOfMemoryError): void {
  if (warned) return;
  warned = true;
  console.warn(`capture(): This step is not recorded yet and runs op by op, as memory is short: ${message}`);
}

/** The plain step, whose result is the caller's as that of a replay. */
export function runOnce<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
  args: Args,
  device: Device,
): Result {
  const { result, tensors, made } = outcomeOf(step, args, device);
  if (tensors.every((tensor) => made.includes(tensor))) return result;
  return rebuild(result, tensors, tensors.map((tensor) => made.includes(tensor) ? tensor : copyOf(tensor))) as Result;
}

/** A step's result, and what tensors of it the step made. */
interface Outcome<Result> {
  result: Result;
  /** Each once. */
  tensors: Tensor[];
  made: readonly unknown[];
}

/** Runs a step in a scope, and checks what it returns. */
function outcomeOf<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
  args: readonly Tensor[],
  device: Device,
): Outcome<Result> {
  const { result, made } = scopeAndMade<Result>(() => step(...args as unknown as Args) as never);
  try {
    const tensors = [...new Set(ownedIn(result))].map((value) => checkResult(value, device));
    return { result, tensors, made };
  } catch (error) {
    for (const value of made) value.dispose();
    throw error;
  }
}

function checkResult(value: unknown, device: Device): Tensor {
  if (!(value instanceof Tensor)) {
    throw new TypeError(
      `capture(): Expected the step to return tensors, or arrays and plain objects of them, got ${value}`,
    );
  }
  if (value.device !== device) {
    throw new TypeError(`capture(): Expected results on the device of the arguments, got ${value} of another`);
  }
  // Throws where it is disposed.
  void value.handle;
  return value;
}

function copyOf(tensor: Tensor): Tensor {
  return scope(() => noGrad(() => tensor.clone()));
}

/** The result of a step with its tensors replaced by fresh ones. */
function rebuild(result: StepResult, recorded: readonly Tensor[], fresh: readonly Tensor[]): StepResult {
  const replaced = (value: unknown): unknown => {
    if (value instanceof Tensor) return fresh[recorded.indexOf(value)];
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, replaced(element)]));
  };
  return replaced(result) as StepResult;
}
