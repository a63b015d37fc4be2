/** Typed forms of the library's functions that bring a tensor from one queue to another. */
import { type Handle, out, type RawTensor, tensorAt } from "./call.ts";
import { symbols } from "./library.ts";
import { check } from "./out.ts";

/** Has a tensor of a queue read for another one, once it is computed. */
export function beginTransfer(from: Handle, tensor: Handle, to: Handle): Handle {
  check(
    symbols().lt_transfer_begin(
      from.slot,
      from.generation,
      tensor.slot,
      tensor.generation,
      to.slot,
      to.generation,
      out,
      out.byteLength,
    ),
    out,
  );
  return { slot: out[0]!, generation: out[1]! };
}

/** Enqueues that it is written on the queue that it goes to; the tensor there. */
export function endTransfer(to: Handle, { slot, generation }: Handle): RawTensor {
  check(symbols().lt_transfer_end(to.slot, to.generation, slot, generation, out, out.byteLength), out);
  return tensorAt(0);
}

/** Gives a transfer up; one that has ended stays as it is. */
export function releaseTransfer({ slot, generation }: Handle): void {
  check(symbols().lt_transfer_release(slot, generation, out, out.byteLength), out);
}
