/** Runs one stored case of an op on a device and compares everything with it. */
import type { DtypeName, FloatName } from "../../lib/ffi/codes.ts";
import type { OpName, OpParams } from "../../lib/ffi/generated/symbols.ts";
import { apply } from "../../lib/tensor/apply.ts";
import { tensor } from "../../lib/tensor/create.ts";
import type { Device } from "../../lib/tensor/device.ts";
import { scope } from "../../lib/tensor/scope.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import type { SafeTensor } from "../../lib/checkpoint/safetensors.ts";
import { ARRAYS } from "../../lib/tensor/typed_arrays.ts";
import { assertClose, type Tolerance, type Worst, worstOf } from "./compare.ts";
import { lowDtype } from "./low_precision.ts";
import type { OpCase, OpRow } from "./op_cases.ts";
import { type Compared, lowTolerance } from "./tolerances.ts";

/** Where and in what to run a case. */
export interface RunOptions {
  readonly device: Device;
  /** The dtype of its floats. */
  readonly dtype: FloatName;
  readonly tolerance: Tolerance;
  /** What stands in front of messages: op, device, dtype. */
  readonly label: string;
  /** Told of each tensor that is compared, those that are wrong too. */
  compared?(tensor: ComparedTensor): void;
}

/** A tensor of a case beside what it should be. */
export interface ComparedTensor {
  /** `case "…", output y` */
  readonly what: string;
  readonly got: ArrayLike<number>;
  readonly worst: Worst;
  readonly tolerance: Tolerance;
}

const DTYPES: Readonly<Record<string, DtypeName>> = { I32: "i32", U8: "u8" };

/** A stored tensor on a device: floats in the dtype under test, whole numbers in their own. */
export function upload(stored: SafeTensor, dtype: DtypeName, device: Device): Tensor {
  if (stored.dtype !== "F64" && stored.dtype !== "F32") {
    const values = stored.data as Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
    return tensor(values, stored.shape, { device });
  }
  return tensor(ARRAYS[dtype].from(stored.data), stored.shape, { device, dtype });
}

/** Throws where an output, a value written in place or a gradient is not as stored; returns the largest share used. */
export async function runCase(row: OpRow, each: OpCase, options: RunOptions): Promise<number> {
  const { device, dtype } = options;
  const run = enqueue(row, each, device, dtype);
  const { inputs, outputs } = run;
  const shares: number[] = [];
  const compare = async (kind: Compared, name: string, got: Tensor, expected: SafeTensor): Promise<void> => {
    const what = `${options.label}, case "${each.name}", ${name}`;
    if (String(got.shape) !== String(expected.shape)) {
      throw new Error(`${what}: expected shape [${expected.shape}], got [${got.shape}]`);
    }
    const tolerance = dtype === "bf16" ? lowTolerance(row.name, got.dtype, options.tolerance, kind) : options.tolerance;
    const values = await got.data();
    options.compared?.({
      what: what.slice(options.label.length + 2),
      got: values,
      worst: worstOf(values, numbersOf(expected), tolerance),
      tolerance,
    });
    const worst = assertClose(values, numbersOf(expected), tolerance, what);
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
      const wanted = dtype === "bf16" ? lowDtype(row, index, output) : undefined;
      checkDtype(`${options.label}, case "${each.name}", ${name}`, outputs[place]!, output, wanted ?? dtype, each);
      await compare("output", name, outputs[place]!, output);
    }
    for (const [index, expected] of each.mutated.entries()) {
      if (expected === null) continue;
      await compare("output", `input ${nameOf(row, index)} after the call`, inputs[index]!, expected);
    }
    for (const [index, expected] of each.grads.entries()) {
      const name = `gradient of ${nameOf(row, index)}`;
      if (expected === null) continue;
      const gradient = inputs[index]?.grad;
      if (!gradient) throw new Error(`${options.label}, case "${each.name}", ${name}: expected one, got none`);
      await compare("gradient", name, gradient, expected);
    }
    // An op that gives nothing may still fail late.
    if (shares.length === 0) await device.synchronize();
  } finally {
    disposeAll(run);
  }
  return Math.max(0, ...shares);
}

/** The tensors of a call. */
export interface Run {
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly Tensor[];
}

/** Disposes of a call's tensors. */
export function disposeAll({ inputs, outputs }: Run): void {
  for (const made of [...inputs, ...outputs]) made?.dispose();
}

/** The op call and, where the case has gradients, the call of backward; the caller disposes of the tensors. */
export function enqueue(row: OpRow, each: OpCase, device: Device, dtype: FloatName): Run {
  return scope(() => enqueueScoped(row, each, device, dtype));
}

function enqueueScoped(row: OpRow, each: OpCase, device: Device, dtype: FloatName): {
  inputs: (Tensor | null)[];
  outputs: Tensor[];
} {
  const inputs = each.inputs.map((input, index) => {
    if (input === null) return null;
    const own = each.inputDtypes?.[index] as DtypeName | "" | undefined;
    const made = upload(input, own || dtype, device);
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
