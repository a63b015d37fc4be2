/** Modules: parameters, buffers and children under names, and the mode they run in. */
import { aliasTensor } from "../ffi/native.ts";
import { guard } from "../tensor/capture.ts";
import type { Device } from "../tensor/device.ts";
import type { DtypeName } from "../ffi/codes.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor that training changes: a leaf of the graph with storage of its own, owned by its module. */
export class Parameter extends Tensor {
  /** Takes a tensor's values over; the tensor is disposed. */
  static of(values: Tensor): Parameter {
    const { raw } = aliasTensor(values.device.handle, values.handle);
    values.dispose();
    return new Parameter(values.device, raw, false).requireGrad();
  }
}

/** A tensor that belongs to a module's state but gets no gradient, such as running statistics. */
export class Buffer extends Tensor {
  /** Takes a tensor's values over; the tensor is disposed. */
  static of(values: Tensor): Buffer {
    const { raw } = aliasTensor(values.device.handle, values.handle);
    values.dispose();
    return new Buffer(values.device, raw, false);
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
 * Something with parameters and a forward.
 *
 * Fields that hold a {@linkcode Parameter}, a {@linkcode Buffer}, a module or an array of modules become part of the state
 * under their names, joined by dots.
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
export abstract class Module {
  #training = true;

  /** The result for one batch. */
  abstract forward(x: Tensor): Tensor;

  /** Whether the module is in training mode. */
  get training(): boolean {
    const now = this.#training;
    guard(() => this.#training === now);
    return now;
  }

  /** Sets training mode here and in all children; returns the module. */
  train(on = true): this {
    this.#training = on;
    for (const child of this.children().values()) child.train(on);
    return this;
  }

  /** Sets evaluation mode here and in all children; returns the module. */
  eval(): this {
    return this.train(false);
  }

  /** The modules directly inside, by name; those in arrays by their index. */
  children(): Map<string, Module> {
    const found = new Map<string, Module>();
    const visit = (name: string, value: unknown): void => {
      if (value instanceof Module) found.set(name, value);
      else if (Array.isArray(value)) value.forEach((element, index) => visit(`${name}.${index}`, element));
    };
    for (const [name, value] of Object.entries(this)) visit(name, value);
    return found;
  }

  /** This module and all inside it, by path; the root's path is empty. */
  *modules(path = ""): Generator<[path: string, module: Module]> {
    yield [path, this];
    for (const [name, child] of this.children()) yield* child.modules(path === "" ? name : `${path}.${name}`);
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
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof kind) || seen.has(value)) continue;
        seen.add(value);
        found.set(path === "" ? name : `${path}.${name}`, value);
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

/**
 * Puts other modules in the place of all of a class, anywhere inside; what was replaced is disposed.
 *
 * @example
 * ```ts
 * import { models, nn, replaceModules } from "@libtrain/libtrain";
 *
 * using model = models.xresnet18({ classes: 10, pool: "max" });
 * replaceModules(model, nn.MaxPool2d, (old) => new nn.MaxBlurPool2d({ stride: old.stride, filter: "tri3" }));
 * ```
 *
 * @returns How many were replaced.
 */
export function replaceModules<Old extends Module>(
  root: Module,
  kind: abstract new (...args: never) => Old,
  replacement: (old: Old, path: string) => Module,
): number {
  let count = 0;
  const visit = (holder: Record<string | number, unknown>, name: string | number, path: string): void => {
    const value = holder[name];
    if (value instanceof kind) {
      holder[name] = swapped(value, replacement(value, path));
      count++;
    } else if (Array.isArray(value)) {
      value.forEach((_, index) => visit(value as unknown as Record<number, unknown>, index, `${path}.${index}`));
    }
  };
  for (const [path, module] of [...root.modules()]) {
    const fields = module as unknown as Record<string, unknown>;
    for (const name of Object.keys(module)) visit(fields, name, path === "" ? name : `${path}.${name}`);
  }
  structure++;
  return count;
}

function swapped(old: Module, fresh: Module): Module {
  fresh.train(old.training);
  if (fresh !== old) old.dispose();
  return fresh;
}

let structure = 0;

/** Goes up whenever modules are replaced. */
export function structureVersion(): number {
  return structure;
}
