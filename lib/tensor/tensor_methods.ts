/** The ops that tensors have as methods; for tensor.ts alone to import, as ops and tensors import each other. */
import type { DtypeName } from "../ffi/codes.ts";
import * as ops from "./ops/methods.ts";
import type { Tensor } from "./tensor.ts";

/** How to reduce over axes. */
export interface ReduceOptions {
  /** Keep the reduced axes with size 1. */
  keepDims?: boolean;
}

/** How to take a variance over axes. */
export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the number of elements before it divides: by default 1, Bessel's, as PyTorch's `var` has it. */
  correction?: number;
}

/** The part of {@linkcode Tensor} that computes: its methods give new tensors and enqueue only. */
export abstract class TensorMethods {
  // ---- arithmetic: with a tensor (broadcasting) or a number ----

  /** this + other */
  add(this: Tensor, other: Tensor | number): Tensor {
    return ops.add(this, other);
  }

  /** this - other */
  sub(this: Tensor, other: Tensor | number): Tensor {
    return ops.sub(this, other);
  }

  /** this · other */
  mul(this: Tensor, other: Tensor | number): Tensor {
    return ops.mul(this, other);
  }

  /** this / other; a number must not be 0 */
  div(this: Tensor, other: Tensor | number): Tensor {
    return ops.div(this, other);
  }

  /** The larger of the two, element by element. */
  maximum(this: Tensor, other: Tensor | number): Tensor {
    return ops.maximum(this, other);
  }

  /** The smaller of the two, element by element. */
  minimum(this: Tensor, other: Tensor | number): Tensor {
    return ops.minimum(this, other);
  }

  /** 1 where equal, else 0; has no gradient. */
  equal(this: Tensor, other: Tensor | number): Tensor {
    return ops.equal(this, other);
  }

  /** 1 where this > other, else 0; has no gradient. */
  greater(this: Tensor, other: Tensor | number): Tensor {
    return ops.greater(this, other);
  }

  /** 1 where this >= other, else 0; has no gradient. */
  greaterEqual(this: Tensor, other: Tensor | number): Tensor {
    return ops.greaterEqual(this, other);
  }

  /** 1 where this < other, else 0; has no gradient. */
  less(this: Tensor, other: Tensor | number): Tensor {
    return ops.less(this, other);
  }

  /** 1 where this <= other, else 0; has no gradient. */
  lessEqual(this: Tensor, other: Tensor | number): Tensor {
    return ops.lessEqual(this, other);
  }

  /** scale · this + shift, with numbers. */
  affine(this: Tensor, scale: number, shift: number): Tensor {
    return ops.affine(this, scale, shift);
  }

  /** -this */
  neg(this: Tensor): Tensor {
    return ops.neg(this);
  }

  /** this to a constant power. */
  pow(this: Tensor, exponent: number): Tensor {
    return ops.power(this, exponent);
  }

  /** Limited to low..high. */
  clamp(this: Tensor, low: number, high: number): Tensor {
    return ops.clamp(this, low, high);
  }

  /** e to the power this. */
  exp(this: Tensor): Tensor {
    return ops.unary("exp", this);
  }

  /** The natural logarithm. */
  log(this: Tensor): Tensor {
    return ops.unary("log", this);
  }

  /** The square root. */
  sqrt(this: Tensor): Tensor {
    return ops.unary("sqrt", this);
  }

  /** The absolute value. */
  abs(this: Tensor): Tensor {
    return ops.unary("abs", this);
  }

  /** -1, 0 or 1; has no gradient. */
  sign(this: Tensor): Tensor {
    return ops.unary("sign", this);
  }

  /** max(this, 0) */
  relu(this: Tensor): Tensor {
    return ops.unary("relu", this);
  }

  /** 1 / (1 + exp(-this)) */
  sigmoid(this: Tensor): Tensor {
    return ops.unary("sigmoid", this);
  }

  /** The hyperbolic tangent. */
  tanh(this: Tensor): Tensor {
    return ops.unary("tanh", this);
  }

  // ---- reductions: over the given axes, or all ----

  /** The sum over axes (negative ones count from the end). */
  sum(this: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("sum", this, axes, options);
  }

  /** The mean over axes. */
  mean(this: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("mean", this, axes, options);
  }

  /** The largest value over axes; ties share the gradient. */
  max(this: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("max", this, axes, options);
  }

  /** The smallest value over axes; ties share the gradient. */
  min(this: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("min", this, axes, options);
  }

  /**
   * The variance over axes: Σ (this - mean)² / (n - correction), with correction 1 where none is given, as PyTorch's `var`;
   * a RangeError where n is not above it. `{ correction: 0 }` is what normalisation divides by.
   */
  variance(this: Tensor, axes?: number | readonly number[], options: VarianceOptions = {}): Tensor {
    return ops.variance(this, axes, options);
  }

  /** The index (i32) of the first largest value along an axis, by default the last. */
  argmax(this: Tensor, axis = -1): Tensor {
    return ops.argmax(this, axis);
  }

  // ---- shape ----

  /** Another shape over the same values; one size may be -1. */
  reshape(this: Tensor, shape: readonly number[]): Tensor {
    return ops.reshape(this, shape);
  }

  /** The axes in another order; by default reversed. */
  transpose(this: Tensor, permutation?: readonly number[]): Tensor {
    return ops.transpose(this, permutation);
  }

  /** Repeated along axes of size 1, and missing leading ones, to a shape. */
  broadcastTo(this: Tensor, shape: readonly number[]): Tensor {
    return ops.broadcastTo(this, shape);
  }

  /** A box copied out: for each axis where it starts and its size. */
  slice(this: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
    return ops.slice(this, starts, sizes);
  }

  /** Rows start..start+length of the first axis, sharing the buffer: what is written to one shows in the other. */
  narrow(this: Tensor, start: number, length: number): Tensor {
    return ops.narrow(this, start, length);
  }

  /**
   * Parts along an axis, by default the first: of one size, of which the last may be smaller, or of the sizes given, which
   * add up to the axis. Those of the first axis share the buffer, as of {@linkcode narrow}.
   */
  split(this: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
    return ops.split(this, sizes, axis);
  }

  /** The values in another dtype. */
  to(this: Tensor, dtype: DtypeName): Tensor {
    return ops.cast(this, dtype);
  }

  /** The matrix product of the last two axes. */
  matmul(this: Tensor, other: Tensor): Tensor {
    return ops.matmul(this, other);
  }

  /** A copy of the values; gradients flow through. */
  clone(this: Tensor): Tensor {
    return ops.clone(this);
  }
}
