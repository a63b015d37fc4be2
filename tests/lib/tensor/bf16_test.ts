/** bf16 from TypeScript: rounding, reading, results' dtypes, gradients, and what is refused. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  batchNorm,
  capture,
  crossEntropy,
  Device,
  full,
  matmul,
  mish,
  oneHot,
  ones,
  optim,
  rand,
  randn,
  scope,
  scoped,
  type Tensor,
  tensor,
  zeros,
} from "../../../mod.ts";
import { roundToBf16, widenBf16 } from "../../../lib/ffi/bf16.ts";
import { Parameter } from "../../../lib/nn/module.ts";
import { Sequential } from "../../../lib/nn/blocks.ts";
import { Linear } from "../../../lib/nn/layers.ts";

/** Halves between two numbers of bf16, ends of its range, and what is not finite. */
const HARD = Float32Array.of(
  1 + 2 ** -8,
  1 + 3 * 2 ** -8,
  -1 - 2 ** -8 - 2 ** -20,
  0.1,
  -0,
  3.4028234e38,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
);
const ROUNDED = Float32Array.of(1, 1 + 2 ** -6, -1 - 2 ** -7, 0.10009765625, -0, Infinity, Infinity, -Infinity, NaN, 0);

Deno.test("bf16: host and device round alike, to the nearest and of two to the even one", async () => {
  assertEquals(widenBf16(roundToBf16(HARD)), ROUNDED);
  using made = tensor(HARD, [10], { dtype: "bf16" });
  using single = tensor(HARD);
  using cast = single.to("bf16");
  for (const x of [made, cast]) {
    assertEquals(x.dtype, "bf16");
    assertEquals(await x.data(), ROUNDED);
  }
  using noise = randn([40_000], { seed: 3, std: 1e3 });
  using rounded = noise.to("bf16");
  assertEquals(await rounded.data(), widenBf16(roundToBf16(await noise.data() as Float32Array<ArrayBuffer>)));
});

Deno.test("bf16: tensor(), item() and printing; a part of a typed array, and views at any row", async () => {
  using x = tensor([[1, 2.005], [3, 4]], undefined, { dtype: "bf16" });
  assertEquals(String(x), "Tensor([2, 2], bf16, cpu)");
  assertEquals(await x.data(), Float32Array.of(1, 2, 3, 4));
  using one = tensor(-0.5, [], { dtype: "bf16" });
  assertEquals(await one.item(), -0.5);
  using part = tensor(Float32Array.of(1, 2, 3, 4).subarray(1, 3), [2], { dtype: "bf16" });
  assertEquals(await part.data(), Float32Array.of(2, 3));
  // A row of three starts in the middle of a word.
  using rows = tensor(Float32Array.from({ length: 9 }, (_, i) => i), [3, 3], { dtype: "bf16" });
  using last = scope(() => rows.narrow(1, 1).add(rows.narrow(2, 1)));
  assertEquals(await last.data(), Float32Array.of(9, 11, 13));
  assertThrows(
    () => tensor(new Float64Array(2), [2], { dtype: "bf16" }),
    TypeError,
    "Expected a typed array of dtype bf16, got Float64Array",
  );
});

Deno.test("bf16: casts from and to every dtype, and tensors made in it", async () => {
  using x = tensor([-2.7, 0, 1.5, 300.6], undefined, { dtype: "bf16" });
  const cases = [["f32", [-2.703125, 0, 1.5, 300]], ["f64", [-2.703125, 0, 1.5, 300]], ["i32", [-2, 0, 1, 300]], [
    "u8",
    [0, 0, 1, 255],
  ]] as const;
  for (const [dtype, wanted] of cases) {
    using y = x.to(dtype);
    assertEquals([y.dtype, Array.from(await y.data())], [dtype, [...wanted]]);
    using back = y.to("bf16");
    assertEquals(back.dtype, "bf16");
  }
  for (
    const [made, wanted] of [
      [() => full([2], 0.1, { dtype: "bf16" }), [0.10009765625, 0.10009765625]],
      [() => oneHot(tensor(Int32Array.of(1)), { classes: 2, dtype: "bf16" }), [0, 1]],
      [() => x.narrow(0, 2).clone(), [-2.703125, 0]],
    ] as const
  ) {
    using y = scope(made);
    assertEquals([y.dtype, Array.from(await y.data())], ["bf16", [...wanted]]);
  }
  using uniform = rand([100], { dtype: "bf16", seed: 1 });
  using single = rand([100], { seed: 1 });
  using wanted = single.to("bf16");
  assertEquals(await uniform.data(), await wanted.data());
  assertThrows(() => full([1], 3.4e38, { dtype: "bf16" }), RangeError, "a number that bf16 can hold");
});

Deno.test("bf16: results have the dtypes that were decided", () => {
  using device = new Device("cpu", { threads: 1 });
  scope(() => {
    const low = (shape: number[]): Tensor => randn(shape, { dtype: "bf16", device, seed: 1 });
    const single = (shape: number[]): Tensor => ones(shape, { device });
    const labels = tensor(Int32Array.of(0, 2), undefined, { device });
    const vectors = { weight: single([3]), bias: single([3]), runningMean: single([3]), runningVariance: single([3]) };
    const cases: [string, Tensor, string][] = [
      ["add", low([2, 3]).add(low([3])), "bf16"],
      ["a number", low([2]).mul(2).add(1).div(3).maximum(0), "bf16"],
      ["sum", low([2, 3]).sum(0), "bf16"],
      ["mean", low([2, 3]).mean(), "bf16"],
      ["matmul", matmul(low([2, 3]), low([3, 2])), "bf16"],
      ["greater", low([2]).greater(0), "f32"],
      ["equal", low([2]).equal(low([2])), "f32"],
      ["argmax", low([2, 3]).argmax(), "i32"],
      ["loss", crossEntropy(low([2, 3]), labels), "f32"],
      ["loss of weights", crossEntropy(low([2, 3]), single([2, 3])), "f32"],
      ["norm", batchNorm(low([4, 3]), { ...vectors, training: true, residual: low([4, 3]) }), "bf16"],
      ["norm in evaluation", batchNorm(low([4, 3]), { ...vectors, training: false }), "bf16"],
    ];
    for (const [name, { dtype }, wanted] of cases) assertEquals(dtype, wanted, name);
  });
});

Deno.test("bf16: other mixtures are refused, and so is what has to stay exact", () => {
  using device = new Device("cpu", { threads: 1 });
  scope(() => {
    const low = (shape: number[]): Tensor => zeros(shape, { dtype: "bf16", device });
    const single = (shape: number[]): Tensor => zeros(shape, { device });
    const vectors = { weight: single([3]), bias: single([3]), runningMean: single([3]), runningVariance: single([3]) };
    const cases: [() => unknown, string][] = [
      [() => low([2]).add(single([2])), "add(): Expected `b` of dtype bf16, got f32: to() converts"],
      [() => matmul(single([2, 2]), low([2, 2])), "matmul(): Expected `b` of dtype f32, got bf16"],
      [
        () => batchNorm(low([4, 3]), { ...vectors, weight: low([3]), training: true }),
        "batch_norm(): Expected `weight` of dtype f32, got bf16",
      ],
      [
        () => batchNorm(low([4, 3]), { ...vectors, residual: single([4, 3]), training: true }),
        "batch_norm(): Expected `residual` of dtype bf16, got f32",
      ],
      [
        () => crossEntropy(low([2, 3]), low([2, 3])),
        "Expected `target` as labels of dtype i32 or weights of dtype f32",
      ],
      [
        () => {
          const model = new Sequential(new Linear(2, 2, { dtype: "bf16", device }));
          try {
            optim.sgd().bind(model);
          } finally {
            model.dispose();
          }
        },
        "bind(): Expected parameters of dtype f32 or f64, got bf16: master weights are f32",
      ],
    ];
    for (const [refused, message] of cases) assertThrows(refused, TypeError, message);
  });
  assertEquals(device.stats().handles, 0);
});

Deno.test("bf16: a gradient comes back in its leaf's own dtype, through casts", async () => {
  using device = new Device("cpu", { threads: 1 });
  using weight = Parameter.of(tensor([[0.1, -0.2], [0.3, 0.4]], undefined, { device }));
  using x = tensor([[1, 2]], undefined, { device, dtype: "bf16" });
  scope(() => {
    const y = matmul(x, weight.to("bf16"));
    y.to("f32").mul(tensor([[3, 5]], undefined, { device })).sum().backward();
  });
  assertEquals(weight.grad!.dtype, "f32");
  assertEquals(await weight.grad!.data(), Float32Array.of(3, 5, 6, 10));
  using leaf = tensor([1, 2, 3], undefined, { device, dtype: "bf16" }).requireGrad();
  scope(() => leaf.mul(leaf).mean().backward());
  assertEquals([leaf.grad!.dtype, [...await leaf.grad!.data()]], ["bf16", [0.66796875, 1.3359375, 2]]);
});

Deno.test("bf16: the largest of equal values share a gradient, as in f32", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([[1, 4, 4], [2, 0, 1]], undefined, { device, dtype: "bf16" }).requireGrad();
  scope(() => x.max(1).sum().add(x.maximum(1).sum()).backward());
  assertEquals([...await x.grad!.data()], [0.5, 1.5, 1.5, 2, 0, 0.5]);
});

Deno.test("bf16: a captured step gives the eager one's bits, and asks the system for no memory once it is warm", async () => {
  using device = new Device("cpu", { threads: 2 });
  using w = randn([64, 64], { dtype: "bf16", device, seed: 5, std: 0.1 });
  const step = (x: Tensor): Tensor => mish(matmul(x, w)).add(x).mean(0);
  using captured = capture(step);
  const eager = scoped(step);
  let before = 0;
  for (let i = 0; i < 5; i++) {
    using x = scope(() => randn([300, 64], { dtype: "bf16", device, seed: i }));
    using a = captured(x);
    using b = eager(x);
    assertEquals(await a.data(), await b.data());
    if (i === 3) before = device.stats().systemAllocations;
  }
  assertEquals(device.stats().systemAllocations, before);
  assert(before > 0);
});
