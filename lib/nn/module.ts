/** Modules: parameters, buffers and children under names, and the mode they run in. */
import { aliasTensor } from "../ffi/native.ts";
import type { Device } from "../tensor/device.ts";
import { guard } from "../tensor/recording.ts";
import type { DtypeName } from "../ffi/codes.ts";
import { kindOf, requireFlag, requireOptionsOf, requireTensor } from "../tensor/ops/checks.ts";
import { checkFloat } from "../tensor/ops/unary.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { fieldsOf, twoNamed } from "./fields.ts";

/** A tensor that training changes: a leaf of the graph with storage of its own, owned by its module. */
export class Parameter extends Tensor {
  #decays = this.rank > 1;

  /** Takes a tensor's values over; the tensor is disposed. */
  static of(values: Tensor, options: { decays?: boolean } = {}): Parameter {
    requireTensor("Parameter.of", "values", values);
    requireOptionsOf("Parameter.of", options, {
      example: "Parameter.of(values, { decays: false })",
      known: ["decays"],
    });
    const { decays } = options;
    if (decays !== undefined) requireFlag("Parameter.of", "decays", decays);
    checkFloat("Parameter.of", values);
    const { raw } = aliasTensor(values.device.handle, values.handle);
    values.dispose();
    const parameter = new Parameter(values.device, raw, false).detachFromScope().requireGrad().heldAs("weights");
    parameter.#decays = decays ?? parameter.#decays;
    return parameter;
  }

  /** Whether weight decay applies; by default not to those of one axis, which are biases and norms. */
  get decays(): boolean {
    return this.#decays;
  }
}

/** A tensor that belongs to a module's state but gets no gradient, such as running statistics. */
export class Buffer extends Tensor {
  /** Takes a tensor's values over; the tensor is disposed. */
  static of(values: Tensor): Buffer {
    requireTensor("Buffer.of", "values", values);
    const { raw } = aliasTensor(values.device.handle, values.handle);
    values.dispose();
    return new Buffer(values.device, raw, false).detachFromScope().heldAs("weights");
  }
}

/** Where and in what dtype a module makes its parameters. */
export interface ModuleOptions {
  /** Where to make them; by default the default device. */
  device?: Device;
  /** By default f32. */
  dtype?: DtypeName;
}

/** Parameters and buffers by name. */
export type NamedTensors<Kind extends Tensor> = Map<string, Kind>;

/**
 * Something with parameters and a forward, which takes a tensor and gives one unless it says otherwise: a
 * `Module<[Tensor, Tensor], { mean: Tensor; deviation: Tensor }>` takes two and gives two by name.
 *
 * Fields that hold a {@linkcode Parameter}, a {@linkcode Buffer} or a module become part of the state under their names;
 * so do those in arrays, maps, sets and plain objects, under the field's name and their index or key, joined by dots. What is
 * in a `#private` field or a local variable cannot be seen: an optimizer's first step refuses to train without it.
 *
 * @example
 * ```ts
 * import { nn, type Tensor } from "@libtrain/libtrain";
 *
 * class Head extends nn.Module {
 *   readonly linear = new nn.Linear(64, 10);
 *   override forward(x: Tensor): Tensor {
 *     return this.linear.forward(x.mean([1, 2]));
 *   }
 * }
 * using head = new Head();
 * console.log([...head.namedParameters().keys()]); // ["linear.weight", "linear.bias"]
 * ```
 */
export abstract class Module<In extends Tensors = Tensor, Out extends Tensors = Tensor> {
  #training = true;
  /** How many optimizers hold it in evaluation. */
  #holders = 0;
  /** Ends the walk where a module is inside itself. */
  #switching = false;

  /** The result for one batch. */
  abstract forward(x: In): Out;

  /**
   * Whether the module is in training mode. A norm whose parameters an optimizer keeps as they are (`frozen`) is not, whatever
   * {@linkcode train} says.
   */
  get training(): boolean {
    const now = this.#trains();
    guard(() => this.#trains() === now);
    return now;
  }

  #trains(): boolean {
    return this.#training && this.#holders === 0;
  }

  /** @internal The mode that was set, whether or not an optimizer holds the module in evaluation. */
  static modeOf(module: AnyModule): boolean {
    return module.#training;
  }

  /** @internal Holds a module in evaluation, or lets go of it, for an optimizer that keeps its parameters as they are. */
  static hold(module: AnyModule, on: boolean): void {
    module.#holders += on ? 1 : -1;
  }

  /**
   * Has gradients computed for every parameter inside, or with `false` for none; returns the module. Modes stay: what shall
   * neither train nor move its running statistics is `requireGrad(false).eval()`.
   */
  requireGrad(on = true): this {
    requireFlag("requireGrad", "on", on);
    for (const parameter of this.namedParameters().values()) parameter.requireGrad(on);
    return this;
  }

  /** Sets training mode here and in all children; returns the module. */
  train(on = true): this {
    requireFlag("train", "on", on);
    if (this.#switching) return this;
    this.#training = on;
    this.#switching = true;
    try {
      for (const child of this.children().values()) child.train(on);
    } finally {
      this.#switching = false;
    }
    return this;
  }

  /** Sets evaluation mode here and in all children; returns the module. */
  eval(): this {
    return this.train(false);
  }

  /** The modules directly inside, by name; those in arrays, maps, sets and plain objects by name and index or key. */
  children(): Map<string, AnyModule> {
    const found = new Map<string, AnyModule>();
    for (const [name, value] of fieldsOf(this)) if (value instanceof Module) found.set(name, value);
    return found;
  }

  /** This module and all inside it, by path; the root's path is empty, and a shared one appears once. */
  *modules(path = ""): Generator<[path: string, module: AnyModule]> {
    if (typeof path !== "string") throw new TypeError(`modules(): Expected \`path\` as a string, got ${kindOf(path)}`);
    yield* this.#modules(path, new Set());
  }

  *#modules(path: string, seen: Set<AnyModule>): Generator<[path: string, module: AnyModule]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [path, this];
    for (const [name, child] of fieldsOf(this)) {
      if (child instanceof Module) yield* child.#modules(joinPath(path, name), seen);
    }
  }

  /** Every parameter by path; a shared one appears once. */
  namedParameters(): NamedTensors<Parameter> {
    return this.#named(Parameter);
  }

  /** Every buffer by path. */
  namedBuffers(): NamedTensors<Buffer> {
    return this.#named(Buffer);
  }

  /** Parameters and buffers by path: the module's whole state. */
  state(): NamedTensors<Tensor> {
    return new Map<string, Tensor>([...this.namedParameters(), ...this.namedBuffers()]);
  }

  #named<Kind extends Tensor>(kind: abstract new (...args: never) => Kind): NamedTensors<Kind> {
    const found = new Map<string, Kind>();
    const seen = new Set<Kind>();
    for (const [path, module] of this.modules()) {
      for (const [name, value] of fieldsOf(module)) {
        if (!(value instanceof kind) || seen.has(value)) continue;
        seen.add(value);
        const own = joinPath(path, name);
        if (found.has(own)) throw twoNamed(own);
        found.set(own, value);
      }
    }
    return found;
  }

  /** Disposes of every parameter and buffer. */
  dispose(): void {
    for (const tensor of this.state().values()) tensor.dispose();
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Class and parameter count. */
  toString(): string {
    const count = [...this.namedParameters().values()].reduce((sum, parameter) => sum + parameter.size, 0);
    return `${this.constructor.name}(${count.toLocaleString("en-US")} parameters, ${
      this.#training ? "training" : "evaluation"
    })`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** A module, whatever it takes and gives. */
// deno-lint-ignore no-explicit-any
export type AnyModule = Module<any, any>;

function joinPath(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
