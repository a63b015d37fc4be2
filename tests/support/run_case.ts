/** Runs one stored case of an op on a device and compares everything with it. */
import type { DtypeName } from "../../lib/ffi/codes.ts";
import type { OpName, OpParams } from "../../lib/ffi/generated/symbols.ts";
import { apply } from "../../lib/tensor/apply.ts";
import { tensor } from "../../lib/tensor/create.ts";
import type { Device } from "../../lib/tensor/device.ts";
import { scope } from "../../lib/tensor/scope.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import type { SafeTensor } from "../../lib/train/safetensors.ts";
import { assertClose, type Tolerance } from "./compare.ts";
import type { OpCase, OpRow } from "./op_cases.ts";

/** Where and in what to run a case. */
export interface RunOptions {
  readonly device: Device;
  /** The dtype of its floats. */
  readonly dtype: "f32" | "f64";
  readonly tolerance: Tolerance;
  /** What stands in front of messages: op, device, dtype. */
  readonly label: string;
}

const DTYPES: Readonly<Record<string, DtypeName>> = { I32: "i32", U8: "u8" };

/** A stored tensor on a device: floats in the dtype under test, whole numbers in their own. */
export function upload(stored: SafeTensor, dtype: DtypeName, device: Device): Tensor {
  if (stored.dtype !== "F64" && stored.dtype !== "F32") {
    const values = stored.data as Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
    return tensor(values, stored.shape, { device });
  }
  const values = dtype === "f64"
    ? Float64Array.from(stored.data)
    : dtype === "f32"
    ? Float32Array.from(stored.data)
    : dtype === "i32"
    ? Int32Array.from(stored.data)
    : Uint8Array.from(stored.data);
  return tensor(values, stored.shape, { device });
}

/** Throws where an output, a value written in place or a gradient is not as stored; returns the largest share used. */
export async function runCase(row: OpRow, each: OpCase, options: RunOptions): Promise<number> {
  const { device, dtype } = options;
  const { inputs, outputs } = scope(() => enqueue(row, each, device, dtype));
  const shares: number[] = [];
  const compare = async (name: string, got: Tensor, expected: SafeTensor): Promise<void> => {
    const what = `${options.label}, case "${each.name}", ${name}`;
    if (String(got.shape) !== String(expected.shape)) {
      throw new Error(`${what}: expected shape [${expected.shape}], got [${got.shape}]`);
    }
    const worst = assertClose(await got.data(), numbersOf(expected), options.tolerance, what);
    shares.push(worst.share);
  };
  try {
    const wanted = each.outputs.flatMap((output, index) => output === null ? [] : [{ output, index }]);
    if (outputs.length !== wanted.length) {
      throw new Error(
        `${options.label}, case "${each.name}": expected ${wanted.length} outputs, got ${outputs.length}`,
      );
    }
    for (const [place, { output, index }] of wanted.entries()) {
      const name = `output ${row.outputs[index]}`;
      checkDtype(`${options.label}, case "${each.name}", ${name}`, outputs[place]!, output, dtype, each);
      await compare(name, outputs[place]!, output);
    }
    for (const [index, expected] of each.mutated.entries()) {
      if (expected !== null) await compare(`input ${nameOf(row, index)} after the call`, inputs[index]!, expected);
    }
    for (const [index, expected] of each.grads.entries()) {
      const name = `gradient of ${nameOf(row, index)}`;
      if (expected === null) continue;
      const gradient = inputs[index]?.grad;
      if (!gradient) throw new Error(`${options.label}, case "${each.name}", ${name}: expected one, got none`);
      await compare(name, gradient, expected);
    }
  } finally {
    for (const made of [...inputs, ...outputs]) made?.dispose();
  }
  return Math.max(0, ...shares);
}

/** The op call and, where the case has gradients, the call of backward. */
function enqueue(
  row: OpRow,
  each: OpCase,
  device: Device,
  dtype: "f32" | "f64",
): { inputs: (Tensor | null)[]; outputs: Tensor[] } {
  const inputs = each.inputs.map((input, index) => {
    if (input === null) return null;
    const made = upload(input, each.inputDtypes?.[index] as DtypeName | undefined ?? dtype, device);
    return each.grads[index] ? made.requireGrad() : made;
  });
  const params = each.params as unknown as OpParams[OpName];
  const outputs = apply(row.name as OpName, inputs, params, { device });
  const pairs = each.upstream.flatMap((upstream, index) =>
    upstream === null ? [] : [{ y: outputs[index]!, upstream: upload(upstream, outputs[index]!.dtype, device) }]
  );
  if (each.grads.some((gradient) => gradient !== null)) {
    const [first, ...others] = pairs;
    if (first === undefined) throw new Error(`${row.name}, case "${each.name}": expected an upstream gradient`);
    if (others.length === 0) first.y.backward(first.upstream);
    else {others.reduce((loss, { y, upstream }) => loss.add(y.mul(upstream).sum()), first.y.mul(first.upstream).sum())
        .backward();}
  }
  return { inputs, outputs };
}

function checkDtype(what: string, got: Tensor, expected: SafeTensor, dtype: DtypeName, each: OpCase): void {
  // A parameter may name the dtype of the result.
  const named = each.params["dtype"] as DtypeName | undefined;
  const wanted = named ?? DTYPES[expected.dtype] ?? dtype;
  // Comparisons of whole numbers give f32.
  const integers = each.inputs.every((input) => input === null || input.dtype === "I32" || input.dtype === "U8");
  if (got.dtype !== wanted && !(integers && got.dtype === "f32")) {
    throw new Error(`${what}: expected dtype ${wanted}, got ${got.dtype}`);
  }
}

function nameOf(row: OpRow, index: number): string {
  const name = row.inputs[index] ?? row.inputs.at(-1) ?? "input";
  return name.endsWith("...") ? `${name.slice(0, -3)}[${index + 1 - row.inputs.length}]` : name.replace("?", "");
}

function numbersOf(stored: SafeTensor): ArrayLike<number> {
  return stored.data as ArrayLike<number>;
}
