/** A model's buffers as they were before a step, which writes to them in its forward. */
import { type AnyModule, Parameter } from "../nn/module.ts";
import { noGrad } from "../tensor/graph.ts";
import { allOrNothing, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Copies of running statistics, counters of draws and the like. */
export class BuffersBefore implements Disposable {
  readonly #copies: readonly (readonly [buffer: Tensor, copy: Tensor])[];

  /** Enqueues the copies. */
  constructor(model: AnyModule) {
    const buffers = [...model.state().values()].filter((value) => !(value instanceof Parameter));
    const copyOf = (buffer: Tensor): Tensor => scope(() => noGrad(() => buffer.clone())).detachFromScope().claimed();
    this.#copies = allOrNothing(() => buffers.map((buffer) => [buffer, copyOf(buffer)] as const));
  }

  /** Writes the values back, and lets go of the copies. */
  restore(): void {
    for (const [buffer, copy] of this.#copies) if (!buffer.disposed && !copy.disposed) buffer.assign(copy);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const [, copy] of this.#copies) copy.dispose();
  }
}
