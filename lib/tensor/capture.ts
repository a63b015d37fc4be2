/** Capture and replay: a step recorded once, run again by one call. */
import { DisposedError, StateError } from "../ffi/errors.ts";
import type { StepMemory } from "../ffi/native.ts";
import { defaultDevice, type Device } from "./device.ts";
import { RecordedStep, runOnce, type StepResult } from "./recorded_step.ts";
import { capturing } from "./recording.ts";
import { ownedIn } from "./scope.ts";
import { Steadiness } from "./steadiness.ts";
import { Tensor } from "./tensor.ts";
import { leavesOf, mapTensors, structureOf, type Tensors } from "./tensors.ts";
import { Trace, traceUnder } from "./trace.ts";

export type { StepMemory } from "../ffi/native.ts";
export type { StepResult } from "./recorded_step.ts";
export { guard, hostEffect, refuseInCapture } from "./recording.ts";

/** Options of {@linkcode Captured.many}. */
export interface ManyOptions {
  /** Learning rates, one a step, of the bound optimizer that the step uses; by default its rate stays as it is. */
  rates?: {
    optimizer: { lr: number; atRates<Result>(rates: readonly number[], enqueue: (scalar: Tensor) => Result): Result };
    lr: readonly number[];
  };
}

/** A captured step; dispose of it to free its memory. */
export interface Captured<Args extends readonly Tensors[], Result extends StepResult> {
  (...args: Args): Result;
  /**
   * Runs one step after another, as so many calls would, to the bit: those that can be replayed by one native call.
   *
   * Guards are asked once, before the first. The results are those of each step, and belong to the caller. Where a step
   * fails, the late error names the op, and the steps after it are skipped: what they would have changed stays as the
   * steps before have left it. Of such a call no result can be read.
   *
   * @example
   * ```ts
   * import { capture, nn, optim, rand, type Tensor } from "@libtrain/libtrain";
   *
   * using model = new nn.Linear(4, 1);
   * using optimizer = optim.sgd().bind(model);
   * using step = capture((x: Tensor) => {
   *   const loss = model.forward(x).mean();
   *   loss.backward();
   *   optimizer.step();
   *   return loss;
   * });
   * const batches = Array.from({ length: 8 }, (_, seed) => [rand([2, 4], { seed })] as const);
   * const lr = batches.map((_, i) => 0.1 / (i + 1));
   * const losses = step.many(batches, { rates: { optimizer, lr } });
   * console.log(await losses.at(-1)!.item());
   * for (const tensor of [...batches.flat(), ...losses]) tensor.dispose();
   * ```
   */
  many(batches: readonly Readonly<Args>[], options?: ManyOptions): Result[];
  /** @internal Whether a call with such arguments replays a recording, or runs op by op. */
  replays(...args: Args): boolean;
  /** How many recordings it holds: one for each combination of shapes and dtypes. */
  readonly recordings: number;
  /**
   * Bytes of the values inside all recordings: while they were recorded, and at replays, for which the CPU gives each
   * value a place in one arena for as long as it is needed. Weights, arguments and results are not among them.
   */
  readonly memory: StepMemory;
  /** Lets go of what was recorded. */
  dispose(): void;
  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void;
}

/**
 * A step that runs eagerly at its first call, is recorded at the second, and replayed by one native call from the third.
 *
 * Arguments are tensors, or arrays and plain objects of them. They are copied into fixed slots; the tensors it returns are
 * fresh at every call and belong to the caller. What else the step keeps of its tensors stays what it was when it was
 * recorded. Reading values, setting a learning rate, or drawing by `rand()` and `randn()` inside is an error. New shapes,
 * dtypes, modes or segment tables record anew.
 *
 * A replay runs the ops that were recorded, not the JavaScript around them. Random numbers come from an
 * `nn.RandomCounter`, which counts on the device: each replay draws others, as an eager step would. The run that is
 * recorded is compared with the one before: where its ops, their shapes, parameters or tensors from outside are others, it
 * is not recorded; where that happens again, the step runs op by op from then on, and one warning names the op. What cannot
 * be seen is a value of JavaScript that was the same in both runs and changes later, as in `if (step % 10 === 0)`: keep such
 * decisions outside of the step, or pass the value as an argument.
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
export function capture<Args extends readonly Tensors[], Result extends StepResult>(
  step: (...args: Args) => Result,
): Captured<Args, Result> {
  if (typeof step !== "function") throw new TypeError(`capture(): Expected a function, got ${typeof step}`);
  const recordings = new Map<string, RecordedStep>();
  const runs = new Map<string, Steadiness>();
  let disposed = false;
  let warned = false;

  function forget(key: string): void {
    recordings.get(key)?.dispose();
    recordings.delete(key);
  }

  /** The recording for a key, where there is one and it still holds. */
  function ready(key: string): RecordedStep | undefined {
    if (disposed) throw new DisposedError("Cannot use a captured step after it was disposed");
    if (capturing()) throw new StateError("Cannot call a captured step inside capture(): call the plain function");
    const found = recordings.get(key);
    if (found === undefined || found.holds()) return found;
    // What the step depends on has changed: run it once eagerly again, as new state may be made.
    forget(key);
    runs.delete(key);
    return undefined;
  }

  function replays(...args: Args): boolean {
    return recordings.get(keyOf(args, leavesOf(args, "capture", "arguments")))?.holds() ?? false;
  }

  function call(...args: Args): Result {
    const leaves = leavesOf(args, "capture", "arguments");
    const [device, key] = [deviceOf(leaves), keyOf(args, leaves)];
    const found = ready(key);
    if (found !== undefined) return found.replay([leaves])[0] as Result;
    const plain = (...tensors: Tensor[]): Result => step(...withLeaves(args, tensors));
    const steadiness = runs.get(key) ?? new Steadiness();
    if (steadiness.difference !== undefined) return runOnce(plain, leaves, device);
    if (!steadiness.steady) {
      const run = new Trace(leaves);
      const result = traceUnder(run, () => runOnce(plain, leaves, device));
      runs.set(key, steadiness);
      noteRun(steadiness, run);
      return result;
    }
    const { made, result, run } = RecordedStep.record(plain, leaves, device);
    if (made === undefined) return result;
    if (noteRun(steadiness, run)) {
      recordings.set(key, made);
      // What the runs did is of no more use.
      runs.delete(key);
    } else made.dispose();
    return result;
  }

  /** Whether a run did what the one before did; warns once that a step will not be recorded. */
  function noteRun(steadiness: Steadiness, run: Trace): boolean {
    const same = steadiness.note(run);
    if (steadiness.difference !== undefined && !warned) {
      warned = true;
      console.warn(
        `capture(): This step is not recorded and runs op by op, as its runs differ: ${steadiness.difference}. What ` +
          "JavaScript draws, counts or decides inside a step would freeze in a recording: draw from an nn.RandomCounter " +
          "(nn.Dropout has one), pass what changes as an argument, or decide outside of the step",
      );
    }
    return same;
  }

  function many(batches: readonly Readonly<Args>[], { rates }: ManyOptions = {}): Result[] {
    const given: unknown = batches;
    if (!Array.isArray(given) || !given.every(Array.isArray)) {
      throw new TypeError("many(): Expected an array with the list of arguments of each step, say [[x1], [x2]]");
    }
    if (rates !== undefined && rates.lr?.length !== batches.length) {
      throw new RangeError(
        `many(): Expected \`rates.lr\` with a rate for each of ${batches.length} steps, got ${
          rates.lr?.length ?? "none"
        }`,
      );
    }
    const all = batches.map((args) => leavesOf(args, "capture", "arguments"));
    const keys = all.map((leaves, place) => (deviceOf(leaves), keyOf(batches[place]!, leaves)));
    const results: Result[] = [];
    try {
      while (results.length < batches.length) {
        const from = results.length;
        const found = ready(keys[from]!);
        if (found === undefined) {
          if (rates !== undefined) rates.optimizer.lr = rates.lr[from]!;
          results.push(call(...batches[from]!));
          continue;
        }
        const other = keys.findIndex((key, index) => index > from && key !== keys[from]);
        const to = other < 0 ? keys.length : other;
        results.push(...replayAll(found, all.slice(from, to), rates && { ...rates, lr: rates.lr.slice(from, to) }));
      }
    } catch (error) {
      for (const value of ownedIn(results)) value.dispose();
      throw error;
    }
    return results;
  }

  function replayAll(
    found: RecordedStep,
    batches: readonly (readonly Tensor[])[],
    rates: ManyOptions["rates"],
  ): Result[] {
    const replay = (scalar?: Tensor): StepResult[] =>
      found.replay(batches, scalar && { scalar: scalar.handle, rates: rates!.lr });
    return (rates === undefined ? replay() : rates.optimizer.atRates(rates.lr, replay)) as Result[];
  }

  function memory(): StepMemory {
    const all = [...recordings.values()].map(({ memory }) => memory);
    const sum = (part: keyof StepMemory): number => all.reduce((total, memory) => total + memory[part], 0);
    return { before: sum("before"), after: sum("after") };
  }

  const dispose = (): void => {
    disposed = true;
    for (const key of [...recordings.keys()]) forget(key);
  };
  return Object.defineProperties(call, {
    many: { value: many },
    replays: { value: replays },
    recordings: { get: () => recordings.size },
    memory: { get: memory },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  }) as Captured<Args, Result>;
}

/** What a recording is made for. */
function keyOf(args: readonly Tensors[], leaves: readonly Tensor[]): string {
  const tensors = leaves.map(({ dtype, shape, device: { handle } }) =>
    // A slot alone is taken over by the next device once this one is gone.
    `${dtype}[${shape}]@${handle.slot}.${handle.generation}`
  ).join(";");
  return areTensors(args) ? tensors : `${structureOf(args)} ${tensors}`;
}

/** Whether no argument is an array or object: then they are their leaves. */
function areTensors(args: readonly Tensors[]): args is readonly Tensor[] {
  return args.every((arg) => arg instanceof Tensor);
}

/** Arguments with other tensors in their places, in order. */
function withLeaves<Args extends readonly Tensors[]>(args: Args, tensors: readonly Tensor[]): Args {
  let next = 0;
  return mapTensors(args as readonly Tensors[], () => tensors[next++]!) as unknown as Args;
}

/** The device of a step: that of all its arguments. */
function deviceOf(args: readonly Tensor[]): Device {
  const device = args[0]?.device ?? defaultDevice();
  if (args.some((arg) => arg.device !== device)) {
    throw new TypeError("capture(): Expected arguments of one device, got several: copy their values with tensor()");
  }
  return device;
}
