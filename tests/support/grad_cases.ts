/** For every differentiable op, small awkward calls whose gradients can be checked by differences. */
import type { DifferentiableOp, OpParams } from "../../lib/ffi/generated/symbols.ts";

/** An input: floats of a shape spread over low..high (fixed ones get no gradient), whole numbers, or none. */
export type GradInput =
  | { readonly shape: readonly number[]; readonly low?: number; readonly high?: number; readonly fixed?: boolean }
  | { readonly labels: readonly number[] }
  | null;

/** One call. */
export interface GradCase<Params> {
  readonly inputs: readonly GradInput[];
  readonly params: Params;
}

const of = (...shape: number[]): GradInput => ({ shape });
const between = (low: number, high: number, ...shape: number[]): GradInput => ({ shape, low, high });

/** One float input of each of these shapes, sizes 0 and 1 among them. */
const SHAPES = [[], [1], [7], [0, 3], [2, 3, 2], [17]];

function unary(low = -2, high = 2): GradCase<OpParams["exp"]>[] {
  return SHAPES.map((shape) => ({ inputs: [{ shape, low, high }], params: {} }));
}

/** Two float inputs whose shapes broadcast in every way. */
function binary(low = -2, high = 2): GradCase<OpParams["mul"]>[] {
  const pairs = [[[], []], [[3], [1]], [[2, 1, 3], [2, 1]], [[4], [2, 4]], [[2, 3], []], [[0, 3], [3]]];
  return pairs.map(([a, b]) => ({
    inputs: [{ shape: a!, low, high }, { shape: b!, low: low + 0.07, high: high + 0.31 }],
    params: {},
  }));
}

function reductions(empty = false): GradCase<OpParams["sum"]>[] {
  const cases: [number[], number[]][] = [
    [[], []],
    [[5], []],
    [[2, 3, 4], [1]],
    [[2, 3, 2], [0, 2]],
    [[3, 1], [1]],
    [[2, 1, 5], [0, 1, 2]],
    ...(empty ? [[[0, 3], [0]] as [number[], number[]]] : []),
  ];
  return cases.flatMap(([shape, axes]) =>
    [true, false].map((keepDims) => ({ inputs: [of(...shape)], params: { keepDims, axes } }))
  );
}

function windows(): (OpParams["max_pool2d"] & { shape: number[] })[] {
  const window = (shape: number[], kernel: number[], stride: number[], padding: number[], ceilMode = false) => ({
    shape,
    kernelH: kernel[0]!,
    kernelW: kernel[1]!,
    strideH: stride[0]!,
    strideW: stride[1]!,
    paddingH: padding[0]!,
    paddingW: padding[1]!,
    ceilMode,
  });
  return [
    window([1, 1, 1, 1], [1, 1], [1, 1], [0, 0]),
    window([1, 4, 4, 2], [2, 2], [2, 2], [0, 0]),
    window([2, 5, 3, 1], [3, 2], [2, 1], [1, 0]),
    window([1, 5, 5, 3], [2, 2], [2, 2], [0, 0], true),
    window([1, 3, 4, 1], [3, 3], [2, 3], [1, 1], true),
  ];
}

function convolution(
  image: number[],
  weight: number[],
  stride: number[],
  padding: number[],
  groups = 1,
): GradCase<OpParams["conv2d"]> {
  const [strideH = 1, strideW = 1] = stride;
  const [paddingH = 0, paddingW = 0] = padding;
  return { inputs: [of(...image), of(...weight)], params: { strideH, strideW, paddingH, paddingW, groups } };
}

const ACTIVATIONS = ["none", "relu", "mish", "silu", "gelu", "sigmoid", "tanh"] as const;

/** The gradient of a convolution as an op of its own: a transposed convolution to images of height x width. */
function transposed(
  image: number[],
  weight: number[],
  [height = 1, width = 1]: number[],
  stride: number[],
  padding: number[],
  groups = 1,
): GradCase<OpParams["conv2d_backward_input"]> {
  const { inputs, params } = convolution(image, weight, stride, padding, groups);
  return { inputs, params: { height, width, ...params } };
}

function norms(statistics: boolean): GradCase<OpParams["batch_norm"]>[] {
  return ACTIVATIONS.flatMap((activation, index) => {
    const channels = index % 3 + 1;
    const shape = index % 2 === 0 ? [3, channels] : [2, 1, 2, channels];
    const given = statistics
      ? [{ shape: [channels], fixed: true }, { shape: [channels], low: 0.5, high: 2, fixed: true }]
      : [];
    const head = [of(...shape), between(0.5, 1.5, channels), of(channels), ...given];
    const params = { eps: 1e-5, activation };
    return [{ inputs: [...head, null], params }, { inputs: [...head, between(-1, 1.5, ...shape)], params }];
  });
}

function groups(shape: number[], groups: number, weight: boolean, bias: boolean): GradCase<OpParams["group_norm"]> {
  const channels = shape.at(-1)!;
  const vectors = [weight ? between(0.5, 1.5, channels) : null, bias ? of(channels) : null];
  return { inputs: [of(...shape), ...vectors], params: { groups, eps: 1e-5 } };
}

/** Smaller, larger and equal sizes by each rule, by size and by scale. */
function resamplings(): GradCase<OpParams["resample2d"]>[] {
  const sizes = [
    { image: [1, 1, 1, 1], height: 2, width: 1, scaleH: 0, scaleW: 0 },
    { image: [2, 5, 3, 2], height: 2, width: 7, scaleH: 0, scaleW: 0 },
    { image: [1, 3, 4, 1], height: 3, width: 4, scaleH: 0, scaleW: 0 },
    { image: [1, 4, 5, 3], height: 6, width: 3, scaleH: 1.7, scaleW: 0.7 },
  ];
  return sizes.flatMap(({ image, ...size }) =>
    [0, 1, 2].map((rule) => ({ inputs: [of(...image)], params: { ...size, rule } }))
  );
}

function blurs(): { shape: number[]; taps: number; stride: number; reflect: boolean }[] {
  return [2, 3, 5].flatMap((taps) =>
    [true, false].map((reflect) => ({ shape: [1, 4, 5, taps - 1], taps, stride: taps % 3 + 1, reflect }))
  );
}

/** Every differentiable op; a missing one does not compile. */
export const GRAD_CASES: { readonly [Name in DifferentiableOp]: readonly GradCase<OpParams[Name]>[] } = {
  relu: unary(),
  mish: unary(),
  silu: unary(),
  gelu: unary(),
  sigmoid: unary(),
  tanh: unary(),
  softplus: unary(),
  leaky_relu: unary().map(({ inputs }, i) => ({ inputs, params: { negativeSlope: i % 2 === 0 ? 0.01 : -0.3 } })),
  exp: unary(),
  log: unary(0.3, 3),
  sqrt: unary(0.3, 3),
  abs: unary(),
  affine: unary().map(({ inputs }) => ({ inputs, params: { scale: -1.5, shift: 0.25 } })),
  power: [2, 3, 0.5, -1.3, 1, 0].map((exponent, i) => ({
    inputs: [between(0.4, 2, ...SHAPES[i]!)],
    params: { exponent },
  })),
  clamp: unary().map(({ inputs }) => ({ inputs, params: { low: -0.7, high: 1.2 } })),
  add: binary(),
  sub: binary(),
  mul: binary(),
  div: binary(0.4, 2),
  maximum: binary(),
  minimum: binary(),
  where: [
    { inputs: [{ labels: [] }, of(0), of(1)], params: {} },
    { inputs: [{ labels: [1] }, of(1), of(1)], params: {} },
    { inputs: [{ labels: [0, 1, 0, 1, 1] }, of(5), of(5)], params: {} },
    { inputs: [{ labels: [0, 1, 1] }, of(2, 3), of()], params: {} },
    { inputs: [{ labels: [1, 0] }, of(3, 1), of(2, 1, 2)], params: {} },
    { inputs: [{ labels: [0, 2, -1] }, of(1), of(2, 2, 3)], params: {} },
  ],
  sum: reductions(true),
  mean: reductions(),
  max: reductions(),
  min: reductions(),
  broadcast_to: [
    { inputs: [of()], params: { shape: [] } },
    { inputs: [of()], params: { shape: [2, 3] } },
    { inputs: [of(3)], params: { shape: [2, 3] } },
    { inputs: [of(2, 1, 3)], params: { shape: [2, 4, 3] } },
    { inputs: [of(1, 1)], params: { shape: [3, 1, 2] } },
    { inputs: [of(1)], params: { shape: [0] } },
    { inputs: [of(0, 3)], params: { shape: [2, 0, 3] } },
  ],
  dropout: [0, 0.3, 0.5, 1, 0.3].map((p, i) => ({
    inputs: [of(...SHAPES[i + 1]!), { labels: [4, 1, i] }],
    params: { p },
  })),
  stochastic_depth: [0, 0.3, 0.5, 1, 0.3].map((p, i) => ({
    inputs: [of(...[[1], [5], [4, 3], [2, 1, 3], [0, 2]][i]!), { labels: [4, 1, i] }],
    params: { p },
  })),
  reshape: [
    { inputs: [of()], params: { shape: [1, 1] } },
    { inputs: [of(6)], params: { shape: [2, 3] } },
    { inputs: [of(2, 3, 2)], params: { shape: [12] } },
    { inputs: [of(0, 3)], params: { shape: [3, 0] } },
    { inputs: [of(1)], params: { shape: [] } },
  ],
  rows: [
    { inputs: [of(1)], params: { start: 0, count: 1 } },
    { inputs: [of(5, 2)], params: { start: 1, count: 3 } },
    { inputs: [of(4, 1, 2)], params: { start: 3, count: 1 } },
    { inputs: [of(3, 3)], params: { start: 0, count: 3 } },
    { inputs: [of(3, 2)], params: { start: 1, count: 0 } },
    { inputs: [of(0, 2)], params: { start: 0, count: 0 } },
  ],
  slice: [
    { inputs: [of(1)], params: { startsAndSizes: [0, 1] } },
    { inputs: [of(5)], params: { startsAndSizes: [2, 3] } },
    { inputs: [of(3, 4)], params: { startsAndSizes: [1, 0, 2, 3] } },
    { inputs: [of(2, 3, 2)], params: { startsAndSizes: [0, 1, 1, 2, 1, 1] } },
    { inputs: [of(3, 2)], params: { startsAndSizes: [1, 0, 0, 2] } },
    { inputs: [of(0, 2)], params: { startsAndSizes: [0, 1, 0, 1] } },
  ],
  pad: [
    { inputs: [of()], params: { value: 1, beforeAndAfter: [] } },
    { inputs: [of(3)], params: { value: 0, beforeAndAfter: [2, 1] } },
    { inputs: [of(2, 3)], params: { value: 0.5, beforeAndAfter: [1, 0, 0, 2] } },
    { inputs: [of(1, 2, 1)], params: { value: 0, beforeAndAfter: [0, 1, 2, 1, 0, 0] } },
    { inputs: [of(0, 2)], params: { value: 2, beforeAndAfter: [1, 0, 0, 0] } },
  ],
  transpose: [
    { inputs: [of(4)], params: { permutation: [0] } },
    { inputs: [of(2, 3)], params: { permutation: [1, 0] } },
    { inputs: [of(2, 3, 4)], params: { permutation: [2, 0, 1] } },
    { inputs: [of(1, 3, 2, 2)], params: { permutation: [0, 3, 1, 2] } },
    { inputs: [of(0, 2)], params: { permutation: [1, 0] } },
  ],
  concat: [
    { inputs: [of(3)], params: { axis: 0 } },
    { inputs: [of(2), of(1), of(3)], params: { axis: 0 } },
    { inputs: [of(2, 1), of(2, 3)], params: { axis: 1 } },
    { inputs: [of(1, 2, 2), of(1, 1, 2)], params: { axis: 1 } },
    { inputs: [of(0, 2), of(2, 2)], params: { axis: 0 } },
  ],
  gather_rows: [
    { inputs: [of(1), { labels: [0] }], params: {} },
    { inputs: [of(3), { labels: [2, 0, 2, 2] }], params: {} },
    { inputs: [of(4, 3), { labels: [1, 1, 3] }], params: {} },
    { inputs: [of(2, 1, 3), { labels: [1, 0, 1, 0, 1] }], params: {} },
    { inputs: [of(5, 2), { labels: [] }], params: {} },
  ],
  cast: SHAPES.map((shape) => ({ inputs: [of(...shape)], params: { dtype: "f64" } })),
  matmul: [false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB) =>
      [[0, 1, 1, 1], [0, 2, 3, 4], [0, 5, 1, 3], [2, 3, 2, 1], [1, 2, 2, 3], [0, 0, 2, 3], [0, 2, 0, 3]].map(
        ([batch = 0, m = 1, k = 1, n = 1]) => {
          const lead = batch === 0 ? [] : [batch];
          const a = transposeA ? [k, m] : [m, k];
          const b = transposeB ? [n, k] : [k, n];
          return { inputs: [of(...lead, ...a), of(...lead, ...b)], params: { transposeA, transposeB } };
        },
      )
    )
  ),
  conv2d: [
    convolution([1, 1, 1, 1], [1, 1, 1, 1], [1, 1], [0, 0]),
    convolution([1, 5, 4, 2], [3, 3, 3, 2], [2, 2], [1, 1]),
    convolution([2, 3, 3, 1], [2, 2, 3, 1], [1, 1], [0, 1]),
    convolution([1, 4, 5, 4], [6, 3, 2, 2], [2, 1], [1, 0], 2),
    convolution([1, 3, 3, 3], [3, 3, 3, 1], [1, 2], [1, 1], 3),
    convolution([3, 2, 2, 2], [5, 1, 1, 2], [1, 1], [0, 0]),
  ],
  conv2d_backward_input: [
    transposed([1, 1, 1, 1], [1, 1, 1, 1], [1, 1], [1, 1], [0, 0]),
    transposed([1, 3, 2, 2], [2, 3, 3, 3], [5, 4], [2, 2], [1, 1]),
    transposed([2, 2, 3, 1], [1, 2, 2, 3], [4, 4], [2, 1], [0, 0]),
    transposed([1, 2, 2, 4], [4, 3, 2, 3], [4, 4], [2, 2], [1, 0], 2),
    transposed([1, 2, 3, 3], [3, 3, 3, 1], [4, 5], [3, 2], [1, 1], 3),
  ],
  batch_norm: norms(false),
  batch_norm_eval: norms(true),
  group_norm: [
    groups([3, 5], 1, true, true),
    groups([2, 1], 1, true, true),
    groups([2, 6], 3, false, true),
    groups([2, 3, 2, 4], 2, true, true),
    groups([1, 2, 3], 3, true, false),
    groups([2, 2, 4], 1, false, false),
  ],
  squeeze_excitation: ACTIVATIONS.flatMap((activation, index) => {
    const [c, r] = [index % 3 + 1, index % 2 + 1];
    const shape = [2, 2, index % 2 + 1, c];
    const head = [of(...shape), of(r, c), of(r), of(c, r), of(c)];
    const end = ACTIVATIONS.at(-1 - index)!;
    return [
      { inputs: head, params: { activation, end: "none" } },
      { inputs: [...head, null], params: { activation, end } },
      { inputs: [...head, between(-1, 1.5, ...shape)], params: { activation, end } },
      { inputs: [...head, between(-1, 1.5, ...shape)], params: { activation, end: "none" } },
    ];
  }),
  max_pool2d: windows().map(({ shape, ...params }) => ({ inputs: [of(...shape)], params })),
  avg_pool2d: windows().flatMap(({ shape, ...window }) =>
    [true, false].map((countIncludePad) => ({ inputs: [of(...shape)], params: { ...window, countIncludePad } }))
  ),
  blur_pool: blurs().map(({ shape, ...params }) => ({ inputs: [of(...shape)], params })),
  max_blur_pool: blurs().map(({ shape, ...params }, i) => ({
    inputs: [of(...shape)],
    params: { kernel: i % 2 + 2, ...params },
  })),
  resample2d: resamplings(),
  causal_softmax: [[1, 1], [3, 3], [2, 5], [4, 2], [2, 3, 3]].map((shape) => ({ inputs: [of(...shape)], params: {} })),
  softmax: [[1], [5], [2, 3], [2, 1, 4], [3, 1]].map((shape) => ({ inputs: [of(...shape)], params: {} })),
  log_softmax: [[1], [5], [2, 3], [2, 1, 4], [3, 1]].map((shape) => ({ inputs: [of(...shape)], params: {} })),
  cross_entropy: [0, 0.1].flatMap((labelSmoothing) => [
    { inputs: [of(1, 1), { labels: [0] }], params: { labelSmoothing } },
    { inputs: [of(3, 4), { labels: [3, 0, 2] }], params: { labelSmoothing } },
    { inputs: [of(5, 2), { labels: [1, 1, 0, 1, 0] }], params: { labelSmoothing } },
  ]),
};

/** Floats spread evenly over low..high in a mixed order, none equal, none on a kink at 0. */
export function spread(count: number, low: number, high: number): Float64Array<ArrayBuffer> {
  const step = [7, 5, 11, 13].find((step) => count % step !== 0) ?? 1;
  return Float64Array.from({ length: count }, (_, i) => {
    const place = (i * step + 3) % Math.max(count, 1);
    return low + (high - low) * (place + 0.537) / count;
  });
}
