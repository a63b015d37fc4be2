/** The stored cases of the ops; `tests/fixtures/README.md` has the format. */
import { fromFileUrl } from "@std/path";
import { readSafetensors, type SafeTensor } from "../../lib/checkpoint/safetensors.ts";

/** A row of the op table. */
export interface OpRow {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly params: readonly { readonly name: string; readonly kind: string }[];
  readonly outputs: readonly string[];
  readonly mutates: readonly string[];
  readonly differentiable: boolean;
  readonly view: boolean;
}

/** A value of an op's parameter, as `apply()` takes it. */
export type ParamValue = number | boolean | string | readonly number[];

/** One case: inputs, parameters and what PyTorch computed in float64. */
export interface OpCase {
  readonly name: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly inputs: readonly (SafeTensor | null)[];
  /** Dtypes in which to create the inputs, where the case fixes them. */
  readonly inputDtypes: readonly string[] | undefined;
  readonly outputs: readonly (SafeTensor | null)[];
  readonly upstream: readonly (SafeTensor | null)[];
  readonly grads: readonly (SafeTensor | null)[];
  readonly mutated: readonly (SafeTensor | null)[];
}

interface StoredCase {
  name: string;
  params: Record<string, ParamValue>;
  inputs: (string | null)[];
  inputDtypes?: string[];
  outputs: (string | null)[];
  upstream?: (string | null)[];
  grads?: (string | null)[];
  mutated?: (string | null)[];
}

const table: { ops: OpRow[] } = JSON.parse(
  Deno.readTextFileSync(new URL("../generated/ops.json", import.meta.url)),
);

/** Every row of the op table. */
export const opRows: readonly OpRow[] = table.ops;

/** The cases of one op; throws where the file is missing or holds none. */
export function readOpCases(op: string): Promise<OpCase[]> {
  return readCases(`ops/${op}.safetensors`, "make_ops.py");
}

/** The cases of a function that is made of several ops. */
export function readFunctionCases(name: string): Promise<OpCase[]> {
  return readCases(`functions/${name}.safetensors`, "make_functions.py");
}

async function readCases(file: string, script: string): Promise<OpCase[]> {
  const path = fromFileUrl(new URL(`../fixtures/${file}`, import.meta.url));
  const { tensors, metadata } = await readSafetensors(path);
  const stored: StoredCase[] = JSON.parse(metadata["cases"] ?? "[]");
  if (stored.length === 0) throw new Error(`Expected cases in "${path}", got none: run tests/fixtures/${script}`);
  const find = (key: string | null): SafeTensor | null => {
    if (key === null) return null;
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`Expected tensor "${key}" in "${path}", got none`);
    return tensor;
  };
  return stored.map((each) => ({
    name: each.name,
    params: each.params,
    inputs: each.inputs.map(find),
    inputDtypes: each.inputDtypes,
    outputs: each.outputs.map(find),
    upstream: (each.upstream ?? []).map(find),
    grads: (each.grads ?? []).map(find),
    mutated: (each.mutated ?? []).map(find),
  }));
}

/** The dtypes in which to run a case as it is stored: that of the result where a parameter names it, or f32 and f64. */
export function dtypesOf(each: OpCase): readonly ("f32" | "f64")[] {
  if (each.inputs.some((input) => input?.dtype === "F64")) return ["f32", "f64"];
  return [each.params["dtype"] === "f64" ? "f64" : "f32"];
}
