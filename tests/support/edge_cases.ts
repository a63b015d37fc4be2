/** Every differentiable function at its edges, against PyTorch: zeros, ties, infinities, NaN, the ends of each dtype. */
import { fromFileUrl } from "@std/path";
import * as lib from "../../mod.ts";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { readSafetensors, type SafeTensor } from "../../lib/checkpoint/safetensors.ts";
import { type Tolerance, worstOf } from "./compare.ts";
import type { DeviceUnderTest } from "./devices.ts";

const { nn } = lib;
type Tensor = lib.Tensor;

/** One call in one dtype, with the gradients for an upstream gradient of one value. */
export interface EdgeCase {
  readonly function: string;
  readonly title: string;
  readonly dtype: FloatName;
  // deno-lint-ignore no-explicit-any
  readonly params: Readonly<Record<string, any>>;
  readonly inputs: readonly SafeTensor[];
  readonly upstream: number;
  readonly output: SafeTensor;
  readonly grads: readonly (SafeTensor | null)[];
}

/** The stored cases by function. */
export async function readEdges(): Promise<ReadonlyMap<string, EdgeCase[]>> {
  const path = fromFileUrl(new URL("../fixtures/edges.safetensors", import.meta.url));
  const { tensors, metadata } = await readSafetensors(path);
  interface Stored extends Omit<EdgeCase, "inputs" | "upstream" | "output" | "grads"> {
    inputs: string[];
    upstream: string;
    output: string;
    grads: (string | null)[];
  }
  const stored: Stored[] = JSON.parse(metadata["cases"] ?? "[]");
  const find = (key: string): SafeTensor => tensors.get(key)!;
  return Map.groupBy(
    stored.map((each): EdgeCase => ({
      ...each,
      inputs: each.inputs.map(find),
      upstream: Number(each.upstream),
      output: find(each.output),
      grads: each.grads.map((key) => key === null ? null : find(key)),
    })),
    (each) => each.function,
  );
}

// deno-lint-ignore no-explicit-any
type Run = (inputs: readonly Tensor[], params: Readonly<Record<string, any>>) => Tensor;

const method = (name: string): Run => ([x, ...rest]) =>
  (x as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!(...rest);
const reduction = (name: "sum" | "mean" | "max" | "min"): Run => ([x], { axes, keepDims }) =>
  axes === null ? x![name]() : x![name](axes, { keepDims });
const withNumber = (name: string): Run => ([x], { number }) =>
  (x as unknown as Record<string, (number: number) => Tensor>)[name]!(number);

/** How each function is called here. */
const FUNCTIONS: Readonly<Record<string, Run>> = {
  ...Object.fromEntries(
    ["relu", "mish", "silu", "gelu", "sigmoid", "tanh", "softplus"].map((name): [string, Run] => [
      name,
      ([x]) => (lib as unknown as Record<string, (x: Tensor) => Tensor>)[name]!(x!),
    ]),
  ),
  ...Object.fromEntries(
    ["exp", "log", "sqrt", "abs", "neg", "sign", "clone", "add", "sub", "mul", "div", "maximum", "minimum"]
      .map((name) => [name, method(name)]),
  ),
  // Comparisons give 0 and 1 in a dtype of their own.
  ...Object.fromEntries(
    ["equal", "greater", "greaterEqual", "less", "lessEqual"].map((
      name,
    ): [string, Run] => [name, (inputs, params) => method(name)(inputs, params).to("f32")]),
  ),
  leakyRelu: ([x], { negativeSlope }) => lib.leakyRelu(x!, { negativeSlope }),
  pow: ([x], { exponent }) => x!.pow(exponent),
  clamp: ([x], { low, high }) => x!.clamp(low, high),
  mulNumber: withNumber("mul"),
  addNumber: withNumber("add"),
  divNumber: withNumber("div"),
  maximumNumber: withNumber("maximum"),
  minimumNumber: withNumber("minimum"),
  where: ([condition, a, b]) => lib.where(condition!, a!, b!),
  whereSqrt: ([x]) => lib.where(x!.greater(0), lib.where(x!.greater(0), x!, 1).sqrt(), 0),
  sum: reduction("sum"),
  mean: reduction("mean"),
  max: reduction("max"),
  min: reduction("min"),
  variance: ([x], { axes, keepDims, correction }) => x!.variance(axes, { keepDims, correction }),
  argmax: ([x], { axis }) => x!.argmax(axis),
  softmax: ([x]) => lib.softmax(x!),
  logSoftmax: ([x]) => lib.logSoftmax(x!),
  softmaxWeighted: ([x]) =>
    lib.softmax(x!).mul(lib.tensor([[0.5, -1, 2, 0.25]], { device: x!.device }).to(x!.dtype)).sum(),
  causalSoftmax: ([x]) => lib.causalSoftmax(x!),
  crossEntropy: ([x, target], { labelSmoothing }) => lib.crossEntropy(x!, target!, { labelSmoothing }),
  weightedCrossEntropy: ([x, labels], { weights, labelSmoothing }) =>
    nn.crossEntropyLoss({ weights, labelSmoothing })(x!, { labels: labels! }),
  mseLoss: ([a, b]) => nn.mseLoss(a!, b!),
  l1Loss: ([a, b]) => nn.l1Loss(a!, b!),
  bceWithLogits: ([x, target], { posWeight }) => nn.bceWithLogits(x!, target!, { posWeight }),
  klDivergence: ([output, target], { logTarget }) => nn.klDivergence(output!, target!, { logTarget }),
  distillationLoss: ([student, teacher], { temperature }) => nn.distillationLoss(student!, teacher!, { temperature }),
  maxPool2d: ([x], params) => lib.maxPool2d(x!, params as lib.Pool2dOptions),
  avgPool2d: ([x], params) => lib.avgPool2d(x!, params as lib.Pool2dOptions),
  conv2d: ([x, weight], params) => lib.conv2d(x!, weight!, params),
  convTranspose2d: ([x, weight], params) => lib.convTranspose2d(x!, weight!, params),
  globalAvgPool2d: ([x]) => lib.globalAvgPool2d(x!),
  adaptiveAvgPool2d: ([x], { size }) => lib.adaptiveAvgPool2d(x!, { size }),
  upsample2d: ([x], params) => lib.upsample2d(x!, params),
  batchNorm: ([x, weight, bias], { eps }) => {
    const [runningMean, runningVariance] = [lib.zeros(bias!.shape, bias!), lib.ones(bias!.shape, bias!)];
    return lib.batchNorm(x!, { weight: weight!, bias: bias!, runningMean, runningVariance, training: true, eps });
  },
  batchNormEval: ([x, weight, bias, runningMean, runningVariance], { eps }) =>
    lib.batchNorm(x!, {
      weight: weight!,
      bias: bias!,
      runningMean: runningMean!,
      runningVariance: runningVariance!,
      training: false,
      eps,
    }),
  layerNorm: ([x, weight, bias], { eps }) =>
    lib.layerNorm(x!, { shape: weight!.shape, weight: weight!, bias: bias!, eps }),
  groupNorm: ([x, weight, bias], { eps, groups }) => lib.groupNorm(x!, { groups, weight: weight!, bias: bias!, eps }),
  gatherRows: ([table, index]) => lib.gatherRows(table!, index!),
  concat: (parts, { axis }) => lib.concat(parts, axis),
  stack: (parts, { axis }) => lib.stack(parts, axis),
  slice: ([x], { starts, sizes }) => x!.slice(starts, sizes),
  pad: ([x], params) => lib.pad(x!, params as lib.PadOptions),
  transpose: ([x]) => x!.transpose(),
  reshape: ([x], { shape }) => x!.reshape(shape),
  narrow: ([x], { start, length }) => x!.narrow(start, length),
  broadcastTo: ([x], { shape }) => x!.broadcastTo(shape),
  matmul: ([a, b]) => a!.matmul(b!),
  linear: ([x, weight, bias]) => lib.linear(x!, weight!, { bias }),
};

/** Their names. */
export const edgeFunctions: readonly string[] = Object.keys(FUNCTIONS);

const NORMS = new Set(["batchNorm", "batchNormEval", "layerNorm", "groupNorm"]);

/** Functions whose weights and targets are f32 beside a bf16 input. */
const WIDE = new Set([...NORMS, "crossEntropy"]);

/**
 * Functions that have a value where PyTorch's have none, though no input is NaN: limits of smooth functions at the
 * infinities, and losses of what they do not count, where PyTorch multiplies with 0.
 */
const DEFINED = new Set([
  "mish",
  "silu",
  "gelu",
  "crossEntropy",
  "weightedCrossEntropy",
  "bceWithLogits",
  "klDivergence",
  "distillationLoss",
]);

/** Roundings; values near 0, where kernels may take denormal numbers for 0. */
const TOLERANCES: Readonly<Record<FloatName, Tolerance>> = {
  f64: { atol: 1e-8, rtol: 1e-8 },
  f32: { atol: 1e-6, rtol: 1e-5 },
  bf16: { atol: 1e-2, rtol: 2 ** -6 },
};

/** What is not as PyTorch has it, of all cases of a function on a device. */
export async function wrongEdges(cases: readonly EdgeCase[], under: DeviceUnderTest): Promise<string[]> {
  using device = under.open();
  const wrong: string[] = [];
  for (const each of cases) {
    if (!under.dtypes.includes(each.dtype)) continue;
    const label = `${each.function}(${JSON.stringify(each.params)}) on ${under.variant}, ${each.dtype}, ${each.title}`;
    const { output, grads } = await run(each, device);
    // PyTorch rounds the variance of equal numbers to what is not quite 0.
    const tolerance = NORMS.has(each.function) && each.dtype === "f32"
      ? { atol: 1e-4, rtol: 1e-4 }
      : TOLERANCES[each.dtype];
    const compare = (what: string, got: ArrayLike<number>, expected: SafeTensor): void => {
      const theirs = expected.data as ArrayLike<number>;
      // Beside one value an input, or for all of them.
      const isUndefined = (index: number): boolean =>
        each.inputs.every(({ data }) => data.length === theirs.length ? !Number.isNaN(data[index]) : !hasNaN(data));
      const wanted = DEFINED.has(each.function)
        ? Float64Array.from(theirs, (value, index) => Number.isNaN(value) && isUndefined(index) ? got[index]! : value)
        : theirs;
      const worst = worstOf(got, wanted, tolerance);
      if (got.length === wanted.length && worst.share <= 1) return;
      const from = each.inputs.map(({ data }) => data.length === wanted.length ? String(data[worst.index]) : "..");
      wrong.push(
        `${label}, ${what} ${worst.index}: PyTorch ${worst.expected}, got ${worst.got}, from ${from.join(" and ")}`,
      );
    };
    compare("result", output, each.output);
    each.grads.forEach((gradient, index) => {
      if (gradient === null) return;
      const got = grads[index];
      if (got === undefined) wrong.push(`${label}: no gradient of input ${index}`);
      else compare(`gradient for ${each.upstream} of input ${index} at`, got, gradient);
    });
  }
  await device.synchronize();
  if (device.stats().handles !== 0) wrong.push(`${cases[0]?.function}: ${device.stats().handles} live tensors`);
  return wrong;
}

function hasNaN(data: SafeTensor["data"]): boolean {
  return Array.from(data as ArrayLike<number>).some(Number.isNaN);
}

async function run(
  each: EdgeCase,
  device: lib.Device,
): Promise<{ output: ArrayLike<number>; grads: (ArrayLike<number> | undefined)[] }> {
  const inputs = each.inputs.map(({ data, shape, dtype }, index) => {
    const own = each.dtype === "bf16" && index > 0 && WIDE.has(each.function) ? "f32" : each.dtype;
    const made = { device, dtype: dtype === "I32" ? "i32" as const : own };
    return lib.tensor(data as lib.TensorData, shape, made);
  });
  inputs.forEach((input, index) => each.grads[index] && input.requireGrad());
  const output = lib.scope(() => {
    const y = FUNCTIONS[each.function]!(inputs, each.params);
    const wanted = each.grads.some((gradient) => gradient !== null);
    // A scalar that is not finite would be a late error: the upstream gradient is given.
    if (wanted) y.backward(lib.full(y.shape, 1, { device, dtype: y.dtype }).div(each.upstream === 1 ? 1 : zeroOf(y)));
    return y.detach();
  });
  try {
    const grads = inputs.map(({ grad }) => grad?.data() as Promise<lib.TensorData> | undefined);
    return { output: await output.data(), grads: await Promise.all(grads) };
  } finally {
    for (const tensor of [...inputs, output]) tensor.dispose();
  }
}

/** 0 as a tensor: full() takes no infinity, which 1 / 0 is. */
function zeroOf({ device, dtype }: Tensor): Tensor {
  return lib.zeros([], { device, dtype });
}
