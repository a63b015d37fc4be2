/** Wrong shapes and dtypes: the class of the error, and a message with what was wanted and what was given. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  avgPool2d,
  batchNorm,
  blurPool,
  concat,
  conv2d,
  crossEntropy,
  Device,
  gatherRows,
  linear,
  matmul,
  maxBlurPool,
  maxPool2d,
  oneHot,
  pad,
  scope,
  softmax,
  type Tensor,
  zeros,
} from "../../../mod.ts";
import type { OpName } from "../../../lib/ffi/generated/symbols.ts";
import { apply } from "../../../lib/tensor/apply.ts";
import { opRows, readOpCases } from "../../support/op_cases.ts";
import { upload } from "../../support/run_case.ts";

type ErrorClass = typeof TypeError | typeof RangeError;

const z = (...shape: number[]): Tensor => zeros(shape);
const i32 = (...shape: number[]): Tensor => zeros(shape, { dtype: "i32" });
const f64 = (...shape: number[]): Tensor => zeros(shape, { dtype: "f64" });
const norm = (x: Tensor, channels: number): Tensor =>
  batchNorm(x, {
    weight: z(channels),
    bias: z(channels),
    runningMean: z(channels),
    runningVariance: z(channels),
    training: true,
  });

/** What is called, the class of its error, and parts of the message. */
const CASES: readonly [() => unknown, ErrorClass, ...string[]][] = [
  [() => z(2, 3).add(z(4)), TypeError, "add(): Expected ", "[2, 3]", "[4]"],
  [() => z(2).mul(f64(2)), TypeError, "mul(): Expected ", "f32", "f64"],
  [() => i32(2).add(i32(2)), TypeError, "add(): Expected `a` of dtype f32, bf16 or f64, got i32"],
  [() => i32(2).relu(), TypeError, "relu(): Expected `x` of dtype f32, bf16 or f64, got i32"],
  [() => z(2).clamp(1, 0), RangeError, "clamp(): Expected low <= high, got 1 and 0"],
  [() => z(2).pow(NaN), RangeError, "pow(): Expected `exponent` as a finite number, got NaN"],
  [() => z(2).mul(NaN), RangeError, "mul(): Expected `b` as a finite number, got NaN"],
  [() => z(2).add(Infinity), RangeError, "add(): Expected `b` as a finite number, got Infinity"],
  [() => z(2).sub(Infinity), RangeError, "sub(): Expected `b` as a finite number, got Infinity"],
  [() => z(2).div(-Infinity), RangeError, "div(): Expected `b` as a finite number, got -Infinity"],
  [() => z(2).div(0), RangeError, "div(): Expected `b` as a number other than 0, got 0"],
  [() => z(2).maximum(NaN), RangeError, "maximum(): Expected `b` as a finite number, got NaN"],
  [() => z(2).equal(Infinity), RangeError, "equal(): Expected `b` as a finite number, got Infinity"],
  [() => i32(2).add(1), TypeError, "add(): Expected a tensor of dtype f32, bf16 or f64, got i32: to() converts"],
  [() => i32(2).sub(1), TypeError, "sub(): Expected a tensor of dtype f32, bf16 or f64, got i32: to() converts"],
  [() => i32(2).mul(2), TypeError, "mul(): Expected a tensor of dtype f32, bf16 or f64, got i32: to() converts"],
  [() => i32(2).div(3), TypeError, "div(): Expected a tensor of dtype f32, bf16 or f64, got i32: to() converts"],
  [() => i32(2).neg(), TypeError, "neg(): Expected a tensor of dtype f32, bf16 or f64, got i32: to() converts"],
  [() => z(2).mul("3" as never), TypeError, "mul(): Expected `b` as a Tensor or a number, got"],
  [() => z(2, 3).sum(2), RangeError, "sum(): Expected an axis from -2 to 1, got 2"],
  [() => z(2, 3).mean([0, -2]), RangeError, "mean(): Expected distinct axes, got [0,-2]"],
  [() => z(2, 3).max(0.5), RangeError, "max(): Expected an axis from -2 to 1, got 0.5"],
  [() => z(2, 0).max(1), TypeError, "max(): Expected "],
  [() => z(2, 3).argmax(5), RangeError, "argmax(): Expected an axis from -2 to 1, got 5"],
  [() => z(2, 3).broadcastTo([3, 3]), TypeError, "broadcast_to(): Expected ", "[2, 3]", "[3, 3]"],
  [() => z(2, 3).reshape([4, 2]), TypeError, "reshape(): Expected ", "[4, 2]"],
  [() => z(2, 3).reshape([-1, -1]), TypeError, "reshape(): Expected at most one size of -1, got [-1, -1]"],
  [() => z(2, 3).reshape([4, -1]), TypeError, "reshape(): Expected sizes that divide 6 elements, got [4, -1]"],
  [
    () => z(2, 3).narrow(1, 2),
    TypeError,
    "narrow(): Expected `x` with at least 3 rows (start + length), got shape [2, 3]",
  ],
  [() => z().narrow(0, 1), TypeError, "narrow(): Expected "],
  [() => z(2, 3).slice([0], [1]), TypeError, "slice(): Expected a start and a size for each of 2 axes, got 1 and 1"],
  [() => z(2, 3).slice([0, 2], [1, 2]), TypeError, "slice(): Expected a box inside shape [2, 3], got "],
  [() => z(2, 3).transpose([0, 0]), RangeError, "transpose(): Expected "],
  [() => z(2, 3).transpose([0, 2]), RangeError, "transpose(): Expected an axis from -2 to 1, got 2"],
  [
    () => z(2, 3).to("f16" as never),
    RangeError,
    'cast(): Expected `dtype` as one of f32, f64, bf16, i32, u8, got "f16"',
  ],
  [
    () => pad(z(2), { before: [1, 1], after: [0] }),
    TypeError,
    "pad(): Expected counts for each of 1 axes, got 2 before",
  ],
  [() => concat([]), TypeError, "concat(): Expected at least one tensor, got none"],
  [() => concat([z(2, 3), z(3, 2)]), TypeError, "concat(): Expected ", "[2, 3]", "[3, 2]"],
  [() => concat([z(2), f64(2)]), TypeError, "concat(): Expected ", "f32", "f64"],
  [() => gatherRows(z(2, 3), z(2)), TypeError, "gatherRows(): Expected `index` of dtype i32, got f32"],
  [() => oneHot(z(2), { classes: 3 }), TypeError, "one_hot(): Expected `labels` of dtype i32, got f32"],
  [() => matmul(z(2, 3), z(2, 3)), TypeError, "matmul(): Expected ", "[2, 3]"],
  [() => matmul(z(3), z(3, 2)), TypeError, "matmul(): Expected ", "[3]"],
  [() => matmul(z(2, 3), f64(3, 2)), TypeError, "matmul(): Expected ", "f32", "f64"],
  [() => linear(z(2, 3), z(4, 5)), TypeError, "linear(): Expected `x` [.., in] for a `weight` [out, in]"],
  [() => conv2d(z(1, 4, 4, 3), z(8, 3, 3, 4)), TypeError, "conv2d(): Expected `weight` with ", "[8, 3, 3, 4]"],
  [() => conv2d(z(4, 4, 3), z(8, 3, 3, 3)), TypeError, "conv2d(): Expected `x` with 4 axes [n, h, w, c]", "[4, 4, 3]"],
  [() => conv2d(z(1, 2, 2, 3), z(8, 3, 3, 3)), TypeError, "conv2d(): Expected "],
  [() => conv2d(z(1, 4, 4, 3), z(8, 3, 3, 3), { stride: 0 }), RangeError, "conv2d(): Expected `strideH`"],
  [() => conv2d(z(1, 4, 4, 3), z(8, 3, 3, 3), { stride: 1.5 }), RangeError, "conv2d(): Expected `stride` as a whole"],
  [() => conv2d(z(1, 4, 4, 3), z(8, 3, 3, 3), { padding: -1 }), RangeError, "conv2d(): Expected `padding` as a whole"],
  [() => conv2d(z(1, 4, 4, 4), z(9, 3, 3, 2), { groups: 2 }), TypeError, "conv2d(): Expected "],
  [() => conv2d(z(1, 4, 4, 3), z(8, 3, 3, 3), { groups: 0 }), RangeError, "conv2d(): Expected `groups`"],
  [() => norm(z(2, 3), 4), TypeError, "batch_norm(): Expected `weight` of shape [3], got [4]"],
  [() => maxPool2d(z(1, 2, 2, 1), { kernel: 3 }), TypeError, "max_pool2d(): Expected "],
  [() => maxPool2d(z(1, 4, 4, 1), { kernel: 2, padding: 2 }), RangeError, "max_pool2d(): Expected "],
  [() => maxPool2d(z(4, 4, 1), { kernel: 2 }), TypeError, "max_pool2d(): Expected `x` with 4 axes [n, h, w, c]"],
  [() => maxPool2d(z(1, 4, 4, 1), { kernel: [2] as never }), RangeError, "maxPool2d(): Expected `kernel` as a whole"],
  [() => avgPool2d(z(1, 4, 4, 1), { kernel: 0 }), RangeError, "avg_pool2d(): Expected `kernelH`"],
  [
    () => blurPool(z(1, 4, 4, 1), { filter: "box" as never }),
    RangeError,
    "blurPool(): Expected `filter` as rect2, tri3",
  ],
  [
    () => blurPool(z(1, 4, 4, 1), { padding: "edge" as never }),
    RangeError,
    "blurPool(): Expected `padding` as zeros or",
  ],
  [() => blurPool(z(1, 4, 4, 1), { stride: 0 }), RangeError, "blurPool(): Expected `stride`"],
  [() => blurPool(z(1, 1, 4, 1), { padding: "reflect" }), TypeError, "blur_pool(): Expected "],
  [() => maxBlurPool(z(1, 4, 4, 1), { kernel: 9 }), TypeError, "max_blur_pool(): Expected "],
  [() => softmax(undefined as never), TypeError, "softmax(): Expected `x` as a Tensor, got undefined"],
  [() => crossEntropy(z(2, 3), z(2)), TypeError, "crossEntropy(): Expected labels [n] of dtype i32, got f32"],
  [() => crossEntropy(z(2, 3), i32(3)), TypeError, "cross_entropy(): Expected `target`", "[2]", "[3]"],
  [() => crossEntropy(z(2, 3), f64(2, 3)), TypeError, "cross_entropy(): Expected `target`", "f64"],
  [() => crossEntropy(z(3), i32(3)), TypeError, "cross_entropy(): Expected `logits`", "[3]"],
  [
    () => crossEntropy(z(2, 3), i32(2), { labelSmoothing: 2 }),
    RangeError,
    "cross_entropy(): Expected `labelSmoothing`",
  ],
  [() => z(2).assign(z(3)), TypeError, "assign(): Expected `source` of shape [2], got [3]"],
  [() => z(2).assign(f64(2)), TypeError, "assign(): Expected `source` of dtype f32, got f64"],
  [() => i32(2).fill(0.5), RangeError, "fill(): Expected "],
  [() => z(2).fill(NaN), RangeError, "fill(): Expected `value` as a finite number, got NaN"],
];

Deno.test("messages: wrong shapes, dtypes and numbers name the op, what was wanted and what was given", () => {
  const wrong: string[] = [];
  for (const [call, errorClass, ...parts] of CASES) {
    const source = call.toString().replace("() => ", "");
    try {
      const error = assertThrows(() => scope(() => void call()), Error, "", source);
      assert(error instanceof errorClass, `${source}: expected ${errorClass.name}, got ${error.name} ${error.message}`);
      for (const part of parts) assertStringIncludes(error.message, part, source);
      if (parts.length > 0) assertMatch(error.message, /^\w+\(\): Expected [^]*[^.]$/, source);
    } catch (error) {
      wrong.push((error as Error).message);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("messages: tensors that share memory with what is written in place", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = zeros([4, 2], { device });
  using half = x.narrow(0, 2);
  using overlapping = x.narrow(1, 2);
  using apart = x.narrow(2, 2);
  const message =
    "assign(): Expected `target` and `source` not to share memory, as one is written in place: clone() one";
  assertThrows(() => half.assign(overlapping), RangeError, message);
  assertThrows(() => x.assign(x), RangeError, message);
  half.assign(apart);
});

/** Runs an op on its first stored case with one input in another dtype. */
async function withDtype(device: Device, op: string, place: number, dtype: "f32" | "f64" | "i32"): Promise<Error> {
  const [first] = await readOpCases(op);
  const inputs = first!.inputs.map((input, i) =>
    input &&
    upload(
      i === place ? { ...input, dtype: "F64", data: Float64Array.from(input.data as Float64Array) } : input,
      i === place ? dtype : "f32",
      device,
    )
  );
  try {
    return assertThrows(
      () => scope(() => void apply(op as OpName, inputs, first!.params as never, { device })),
      Error,
      "",
      `${op}() with input ${place} as ${dtype}`,
    );
  } finally {
    for (const input of inputs) input?.dispose();
  }
}

Deno.test("messages: every op refuses floats of two dtypes, and whole numbers in place of floats", async () => {
  using device = new Device("cpu", { threads: 1 });
  // Ops that take every dtype, alone or as long as all inputs have the same.
  const any = new Set([
    "cast",
    "reshape",
    "rows",
    "slice",
    "pad",
    "transpose",
    "concat",
    "gather_rows",
    "broadcast_to",
    "assign",
    "fill",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "where",
    "max",
    "argmax",
  ]);
  let checked = 0;
  for (const row of opRows) {
    const [first] = await readOpCases(row.name);
    const floats = first!.inputs.flatMap((input, place) => input?.dtype === "F64" ? [place] : []);
    for (const place of floats) {
      // A condition is of any dtype, whatever the values are.
      if (row.name === "where" && place === 0) continue;
      for (const dtype of ["f64", "i32"] as const) {
        if (dtype === "f64" && floats.length < 2 || dtype === "i32" && any.has(row.name)) continue;
        const error = await withDtype(device, row.name, place, dtype);
        assert(error instanceof TypeError, `${row.name}: ${error}`);
        assertMatch(error.message, new RegExp(`^${row.name}\\(\\): Expected .*(f32|f64|i32)`), row.name);
        checked++;
      }
    }
  }
  assert(checked > 150, `${checked} checked`);
  assertEquals(device.stats().handles, 0);
});
