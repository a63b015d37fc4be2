/** What functions ask of their arguments before anything else, so that a wrong type is named and not stumbled over. */
import { Tensor } from "../tensor.ts";

/** What a value is, in a message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.slice(0, 8).map((element) => String(element)).join(", ")}]`;
  if (typeof value === "object") return value instanceof Tensor ? String(value) : "an object";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Throws where an argument is no tensor. */
export function requireTensor(op: string, name: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a Tensor, got ${kindOf(value)}`);
}

/** Throws where an argument is no list of numbers; `example` shows how one is given. */
export function requireNumbers(op: string, name: string, value: unknown, example: string): asserts value is number[] {
  if (Array.isArray(value) && value.every((element) => typeof element === "number")) return;
  const given = typeof value === "number" ? example.replace("…", String(value)) : example.replace("…", "2, 3");
  throw new TypeError(`${op}(): Expected \`${name}\` as an array of numbers, got ${kindOf(value)}: write ${given}`);
}

/** Throws where options that must be given are none. */
export function requireOptions(op: string, value: unknown, example: string): asserts value is object {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(`${op}(): Expected options, got ${kindOf(value)}: write ${example}`);
}
