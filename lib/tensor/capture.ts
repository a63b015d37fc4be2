/** Capture and replay: a step recorded once, run again by one call. */
import type { Handle } from "../ffi/call.ts";
import { DisposedError, StateError } from "../ffi/errors.ts";
import { abortCapture, beginCapture, endCapture, releaseGraph, replayGraph } from "../ffi/native.ts";
import { defaultDevice, type Device } from "./device.ts";
import { noGrad } from "./graph.ts";
import { capturing, recorded, Recording } from "./recording.ts";
import { ownedIn, scope, scopeAndMade } from "./scope.ts";
import { aliasOf, Tensor } from "./tensor.ts";

export { guard, hostEffect, refuseInCapture } from "./recording.ts";

/** What a step may return. */
export type StepResult = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>> | void;

interface Graph {
  handle: Handle;
  device: Device;
  recording: Recording;
  slots: Tensor[];
  outputs: Tensor[];
  /** Rebuilds the step's result from fresh tensors. */
  shape(outputs: Tensor[]): StepResult;
}

/** A captured step; dispose of it to free its memory. */
export interface Captured<Args extends readonly Tensor[], Result extends StepResult> {
  (...args: Args): Result;
  /** How many recordings it holds: one for each combination of shapes and dtypes. */
  readonly recordings: number;
  /** Lets go of what was recorded. */
  dispose(): void;
  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void;
}

/**
 * A step that runs eagerly at its first call, is recorded at the second, and replayed by one native call from the third.
 *
 * Arguments are copied into fixed slots; the tensors it returns are fresh at every call and belong to the caller. Reading
 * values or setting a learning rate inside is an error. New shapes, dtypes, modes or segment tables record anew.
 *
 * @example
 * ```ts
 * import { capture, type Tensor, tensor } from "@libtrain/libtrain";
 *
 * using w = tensor([1, 1]);
 * using step = capture((x: Tensor) => {
 *   w.assign(w.mul(x));
 *   return w.sum();
 * });
 * for (let i = 0; i < 4; i++) {
 *   using x = tensor([1, 2]);
 *   using sum = step(x);
 *   console.log(await sum.item()); // 3, 5, 9, 17
 * }
 * ```
 */
export function capture<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
): Captured<Args, Result> {
  const graphs = new Map<string, Graph>();
  const warm = new Set<string>();
  let disposed = false;

  function forget(key: string): void {
    const graph = graphs.get(key);
    if (graph !== undefined) releaseRecorded(graph);
    graphs.delete(key);
  }

  function call(...args: Args): Result {
    if (disposed) throw new DisposedError("Cannot use a captured step after it was disposed");
    if (capturing()) throw new StateError("Cannot call a captured step inside capture(): call the plain function");
    const device = deviceOf(args);
    const key = args.map((arg) => `${arg.dtype}[${arg.shape}]@${arg.device.handle.slot}`).join(";");
    const graph = graphs.get(key);
    if (graph !== undefined && graph.recording.holds()) return replay(graph, args) as Result;
    if (graph !== undefined) {
      // What the step depends on has changed: run it once eagerly again, as new state may be made.
      forget(key);
      warm.delete(key);
    }
    if (!warm.has(key)) {
      const result = runOnce(step, args, device);
      warm.add(key);
      return result;
    }
    const { graph: made, result } = record(step, args, device);
    graphs.set(key, made);
    return result;
  }

  const dispose = (): void => {
    disposed = true;
    for (const key of [...graphs.keys()]) forget(key);
  };
  return Object.defineProperties(call, {
    recordings: { get: () => graphs.size },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  }) as Captured<Args, Result>;
}

/** The device of a step: that of all its arguments. */
function deviceOf(args: readonly Tensor[]): Device {
  const device = args[0]?.device ?? defaultDevice();
  if (args.some((arg) => arg.device !== device)) {
    throw new TypeError("capture(): Expected arguments of one device, got several: copy their values with tensor()");
  }
  return device;
}

/** A step's result, and what tensors of it the step made. */
interface Outcome<Result> {
  result: Result;
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
    const tensors = ownedIn(result).map((value) => checkedResult(value, device));
    return { result, tensors, made };
  } catch (error) {
    for (const value of made) value.dispose();
    throw error;
  }
}

function checkedResult(value: unknown, device: Device): Tensor {
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

/** The first call: the plain step, whose result is the caller's as every later one's. */
function runOnce<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
  args: Args,
  device: Device,
): Result {
  const { result, tensors, made } = outcomeOf(step, args, device);
  if (tensors.every((tensor) => made.includes(tensor))) return result;
  return rebuilt(result, tensors, tensors.map((tensor) => made.includes(tensor) ? tensor : copyOf(tensor))) as Result;
}

function copyOf(tensor: Tensor): Tensor {
  return scope(() => noGrad(() => tensor.clone()));
}

function record<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
  args: Args,
  device: Device,
): { graph: Graph; result: Result } {
  const queue = device.handle;
  const slots = args.map((arg) => scope(() => arg.clone()).detachFromScope());
  const outputs: Tensor[] = [];
  const own = new Recording(device, slots);
  beginCapture(queue);
  try {
    const { result, tensors, made } = recorded(own, () => outcomeOf(step, slots, device));
    // What the step did not make, another may dispose of: the graph holds handles of its own.
    for (const tensor of tensors) outputs.push(made.includes(tensor) ? tensor : aliasOf(tensor));
    for (const output of outputs) output.detachFromScope();
    own.requireNoGradients();
    const { graph: handle } = endCapture(
      queue,
      slots.map((slot) => slot.handle),
      outputs.map((output) => output.handle),
    );
    const shape = (fresh: Tensor[]): StepResult => rebuilt(result, tensors, fresh);
    const graph: Graph = { handle, device, recording: own, slots, outputs, shape };
    // The recording has run; its results are copied out as every replay's are.
    return { graph, result: shape(outputs.map(copyOf)) as Result };
  } catch (error) {
    if (device.queue.alive) abortCapture(queue);
    for (const tensor of [...slots, ...outputs]) tensor.dispose();
    throw error;
  }
}

function replay(graph: Graph, args: readonly Tensor[]): StepResult {
  const { device } = graph;
  const { ticket, outputs } = replayGraph(device.handle, graph.handle, args.map((arg) => arg.handle));
  if (device.debug) device.remember(ticket);
  const fresh = outputs.map((raw) => new Tensor(device, raw));
  graph.recording.runEffects();
  return graph.shape(fresh);
}

/** The result of a step with its tensors replaced by fresh ones. */
function rebuilt(result: StepResult, recorded: readonly Tensor[], fresh: readonly Tensor[]): StepResult {
  const replaced = (value: unknown): unknown => {
    if (value instanceof Tensor) return fresh[recorded.indexOf(value)];
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, replaced(element)]));
  };
  return replaced(result) as StepResult;
}

function releaseRecorded(graph: Graph): void {
  if (graph.device.queue.alive) releaseGraph(graph.device.handle, graph.handle);
  for (const tensor of [...graph.slots, ...graph.outputs]) tensor.dispose();
}
