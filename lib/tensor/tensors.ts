/** Several tensors as one value: in arrays and plain objects. */
import { shown } from "../ffi/shown.ts";
import { Tensor } from "./tensor.ts";

/** What a network takes or gives: one tensor, or several in arrays and plain objects. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };

/** The tensors in a value, in order; throws a TypeError for what is neither a tensor, an array nor a plain object. */
export function leavesOf(tensors: Tensors, caller = "leavesOf", name = "tensors"): Tensor[] {
  const found: Tensor[] = [];
  visit(tensors, `\`${name}\``, (leaf, at) => {
    if (!(leaf instanceof Tensor)) {
      throw new TypeError(
        `${caller}(): Expected ${at} as a tensor, or tensors in arrays and plain objects, got ${shown(leaf)}`,
      );
    }
    found.push(leaf);
  });
  return found;
}

function visit(value: unknown, at: string, use: (leaf: unknown, at: string) => void): void {
  if (Array.isArray(value)) value.forEach((inner, index) => visit(inner, `${at}[${index}]`, use));
  else if (isPlain(value)) { for (const [name, inner] of Object.entries(value)) visit(inner, `${at}.${name}`, use); }
  else use(value, at);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The same arrays and objects with other tensors in them. */
export function mapTensors<Value extends Tensors>(tensors: Value, change: (tensor: Tensor) => Tensor): Value {
  const changed = (value: Tensors): Tensors => {
    if (value instanceof Tensor) return change(value);
    if (Array.isArray(value)) return value.map(changed);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, changed(inner)]));
  };
  return changed(tensors) as Value;
}

/** Arrays and objects as a text without their tensors: two values of one structure give the same. */
export function structureOf(tensors: Tensors): string {
  if (tensors instanceof Tensor) return "t";
  if (Array.isArray(tensors)) return `[${tensors.map(structureOf).join()}]`;
  return `{${Object.entries(tensors).map(([name, inner]) => `${JSON.stringify(name)}:${structureOf(inner)}`).join()}}`;
}
