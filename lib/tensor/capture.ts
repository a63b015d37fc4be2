/** Capture and replay: a step recorded once, run again by one call. */
import type { Handle } from "../ffi/call.ts";
import { DisposedError, StateError } from "../ffi/errors.ts";
import { abortCapture, beginCapture, endCapture, releaseGraph, replayGraph } from "../ffi/native.ts";
import { defaultDevice, type Device } from "./device.ts";
import { ownedIn, scope } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** What a step may return. */
export type StepResult = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>> | void;

/** What a recording depends on besides its arguments, and what it does besides enqueuing. */
class Recording {
  readonly guards: (() => boolean)[] = [];
  readonly effects: (() => void)[] = [];
  /** Leaves that got a gradient. */
  readonly leaves = new Set<Tensor>();
}

let recording: Recording | undefined;

/** Whether a step is being recorded. */
export function capturing(): boolean {
  return recording !== undefined;
}

/** Notes something that a recording read; once it no longer holds, the step is recorded anew. */
export function guard(holds: () => boolean): void {
  recording?.guards.push(holds);
}

/** Notes something that happens in JavaScript at every step. */
export function hostEffect(effect: () => void): void {
  recording?.effects.push(effect);
}

/** Notes that a leaf is about to get a gradient; one from before the recording cannot be added again at a replay. */
export function noteGradient(leaf: Tensor): void {
  if (recording === undefined) return;
  if (leaf.grad !== null && !recording.leaves.has(leaf)) recording.guards.push(() => false);
  recording.leaves.add(leaf);
}

/** Throws where something cannot be recorded. */
export function refuseInCapture(what: string): void {
  if (recording !== undefined) throw new StateError(`Cannot ${what} inside capture(): do it before or after the step`);
}

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
    const key = args.map((arg) => `${arg.dtype}[${arg.shape}]@${arg.device.handle.slot}`).join(";");
    const graph = graphs.get(key);
    if (graph !== undefined && graph.recording.guards.every((holds) => holds())) return replay(graph, args) as Result;
    if (graph !== undefined) {
      // What the step depends on has changed: run it once eagerly again, as new state may be made.
      forget(key);
      warm.delete(key);
    }
    if (!warm.has(key)) {
      warm.add(key);
      return scope(() => step(...args) as never);
    }
    const { graph: recorded, result } = record(step, args);
    graphs.set(key, recorded);
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

function record<Args extends readonly Tensor[], Result extends StepResult>(
  step: (...args: Args) => Result,
  args: Args,
): { graph: Graph; result: Result } {
  const device = args[0]?.device ?? defaultDevice();
  const queue = device.handle;
  const slots = args.map((arg) => scope(() => arg.clone()).detachFromScope());
  const own = new Recording();
  beginCapture(queue);
  recording = own;
  let inner: Result;
  try {
    inner = scope(() => step(...slots as unknown as Args) as never);
    const leaves = [...own.leaves];
    if (leaves.some((leaf) => leaf.grad !== null)) {
      throw new StateError(
        "capture(): Expected the step to use up its gradients, got one left behind, to which no replay would add: " +
          "call the optimizer's step() inside, or leave backward() out of the capture",
      );
    }
    own.guards.push(() => leaves.every((leaf) => leaf.grad === null));
  } catch (error) {
    abortCapture(queue);
    slots.forEach((slot) => slot.dispose());
    throw error;
  } finally {
    recording = undefined;
  }
  const outputs = ownedIn(inner).map((output) => Tensor.release(output as Tensor));
  const { graph: handle } = endCapture(queue, slots.map((slot) => slot.handle), outputs.map((output) => output.handle));
  const graph: Graph = {
    handle,
    device,
    recording: own,
    slots,
    outputs,
    shape: (fresh) => rebuilt(inner, outputs, fresh),
  };
  // The recording has run; its results are copied out as every replay's are.
  const fresh = outputs.map((output) => scope(() => output.detach().clone()));
  return { graph, result: graph.shape(fresh) as Result };
}

function replay(graph: Graph, args: readonly Tensor[]): StepResult {
  const { outputs } = replayGraph(graph.device.handle, graph.handle, args.map((arg) => arg.handle));
  const fresh = outputs.map((raw) => new Tensor(graph.device, raw));
  for (const effect of graph.recording.effects) effect();
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
