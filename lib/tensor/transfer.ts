/** Tensors that go from one device to another. */
import type { Handle } from "../ffi/call.ts";
import { beginTransfer, endTransfer, releaseTransfer } from "../ffi/transfer.ts";
import type { Device } from "./device.ts";
import { Tensor } from "./tensor.ts";

/**
 * A tensor on its way to another device, without passing through JavaScript: it is computed and read while that device
 * does what it has to, and written there once that comes to {@linkcode end}'s place in its queue.
 */
export class Transfer {
  readonly #to: Device;
  readonly #handle: Handle;

  /** Begins; the tensor may be disposed of at once. */
  constructor(tensor: Tensor, to: Device) {
    this.#to = to;
    this.#handle = beginTransfer(tensor.device.handle, tensor.handle, to.handle);
  }

  /** Enqueues the writing; the tensor on the other device, which belongs to the open scope. */
  end(): Tensor {
    return new Tensor(this.#to, endTransfer(this.#to.handle, this.#handle));
  }

  /** Gives it up; one that has ended stays as it is. */
  dispose(): void {
    releaseTransfer(this.#handle);
  }
}
