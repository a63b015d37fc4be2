/** Tensors: values on a device, owned from JavaScript. */
import type { Handle, RawTensor } from "../ffi/call.ts";
import type { DtypeName } from "../ffi/codes.ts";
import { DisposedError, StateError } from "../ffi/errors.ts";
import { aliasTensor, beginRead, releaseRead, releaseTensor, takeRead } from "../ffi/native.ts";
import type { Device } from "./device.ts";
import { type GraphNode, runBackward } from "./graph.ts";
import { disown, own } from "./scope.ts";
import * as ops from "./ops/methods.ts";

/** The typed array of a dtype's values. */
export type TypedArrayOf<Dtype extends DtypeName> = Dtype extends "f32" ? Float32Array<ArrayBuffer>
  : Dtype extends "f64" ? Float64Array<ArrayBuffer>
  : Dtype extends "i32" ? Int32Array<ArrayBuffer>
  : Uint8Array<ArrayBuffer>;

/** Values read back from a device. */
export type TensorData = TypedArrayOf<DtypeName>;

/** How to reduce over axes. */
export interface ReduceOptions {
  /** Keep the reduced axes with size 1. */
  keepDims?: boolean;
}

interface Origin {
  node: GraphNode;
  output: number;
}

/** Warns of tensors that were never disposed: V8 cannot see native memory, so this is a net, not a plan. */
const forgotten = new FinalizationRegistry<{ device: Device; handle: Handle; what: string }>(
  ({ device, handle, what }) => {
    if (!device.queue.alive) return;
    releaseTensor(device.handle, handle);
    if (warned) return;
    warned = true;
    console.warn(
      `A Tensor (${what}) was never disposed, its memory was found by chance: use \`using\`, dispose() or scope()`,
    );
  },
);
let warned = false;

const ARRAYS = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array };

let nodeGetter: (tensor: Tensor) => Origin | null;
let nodeSetter: (tensor: Tensor, origin: Origin) => void;

/**
 * An n-dimensional array on a device, row-major and dense; images are [n, h, w, c].
 *
 * Ops are only enqueued; `await data()` and `await item()` wait for them. A tensor owns native memory: declare it with
 * `using`, make it inside a {@linkcode scope}, or call `dispose()`.
 *
 * @example
 * ```ts
 * import { tensor } from "@libtrain/libtrain";
 *
 * using x = tensor([[1, 2], [3, 4]]);
 * using y = x.mul(10);
 * console.log(await y.data()); // Float32Array [10, 20, 30, 40]
 * ```
 */
export class Tensor {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The element type. */
  readonly dtype: DtypeName;
  /** The device that holds the values. */
  readonly device: Device;
  #handle: Handle | null;
  #origin: Origin | null = null;
  #grad: Tensor | null = null;
  #tracked = false;

  static {
    nodeGetter = (tensor) => tensor.#origin;
    nodeSetter = (tensor, origin) => {
      tensor.#origin = origin;
      tensor.#tracked = true;
      origin.node.retain();
    };
  }

  /** Takes a native tensor over; scripts use `tensor()`, `zeros()`, `randn()` and ops instead. */
  constructor(device: Device, raw: RawTensor, owned = true) {
    this.device = device;
    this.shape = raw.shape;
    this.dtype = raw.dtype;
    this.#handle = { slot: raw.slot, generation: raw.generation };
    if (owned && !own(this)) this.#watch();
  }

  /** A tensor that no scope owns: its holder disposes of it. */
  static unowned(device: Device, raw: RawTensor): Tensor {
    return new Tensor(device, raw, false);
  }

  /** Takes a tensor out of its scope for a holder that will dispose of it. */
  static release(tensor: Tensor): Tensor {
    disown(tensor);
    return tensor;
  }

  /** Takes this tensor out of every scope: whoever holds it now disposes of it. */
  detachFromScope(): this {
    disown(this);
    this.#watch();
    return this;
  }

  #watch(): void {
    if (this.#handle === null) return;
    forgotten.register(
      this,
      { device: this.device, handle: this.#handle, what: `${this.dtype} [${this.shape.join(", ")}]` },
      this,
    );
  }

  /** @internal The native handle; throws once the tensor is disposed. */
  get handle(): Handle {
    if (this.#handle === null) {
      throw new DisposedError(
        `Cannot use a Tensor (${this.dtype} [${
          this.shape.join(", ")
        }]) after it was disposed: read it before the scope ends, or return it from the scope`,
      );
    }
    return this.#handle;
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#handle === null;
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** The number of elements. */
  get size(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Lets go of the native memory; a second call does nothing. */
  dispose(): void {
    if (this.#handle === null) return;
    const handle = this.#handle;
    this.#handle = null;
    disown(this);
    forgotten.unregister(this);
    if (this.device.queue.alive) releaseTensor(this.device.handle, handle);
    this.#origin?.node.release();
    this.#origin = null;
    this.#grad?.dispose();
    this.#grad = null;
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  // ---- reading ----

  /** Waits for the values and copies them; rejects with a late error. */
  async data(): Promise<TensorData> {
    const { read, ticket } = beginRead(this.device.handle, this.handle);
    const values = new ARRAYS[this.dtype](this.size);
    try {
      await this.device.wait(ticket);
      takeRead(read, new Uint8Array(values.buffer));
    } catch (error) {
      releaseRead(read);
      throw error;
    }
    return values;
  }

  /** Waits for the value of a tensor with one element. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new TypeError(`item(): Expected a tensor with one element, got shape [${this.shape.join(", ")}]`);
    }
    return (await this.data())[0]!;
  }

  // ---- gradients ----

  /** Whether backward computes gradients through this tensor. */
  get requiresGrad(): boolean {
    return this.#tracked;
  }

  /** Makes this a leaf that collects gradients in `grad` (or stops that); returns the tensor. */
  requireGrad(on = true): this {
    if (this.#origin !== null) {
      throw new StateError("requireGrad(): Expected a leaf, got the result of an op: detach() it first");
    }
    if (on && this.dtype !== "f32" && this.dtype !== "f64") {
      throw new TypeError(`requireGrad(): Expected a tensor of dtype f32 or f64, got ${this.dtype}`);
    }
    this.#tracked = on;
    return this;
  }

  /** The gradient that `backward()` added up since the last optimizer step; null where none came. */
  get grad(): Tensor | null {
    return this.#grad;
  }

  /** Replaces the gradient, which this tensor then owns. */
  setGrad(gradient: Tensor | null): void {
    if (this.#grad !== gradient) this.#grad?.dispose();
    this.#grad = gradient;
    if (gradient !== null) disown(gradient);
  }

  /** Gives the gradient away: the caller disposes of it. */
  takeGrad(): Tensor | null {
    const gradient = this.#grad;
    this.#grad = null;
    return gradient;
  }

  /**
   * Adds the gradients of this scalar to the `grad` of every leaf it came from, and frees the graph behind it.
   *
   * A scalar that is not finite is a late error: what is enqueued after it, an optimizer's step too, changes nothing.
   *
   * For a tensor of more elements, `upstream` is the gradient to start from.
   */
  backward(upstream?: Tensor): void {
    if (!this.#tracked) {
      throw new StateError(
        "backward(): Expected a tensor that depends on one with requireGrad(), got one that does not",
      );
    }
    if (upstream === undefined && this.size !== 1) {
      throw new TypeError(
        `backward(): Expected a scalar, or an upstream gradient for shape [${this.shape.join(", ")}]`,
      );
    }
    if (upstream !== undefined && String(upstream.shape) !== String(this.shape)) {
      throw new TypeError(
        `backward(): Expected an upstream gradient of shape [${this.shape.join(", ")}], got [${
          upstream.shape.join(", ")
        }]`,
      );
    }
    // A loss that is not finite fails the queue here, so that the optimizer's step after it changes nothing.
    if (upstream === undefined) ops.assertFinite(this);
    const start = upstream === undefined ? ops.fullLike(this, 1) : aliasOf(upstream);
    runBackward(this, Tensor.release(start));
  }

  /** The same values outside the graph. */
  detach(): Tensor {
    return aliasOf(this);
  }

  // ---- arithmetic: with a tensor (broadcasting) or a number ----

  /** this + other */
  add(other: Tensor | number): Tensor {
    return ops.add(this, other);
  }

  /** this - other */
  sub(other: Tensor | number): Tensor {
    return ops.sub(this, other);
  }

  /** this · other */
  mul(other: Tensor | number): Tensor {
    return ops.mul(this, other);
  }

  /** this / other */
  div(other: Tensor | number): Tensor {
    return ops.div(this, other);
  }

  /** The larger of the two, element by element. */
  maximum(other: Tensor | number): Tensor {
    return ops.maximum(this, other);
  }

  /** The smaller of the two, element by element. */
  minimum(other: Tensor | number): Tensor {
    return ops.minimum(this, other);
  }

  /** 1 where equal, else 0; has no gradient. */
  equal(other: Tensor | number): Tensor {
    return ops.equal(this, other);
  }

  /** 1 where this > other, else 0; has no gradient. */
  greater(other: Tensor | number): Tensor {
    return ops.greater(this, other);
  }

  /** scale · this + shift, with numbers. */
  affine(scale: number, shift: number): Tensor {
    return ops.affine(this, scale, shift);
  }

  /** -this */
  neg(): Tensor {
    return ops.affine(this, -1, 0);
  }

  /** this to a constant power. */
  pow(exponent: number): Tensor {
    return ops.power(this, exponent);
  }

  /** Limited to low..high. */
  clamp(low: number, high: number): Tensor {
    return ops.clamp(this, low, high);
  }

  /** e to the power this. */
  exp(): Tensor {
    return ops.unary("exp", this);
  }

  /** The natural logarithm. */
  log(): Tensor {
    return ops.unary("log", this);
  }

  /** The square root. */
  sqrt(): Tensor {
    return ops.unary("sqrt", this);
  }

  /** The absolute value. */
  abs(): Tensor {
    return ops.unary("abs", this);
  }

  /** -1, 0 or 1; has no gradient. */
  sign(): Tensor {
    return ops.unary("sign", this);
  }

  /** max(this, 0) */
  relu(): Tensor {
    return ops.unary("relu", this);
  }

  /** 1 / (1 + exp(-this)) */
  sigmoid(): Tensor {
    return ops.unary("sigmoid", this);
  }

  /** The hyperbolic tangent. */
  tanh(): Tensor {
    return ops.unary("tanh", this);
  }

  // ---- reductions: over the given axes, or all ----

  /** The sum over axes (negative ones count from the end). */
  sum(axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("sum", this, axes, options);
  }

  /** The mean over axes. */
  mean(axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("mean", this, axes, options);
  }

  /** The largest value over axes; ties share the gradient. */
  max(axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
    return ops.reduce("max", this, axes, options);
  }

  /** The index (i32) of the first largest value along an axis, by default the last. */
  argmax(axis = -1): Tensor {
    return ops.argmax(this, axis);
  }

  // ---- shape ----

  /** Another shape over the same values; one size may be -1. */
  reshape(shape: readonly number[]): Tensor {
    return ops.reshape(this, shape);
  }

  /** The axes in another order; by default reversed. */
  transpose(permutation?: readonly number[]): Tensor {
    return ops.transpose(this, permutation);
  }

  /** Repeated along axes of size 1, and missing leading ones, to a shape. */
  broadcastTo(shape: readonly number[]): Tensor {
    return ops.broadcastTo(this, shape);
  }

  /** A box copied out: for each axis where it starts and its size. */
  slice(starts: readonly number[], sizes: readonly number[]): Tensor {
    return ops.slice(this, starts, sizes);
  }

  /** Rows start..start+count of the first axis, sharing the buffer. */
  rows(start: number, count: number): Tensor {
    return ops.rows(this, start, count);
  }

  /** The values in another dtype. */
  to(dtype: DtypeName): Tensor {
    return ops.cast(this, dtype);
  }

  /** The matrix product of the last two axes. */
  matmul(other: Tensor): Tensor {
    return ops.matmul(this, other);
  }

  /** A copy of the values; gradients flow through. */
  clone(): Tensor {
    return ops.clone(this);
  }

  // ---- writing in place ----

  /** Writes another tensor's values over this one; not recorded for backward. */
  assign(source: Tensor): this {
    ops.assign(this, source);
    return this;
  }

  /** Writes one value everywhere; not recorded for backward. */
  fill(value: number): this {
    ops.fill(this, value);
    return this;
  }

  /** Shape, dtype and device. */
  toString(): string {
    const state = this.disposed ? ", disposed" : this.requiresGrad ? ", requires grad" : "";
    return `${this.constructor.name}([${this.shape.join(", ")}], ${this.dtype}, ${this.device.kind}${state})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** The node that made a tensor, and which of its outputs it is. */
export function nodeOf(tensor: Tensor): Origin | null {
  return nodeGetter(tensor);
}

/** Makes a tensor the output of a node. */
export function setNode(tensor: Tensor, origin: Origin): void {
  nodeSetter(tensor, origin);
}

/** A second handle to a tensor's values, outside the graph. */
export function aliasOf(tensor: Tensor): Tensor {
  return new Tensor(tensor.device, aliasTensor(tensor.device.handle, tensor.handle).raw);
}
