/** What a capture notes while a step is recorded, and what it refuses. */
import { type OpDescriptor, type OpName, OPS } from "../ffi/generated/symbols.ts";
import { StateError } from "../ffi/errors.ts";
import type { Device } from "./device.ts";
import { gradEnabled } from "./graph.ts";
import { isMuted } from "./muted.ts";
import { nodeOf, storageOf, type Tensor } from "./tensor.ts";

/** What a recording depends on besides its arguments, and what it does besides enqueuing. */
export class Recording {
  readonly #device: Device;
  /** The buffers of the arguments' copies. */
  readonly #slots: ReadonlySet<number>;
  readonly #guards: (() => boolean)[] = [];
  readonly #effects: (() => void)[] = [];
  /** Leaves that got a gradient. */
  readonly #leaves = new Set<Tensor>();
  /** Leaves that ops read, and whether they asked for a gradient. */
  readonly #read = new Map<Tensor, boolean>();

  constructor(device: Device, slots: readonly Tensor[]) {
    this.#device = device;
    this.#slots = new Set(slots.map(storageOf));
  }

  guard(holds: () => boolean): void {
    this.#guards.push(holds);
  }

  effect(effect: () => void): void {
    this.#effects.push(effect);
  }

  noteGradient(leaf: Tensor): void {
    if (leaf.grad !== null && !this.#leaves.has(leaf)) this.#guards.push(() => false);
    this.#leaves.add(leaf);
  }

  noteOp(name: OpName, device: Device, inputs: readonly (Tensor | null)[]): void {
    this.noteDevice(name, device);
    const { inputs: names, mutates }: OpDescriptor = OPS[name];
    if (mutates.length > 0) {
      inputs.forEach((input, index) => {
        if (input === null || !mutates.includes(names[index] ?? names.at(-1)!)) return;
        if (!this.#slots.has(storageOf(input))) return;
        throw new StateError(
          `${name}(): Cannot write to an argument of the step inside capture(), as replays get a copy of it: ` +
            "clone() it, or let the step use a tensor from outside",
        );
      });
    }
    this.noteRead(inputs);
  }

  noteRead(inputs: readonly (Tensor | null)[]): void {
    if (!gradEnabled()) return;
    for (const input of inputs) {
      // One that is muted is so in every call of the step, whatever it says of itself outside.
      if (input !== null && nodeOf(input) === null && !this.#read.has(input) && !isMuted(input)) {
        this.#read.set(input, input.requiresGrad);
      }
    }
  }

  noteDevice(name: string, device: Device): void {
    if (device === this.#device) return;
    throw new StateError(
      `${name}(): Cannot use another device than that of the step's first argument inside capture(), ` +
        "as no replay would: do it before or after the step",
    );
  }

  /** Throws where a gradient is left: no replay would add to it. */
  requireNoGradients(): void {
    if (![...this.#leaves].some((leaf) => leaf.grad !== null)) return;
    throw new StateError(
      "capture(): Expected the step to use up its gradients, got one left behind, to which no replay would add: " +
        "call the optimizer's step() inside, or leave backward() out of the capture",
    );
  }

  /** Whether everything is still as it was when the step was recorded. */
  holds(): boolean {
    for (const holds of this.#guards) if (!holds()) return false;
    for (const leaf of this.#leaves) if (leaf.grad !== null) return false;
    for (const [leaf, tracked] of this.#read) if (leaf.requiresGrad !== tracked) return false;
    return true;
  }

  /** Does what the step does in JavaScript. */
  runEffects(): void {
    for (const effect of this.#effects) effect();
  }
}

let recording: Recording | undefined;

/** Runs a step under a recording. */
export function recordUnder<Result>(own: Recording, step: () => Result): Result {
  recording = own;
  try {
    return step();
  } finally {
    recording = undefined;
  }
}

/** Whether a step is being recorded. */
export function capturing(): boolean {
  return recording !== undefined;
}

/** Notes something that a recording read; once it no longer holds, the step is recorded anew. */
export function guard(holds: () => boolean): void {
  recording?.guard(holds);
}

/** Notes something that happens in JavaScript at every step. */
export function hostEffect(effect: () => void): void {
  recording?.effect(effect);
}

/** Notes that a leaf is about to get a gradient; one from before the recording cannot be added again at a replay. */
export function noteGradient(leaf: Tensor): void {
  recording?.noteGradient(leaf);
}

/** Notes an op that is about to be enqueued; throws where a replay would not do the same. */
export function noteOp(name: OpName, device: Device, inputs: readonly (Tensor | null)[]): void {
  recording?.noteOp(name, device, inputs);
}

/** Notes what an op of a script reads: inside, where nothing is tracked, its ops do not tell. */
export function noteRead(inputs: readonly Tensor[]): void {
  recording?.noteRead(inputs);
}

/** Notes that a device is about to be used; throws where a replay would not use it. */
export function noteDevice(name: string, device: Device): void {
  recording?.noteDevice(name, device);
}

/** Throws where something cannot be recorded. */
export function refuseInCapture(what: string): void {
  if (recording !== undefined) throw new StateError(`Cannot ${what} inside capture(): do it before or after the step`);
}
