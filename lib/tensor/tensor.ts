/** Tensors: values on a device, owned from JavaScript. */
import type { Handle, RawTensor } from "../ffi/call.ts";
import { type DtypeName, isFloat } from "../ffi/codes.ts";
import { DisposedError, StateError } from "../ffi/errors.ts";
import type { TensorRole } from "../ffi/memory.ts";
import { aliasTensor, beginRead, releaseRead, releaseTensor, setRole, takeRead, tensorVersion } from "../ffi/native.ts";
import { shown } from "../ffi/shown.ts";
import type { Device } from "./device.ts";
import { claim, type Remains, unwatch, watch } from "./forgotten.ts";
import { type GraphNode, runBackward } from "./graph.ts";
import { isMuted } from "./muted.ts";
import { disown, noteMade, own } from "./scope.ts";
import * as ops from "./ops/methods.ts";
import { TensorMethods } from "./tensor_methods.ts";
import { readerOf, type TensorData } from "./typed_arrays.ts";

interface Origin {
  node: GraphNode;
  output: number;
}

/** Buffers met so far; each has the number at which it was met. */
let storages = 0;
/** The number of the buffer that the next tensor lies in; null for one of its own. */
let shared: number | null = null;

let nodeGetter: (tensor: Tensor) => Origin | null;
let nodeSetter: (tensor: Tensor, origin: Origin) => void;
let storageGetter: (tensor: Tensor) => number;
let storageSetter: (tensor: Tensor, storage: number) => void;

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
export class Tensor extends TensorMethods {
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
  #storage = shared ?? storages++;
  /** What to free once this is collected; most tensors are a scope's, and have none. */
  #remains: Remains | null = null;

  static {
    nodeGetter = (tensor) => tensor.#origin;
    nodeSetter = (tensor, origin) => {
      tensor.#origin = origin;
      tensor.#tracked = true;
      origin.node.retain();
      if (tensor.#remains !== null) tensor.#remains.node = origin.node;
    };
    storageGetter = (tensor) => tensor.#storage;
    storageSetter = (tensor, storage) => {
      tensor.#storage = storage;
    };
  }

  /** Takes a native tensor over; scripts use `tensor()`, `zeros()`, `randn()` and ops instead. */
  constructor(device: Device, raw: RawTensor, owned = true) {
    super();
    if (device?.queue === undefined || !Array.isArray(raw?.shape)) {
      throw new TypeError(
        `${new.target.name}(): Expected a device and a native tensor: scripts use tensor(), zeros() and randn(), and ` +
          "Parameter.of() and Buffer.of() in modules",
      );
    }
    this.device = device;
    this.shape = raw.shape;
    this.dtype = raw.dtype;
    this.#handle = { slot: raw.slot, generation: raw.generation };
    noteMade(this);
    if (owned && !own(this)) this.#watch();
  }

  /** A tensor that no scope owns: its holder disposes of it. */
  static unowned(device: Device, raw: RawTensor): Tensor {
    return new Tensor(device, raw, false);
  }

  /** Takes a tensor out of its scope for a holder that will dispose of it. */
  static release(tensor: Tensor): Tensor {
    if (!(tensor instanceof Tensor)) throw new TypeError(`release(): Expected a Tensor, got ${shown(tensor)}`);
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
    if (this.#handle === null || this.#remains !== null) return;
    const { device, dtype, shape } = this;
    this.#remains = {
      device,
      handle: this.#handle,
      gradient: this.#grad?.handle ?? null,
      node: this.#origin?.node ?? null,
      kind: this.constructor.name,
      dtype,
      shape,
      storage: this.#storage,
      uses: false,
    };
    watch(this, this.#remains);
  }

  /** @internal Has its bytes counted as what they are held as, where that is no result of an op; returns the tensor. */
  heldAs(role: TensorRole): this {
    setRole(this.device.handle, this.handle, role);
    return this.claimed();
  }

  /** @internal Has it counted as forgotten no more: its holder is sure to dispose of it; returns the tensor. */
  claimed(): this {
    if (this.#remains !== null) claim(this.#remains);
    return this;
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
    if (this.#remains !== null) unwatch(this, this.#remains);
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

  /** Waits for the values and copies them, those of bf16 as f32; rejects with a late error. */
  async data(): Promise<TensorData> {
    const { read, ticket } = beginRead(this.device.handle, this.handle);
    try {
      const { bytes, values } = readerOf(this.dtype, this.size);
      await this.device.wait(ticket);
      takeRead(read, bytes);
      return values();
    } catch (error) {
      releaseRead(read);
      throw error;
    }
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
    return this.#tracked && !isMuted(this);
  }

  /** Makes this a leaf that collects gradients in `grad` (or stops that); returns the tensor. */
  requireGrad(on = true): this {
    if (typeof on !== "boolean") throw new TypeError(`requireGrad(): Expected true or false, got ${shown(on)}`);
    if (this.#origin !== null) {
      throw new StateError("requireGrad(): Expected a leaf, got the result of an op: detach() it first");
    }
    if (on && !isFloat(this.dtype)) {
      throw new TypeError(`requireGrad(): Expected a tensor of dtype f32, bf16 or f64, got ${this.dtype}`);
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
    if (gradient !== null && !(gradient instanceof Tensor)) {
      throw new TypeError(`setGrad(): Expected \`gradient\` as a Tensor or null, got ${shown(gradient)}`);
    }
    if (gradient !== null && !isFloat(gradient.dtype)) {
      throw new TypeError(`setGrad(): Expected a gradient of dtype f32, bf16 or f64, got ${gradient.dtype}`);
    }
    if (gradient?.disposed) throw new DisposedError("setGrad(): Expected a gradient that is alive, got a disposed one");
    if (this.#grad !== gradient) this.#grad?.dispose();
    this.#grad = gradient;
    if (gradient !== null) {
      disown(gradient);
      gradient.heldAs("gradients");
    }
    if (this.#remains !== null) this.#remains.gradient = gradient?.handle ?? null;
  }

  /** Gives the gradient away: the caller disposes of it. */
  takeGrad(): Tensor | null {
    const gradient = this.#grad;
    this.#grad = null;
    if (this.#remains !== null) this.#remains.gradient = null;
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
    if (upstream !== undefined && !(upstream instanceof Tensor)) {
      throw new TypeError(`backward(): Expected \`upstream\` as a Tensor, got ${shown(upstream)}`);
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
    const since = storages;
    const start = upstream === undefined ? ops.fullLike(this, 1) : aliasOf(upstream);
    runBackward(this, Tensor.release(start), since);
  }

  /** The same values outside the graph. */
  detach(): Tensor {
    return aliasOf(this);
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
  override toString(): string {
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

/** The number of a tensor's buffer, which its views and aliases share; later buffers have higher ones. */
export function storageOf(tensor: Tensor): number {
  return storageGetter(tensor);
}

/** Notes that a tensor of no scope lies in another's buffer. */
export function shareStorage(view: Tensor, source: Tensor): void {
  storageSetter(view, storageOf(source));
}

/** Takes over a native tensor that lies in another's buffer. */
export function viewOf(source: Tensor, raw: RawTensor): Tensor {
  shared = storageOf(source);
  try {
    return new Tensor(source.device, raw);
  } finally {
    shared = null;
  }
}

/** A second handle to a tensor's values, outside the graph. */
export function aliasOf(tensor: Tensor): Tensor {
  return viewOf(tensor, aliasTensor(tensor.device.handle, tensor.handle).raw);
}

/** How often a tensor's buffer was written in place so far, enqueued writes included. */
export function versionOf(tensor: Tensor): number {
  return tensorVersion(tensor.device.handle, tensor.handle).version;
}
