/**
 * Sums on the emulated GPU over shapes that the stored cases have no room for: many blocks, rows for a whole block, views
 * that begin anywhere. Expected are the reference kernels in f64, and the number of launches.
 */
import { assert, assertEquals } from "@std/assert";
import type { DtypeName } from "../../lib/ffi/codes.ts";
import type { OpName, OpParams } from "../../lib/ffi/generated/symbols.ts";
import { apply } from "../../lib/tensor/apply.ts";
import { tensor } from "../../lib/tensor/create.ts";
import { Device } from "../../lib/tensor/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { assertClose } from "../support/compare.ts";

/** An input: its numbers, and the dtype where it is not that of the case. */
interface Input {
  readonly shape: readonly number[];
  readonly at: (index: number) => number;
  readonly dtype?: "f32" | "i32";
}

interface Case {
  readonly op: OpName;
  readonly inputs: readonly (Input | null)[];
  readonly params: Readonly<Record<string, unknown>>;
  /** Kernels that it takes. */
  readonly launches: number;
  readonly dtypes: readonly ("f32" | "bf16")[];
  /** How far f32 may be from f64, for values near 1. */
  readonly tolerance?: number;
  /** Runs that follow each other: an optimizer's steps. */
  readonly runs?: number;
  /** Elements before the first input's first one, in a larger tensor of one axis. */
  readonly offset?: number;
}

/** Numbers in -1..1 that follow no pattern of the shapes. */
function noise(seed: number, scale = 1, centre = 0): (index: number) => number {
  return (index) => {
    const mixed = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 7, 0x85ebca6b);
    const hash = Math.imul(mixed ^ mixed >>> 15, 0x2c1b3c6d);
    return Math.fround(centre + scale * ((hash >>> 8) / 2 ** 23 - 1));
  };
}

const normal = (seed: number, ...shape: number[]): Input => ({ shape, at: noise(seed) });
const wide = (input: Input): Input => ({ ...input, dtype: "f32" });
const positive = (input: Input): Input => ({ ...input, at: (index) => Math.abs(input.at(index)) + 0.1 });

function size(shape: readonly number[]): number {
  return shape.reduce((product, each) => product * each, 1);
}

function upload({ shape, at }: Input, dtype: DtypeName, device: Device, offset = 0): Tensor {
  const count = size(shape);
  const values = Array.from({ length: offset + count }, (_, index) => index < offset ? NaN : at(index - offset));
  if (offset === 0) return tensor(values, shape, { dtype, device });
  using all = tensor(values, [offset + count], { dtype, device });
  using part = all.narrow(offset, count);
  return part.reshape(shape);
}

/** Outputs, then what was written in place. */
async function results(each: Case, inputs: (Tensor | null)[]): Promise<{ name: string; values: number[] }[]> {
  const found: { name: string; values: number[] }[] = [];
  for (let run = 0; run < (each.runs ?? 1); run++) {
    const outputs = apply(each.op, inputs, each.params as unknown as OpParams[OpName]);
    for (const [index, output] of outputs.entries()) {
      found.push({ name: `output ${index}`, values: Array.from(await output.data()) });
      output.dispose();
    }
  }
  for (const [index, input] of inputs.entries()) {
    if (input !== null) found.push({ name: `input ${index}`, values: Array.from(await input.data()) });
  }
  return found;
}

async function check(each: Case, dtype: "f32" | "bf16"): Promise<void> {
  using gpu = new Device("cuda");
  using cpu = new Device("cpu", { threads: 1 });
  const label = `${each.op}, ${dtype}, ${
    each.inputs.map((input) => input === null ? "-" : `[${input.shape}]`).join(" ")
  }`;
  const given = each.inputs.map((input, index) =>
    input === null ? null : upload(input, input.dtype ?? dtype, gpu, index === 0 ? each.offset : 0)
  );
  const exact: (Tensor | null)[] = [];
  for (const [index, input] of given.entries()) {
    // What the GPU holds, so that rounding to bf16 is no part of the difference.
    const values = input === null ? [] : Array.from(await input.data());
    const wanted = each.inputs[index]?.dtype === "i32" ? "i32" : "f64";
    exact.push(input === null ? null : tensor(values, input.shape, { dtype: wanted, device: cpu }));
  }
  await gpu.synchronize();
  const before = gpu.stats().launches;
  const got = await results(each, given);
  assertEquals(gpu.stats().launches - before, each.launches * (each.runs ?? 1), `${label}: launches`);
  const wanted = await results(each, exact);
  assertEquals(got.length, wanted.length);
  const tolerance = each.tolerance ?? 3e-6;
  for (const [index, { name, values }] of wanted.entries()) {
    assert(values.some((value) => value !== 0) || values.length < 2, `${label}, ${name}: nothing to compare`);
    const rounding = dtype === "bf16" ? 2 ** -8 : 0;
    assertClose(got[index]!.values, values, { atol: tolerance, rtol: tolerance + rounding }, `${label}, ${name}`);
  }
  for (const each of [...given, ...exact]) each?.dispose();
}

const both = ["f32", "bf16"] as const;

/** Rows and channels around what a block takes: one and many blocks, whole and partial tiles, 16-byte accesses or not. */
const NORMS: readonly (readonly [rows: number, channels: number, activation: string, residual: boolean])[] = [
  [1203, 3, "relu", false],
  [1000, 64, "mish", true],
  [217, 130, "none", true],
  [35, 2056, "silu", false],
  [2, 4096, "none", false],
  [700, 1, "tanh", true],
];

function vectors(channels: number): Input[] {
  const of = (seed: number): Input => wide(normal(seed, channels));
  return [positive(of(2)), of(3), of(4), positive(of(5))];
}

function norms(): Case[] {
  return NORMS.flatMap(([rows, channels, activation, residual]) => {
    const x = normal(1, rows, channels), dy = normal(6, rows, channels);
    const more = residual ? normal(7, rows, channels) : null;
    const [weight, bias, mean, variance] = vectors(channels);
    const [params, four] = [{ eps: 1e-5, activation }, [weight!, bias!, mean!, variance!]];
    const gradient = { params, dtypes: both, tolerance: 1e-4 };
    return [
      { op: "batch_norm", inputs: [x, weight!, bias!, more], params, launches: 3, dtypes: both, tolerance: 1e-5 },
      { op: "batch_norm_eval", inputs: [x, ...four, more], params, launches: 1, dtypes: both, tolerance: 1e-5 },
      { op: "batch_norm_backward", inputs: [dy, x, ...four, more], launches: 3, ...gradient },
      { op: "batch_norm_eval_backward", inputs: [dy, x, ...four, more], launches: 2, ...gradient },
    ] satisfies Case[];
  });
}

const farMean: Case[] = [1000, -300].map((mean) => ({
  op: "batch_norm",
  inputs: [{ shape: [5000, 16], at: noise(1, 1, mean) }, wide(positive(normal(2, 16))), wide(normal(3, 16)), null],
  params: { eps: 1e-5, activation: "none" },
  launches: 3,
  dtypes: ["f32"],
  tolerance: 1e-3,
}));

const viewed: Case = {
  op: "batch_norm",
  inputs: [normal(1, 300, 64), wide(positive(normal(2, 64))), wide(normal(3, 64)), normal(4, 300, 64)],
  params: { eps: 1e-5, activation: "mish" },
  launches: 3,
  dtypes: both,
  tolerance: 1e-5,
  offset: 3,
};

/** Samples, positions, groups and channels a group: units for a warp and for a block, one and many blocks that sum. */
const GROUP_NORMS: readonly (readonly [n: number, positions: number, groups: number, size: number])[] = [
  [700, 1, 1, 33],
  [3, 1, 1, 3001],
  [2, 600, 4, 5],
  [1, 35, 32, 2],
  [3, 7, 1, 640],
];

const groupNorms: Case[] = GROUP_NORMS.flatMap(([n, positions, groups, size]) => {
  const shape = positions === 1 ? [n, groups * size] : [n, positions, groups * size];
  const [x, dy, weight] = [normal(1, ...shape), normal(6, ...shape), wide(positive(normal(2, groups * size)))];
  const statistics = [wide(normal(4, n, groups)), wide(positive(normal(5, n, groups)))];
  const bias = wide(normal(3, groups * size));
  return [0, 3].flatMap((offset): Case[] => [
    {
      op: "group_norm",
      inputs: [x, weight, bias],
      params: { groups, eps: 1e-5 },
      launches: 1,
      dtypes: both,
      tolerance: 1e-5,
      offset,
    },
    {
      op: "group_norm_backward",
      inputs: [dy, x, ...statistics, weight],
      params: { groups },
      launches: 3,
      dtypes: both,
      tolerance: 1e-4,
      offset,
    },
  ]);
});

/** Images, and the size that they get: many terms a result, many results a source, channels in packs or not. */
const RESAMPLED: readonly (readonly [image: number[], height: number, width: number])[] = [
  [[2, 120, 70, 8], 1, 1],
  [[1, 3, 2, 5], 200, 90],
  [[3, 31, 17, 64], 9, 40],
];

const resampled: Case[] = RESAMPLED.flatMap(([image, height, width]) =>
  [0, 1, 2].flatMap((rule) => {
    const [n = 0, h = 0, w = 0, c = 0] = image;
    const common = { launches: 1, dtypes: both, tolerance: 1e-5, offset: 3 };
    const scales = { rule, scaleH: 0, scaleW: 0 };
    return [
      { op: "resample2d", inputs: [normal(1, ...image)], params: { height, width, ...scales }, ...common },
      {
        op: "resample2d_backward",
        inputs: [normal(2, n, height, width, c)],
        params: { height: h, width: w, ...scales },
        ...common,
        tolerance: 1e-4,
      },
    ] satisfies Case[];
  })
);

/** Shapes, axes, and launches: 2 where few outputs have many elements. */
const FOLDS: readonly (readonly [shape: number[], axes: number[], launches: number])[] = [
  [[50_001], [], 2],
  [[3, 12_000], [1], 2],
  [[70, 1500], [1], 1],
  [[999, 10], [1], 1],
  [[4011, 3], [0], 2],
  [[2003, 64], [0], 2],
  [[130, 1500], [0], 1],
  [[2, 9, 11, 700], [1, 2], 1],
  [[4, 50, 6, 33], [0, 2], 1],
  [[3, 2500, 2, 7], [1, 3], 2],
];

const folds: Case[] = FOLDS.flatMap(([shape, axes, launches], i) =>
  (["sum", "mean", i % 2 === 0 ? "max" : "min"] as const).flatMap((op) =>
    (op === "sum" ? [0, 1] : [0]).map((offset) => ({
      op,
      inputs: [normal(1, ...shape)],
      params: { keepDims: false, axes },
      launches,
      dtypes: both,
      tolerance: op === "sum" ? 3e-5 : 3e-6,
      offset,
    }))
  )
);

const rows: Case[] = [[300, 10], [9, 1024], [5, 3001]].flatMap(([count = 0, classes = 0]) => {
  const [x, y] = [{ shape: [count, classes], at: noise(1, 8) }, normal(2, count, classes)];
  const labels: Input = { shape: [count], at: (index) => (index * 7919) % classes, dtype: "i32" };
  const weights = wide(positive(normal(3, count, classes)));
  const dloss: Input = wide({ shape: [], at: () => 1.5 });
  const probabilities: Input = { shape: [count, classes], at: (index) => (index % 7) / (3 * classes) };
  const logs: Input = { shape: [count, classes], at: (index) => -Math.log(classes) - (index % 5) };
  return [
    { op: "softmax", inputs: [x], params: {}, launches: 1, dtypes: both },
    { op: "log_softmax", inputs: [x], params: {}, launches: 1, dtypes: both },
    { op: "causal_softmax", inputs: [x], params: {}, launches: 1, dtypes: both },
    { op: "softmax_backward", inputs: [probabilities, y], params: {}, launches: 1, dtypes: both },
    { op: "log_softmax_backward", inputs: [logs, y], params: {}, launches: 1, dtypes: both, tolerance: 1e-5 },
    ...[labels, weights].flatMap((target) =>
      [0, 0.1].flatMap((labelSmoothing): Case[] => [
        {
          op: "cross_entropy",
          inputs: [x, target],
          params: { labelSmoothing },
          launches: 2,
          dtypes: both,
          tolerance: 1e-5,
        },
        {
          op: "cross_entropy_backward",
          inputs: [x, target, dloss],
          params: { labelSmoothing },
          launches: 1,
          dtypes: both,
        },
      ])
    ),
  ] satisfies Case[];
});

/** Rows for a warp and for a block, packs and rests, one frozen and one without gradient. */
const SEGMENTS = [[64, 3, 3, 7], [10], [40, 100], [5], [6, 5], [1], [33_001], [3, 17_000], [9, 4608], [30, 1152]];
const FROZEN = 3, WITHOUT_GRADIENT = 4;

function optimizer(op: "sgd_step" | "adamw_step" | "ranger_step", states: number, params: Case["params"]): Case {
  const total = SEGMENTS.reduce((sum, shape) => sum + size(shape), 0);
  const steps: Input = { shape: [SEGMENTS.length + 1], at: (index) => 3 + index % 2, dtype: "i32" };
  const state = (seed: number): Input => positive({ shape: [total], at: noise(seed) });
  const pairs = SEGMENTS.flatMap((shape, index): (Input | null)[] => [
    { shape, at: noise(20 + index) },
    index === WITHOUT_GRADIENT ? null : { shape, at: noise(40 + index, 1, 0.25) },
  ]);
  const segments = SEGMENTS.flatMap((_, index) => [1 - 0.05 * index, 0.03 * index, Number(index === FROZEN)]);
  return {
    op,
    inputs: [
      { shape: [], at: () => 0.01 },
      steps,
      ...Array.from({ length: states }, (_, index) => state(index)),
      ...pairs,
    ],
    params: { ...params, segments },
    launches: 2,
    runs: 4,
    dtypes: ["f32"],
    tolerance: 4e-6,
  };
}

const ranger = { mom: 0.95, sqrMom: 0.99, eps: 1e-6, rectify: true, k: 3, alpha: 0.5, centralise: true };
const optimizers: Case[] = [
  optimizer("sgd_step", 1, { mom: 0.9, dampening: true, nesterov: false }),
  optimizer("sgd_step", 1, { mom: 0.9, dampening: false, nesterov: true }),
  optimizer("adamw_step", 2, { mom: 0.9, sqrMom: 0.99, eps: 1e-5 }),
  optimizer("ranger_step", 3, ranger),
  optimizer("ranger_step", 3, { ...ranger, rectify: false, centralise: false, k: 0 }),
];

const groups: Readonly<Record<string, readonly Case[]>> = {
  "batch normalisation": norms(),
  "batch normalisation far from 0": farMean,
  "batch normalisation of a view": [viewed],
  "group normalisation": groupNorms,
  resampling: resampled,
  reductions: folds,
  "softmax and cross entropy": rows,
  "optimizer steps": optimizers,
};

for (const [name, cases] of Object.entries(groups)) {
  Deno.test(`cuda (emulated): ${name}, large shapes as the reference`, async () => {
    for (const each of cases) {
      for (const dtype of each.dtypes) await check(each, dtype);
    }
  });
}

Deno.test("cuda (emulated): the largest value is NaN or the first of equals wherever it is", async () => {
  using device = new Device("cuda");
  for (const at of [0, 1, 4095, 5000, 299_999]) {
    const values = new Float32Array(300_000).fill(-1);
    values[at] = NaN;
    using x = tensor(values, [300_000], { device });
    using most = x.max();
    assert(Number.isNaN(await most.item()), `at ${at}`);
    using place = apply("argmax", [x], { axis: 0 })[0]!;
    assertEquals(await place.item(), at);
  }
  using ties = tensor(new Float32Array(9000).map((_, index) => index % 3), [2, 3, 1500], { device });
  for (const [axis, first] of [[2, 2], [1, 0]] as const) {
    using places = apply("argmax", [ties], { axis })[0]!;
    const found = Array.from(await places.data());
    assert(found.every((place) => place === first), `axis ${axis}: ${found}`);
  }
});
