/** Making, reading and printing tensors. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, full, ones, rand, randn, type Tensor, tensor, zeros } from "../../../mod.ts";

async function values(made: Tensor): Promise<number[]> {
  using own = made;
  return Array.from(await own.data());
}

Deno.test("tensor: from a number, nested arrays and typed arrays", async () => {
  const cases: [Tensor, number[], string, number[]][] = [
    [tensor(3), [], "f32", [3]],
    [tensor([1, 2, 3]), [3], "f32", [1, 2, 3]],
    [tensor([[1, 2, 3], [4, 5, 6]]), [2, 3], "f32", [1, 2, 3, 4, 5, 6]],
    [tensor([[[1], [2]]], undefined, { dtype: "f64" }), [1, 2, 1], "f64", [1, 2]],
    [tensor([1, 2, 3, 4], [2, 2], { dtype: "i32" }), [2, 2], "i32", [1, 2, 3, 4]],
    [tensor(new Uint8Array([1, 255]), [2, 1]), [2, 1], "u8", [1, 255]],
    [tensor(new Float64Array([0.1])), [1], "f64", [0.1]],
    [tensor(new Int32Array([-5])), [1], "i32", [-5]],
    [tensor([]), [0], "f32", []],
    [tensor([[], []]), [2, 0], "f32", []],
    [tensor([7], []), [], "f32", [7]],
  ];
  for (const [made, shape, dtype, expected] of cases) {
    assertEquals([[...made.shape], made.dtype, made.rank, made.size], [shape, dtype, shape.length, expected.length]);
    assertEquals(await values(made), expected);
  }
});

Deno.test("tensor: copies its values, also out of the middle of a buffer", async () => {
  const source = new Float32Array([1, 2, 3, 4]);
  using part = tensor(source.subarray(1, 3));
  source.fill(9);
  assertEquals(Array.from(await part.data()), [2, 3]);
});

Deno.test("data: the typed array of each dtype, fresh at each read", async () => {
  const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array };
  for (const [dtype, type] of Object.entries(arrays)) {
    using made = tensor([1, 2], undefined, { dtype: dtype as keyof typeof arrays });
    const first = await made.data();
    assert(first instanceof type);
    first.fill(0);
    assertEquals(Array.from(await made.data()), [1, 2]);
  }
});

Deno.test("data: many reads at once, and of a tensor disposed meanwhile", async () => {
  const tensors = Array.from({ length: 200 }, (_, i) => tensor([i, i + 1]));
  const reads = tensors.map((each) => each.data());
  for (const each of tensors) each.dispose();
  for (const [i, read] of (await Promise.all(reads)).entries()) assertEquals(Array.from(read), [i, i + 1]);
});

Deno.test("item: one element alone", async () => {
  using one = tensor([[2.5]]);
  assertEquals(await one.item(), 2.5);
  using two = tensor([1, 2]);
  await assertRejects(() => two.item(), TypeError, "item(): Expected a tensor with one element, got shape [2]");
});

Deno.test("zeros, ones, full: every dtype", async () => {
  assertEquals(await values(zeros([2, 2])), [0, 0, 0, 0]);
  assertEquals(await values(ones([3], { dtype: "i32" })), [1, 1, 1]);
  assertEquals(await values(full([], 7, { dtype: "u8" })), [7]);
  assertEquals(await values(full([2], 0.1, { dtype: "f64" })), [0.1, 0.1]);
  assertEquals(await values(full([1], 0.1)), [Math.fround(0.1)]);
  assertEquals(await values(zeros([3, 0])), []);
});

Deno.test("rand, randn: the same seed and stream repeat, others differ", async () => {
  const draw = (options: object): Promise<number[]> => values(randn([64], options));
  const first = await draw({ seed: 7 });
  assertEquals(await draw({ seed: 7 }), first);
  assertEquals(await draw({ seed: 7, stream: 0 }), first);
  for (const other of [{ seed: 8 }, { seed: 7, stream: 1 }, {}, {}]) {
    assertEquals(String(await draw(other)) === String(first), false, JSON.stringify(other));
  }
  assertEquals(String(await draw({})) === String(await draw({})), false, "draws without a seed differ");
});

Deno.test("rand, randn: range, mean and deviation", async () => {
  const uniform = await values(rand([10_000], { low: -2, high: 3, seed: 1 }));
  assert(Math.min(...uniform) >= -2 && Math.max(...uniform) < 3);
  const mean = (list: number[]): number => list.reduce((sum, each) => sum + each, 0) / list.length;
  assertAlmostEquals(mean(uniform), 0.5, 0.05);
  const normal = await values(randn([10_000], { mean: 5, std: 2, seed: 1, dtype: "f64" }));
  assertAlmostEquals(mean(normal), 5, 0.08);
  assertAlmostEquals(Math.sqrt(mean(normal.map((each) => (each - 5) ** 2))), 2, 0.08);
});

Deno.test("tensor: what it refuses", () => {
  const cases: [() => unknown, typeof TypeError | typeof RangeError, string][] = [
    [() => tensor([1, 2, 3], [2, 2]), TypeError, "tensor(): Expected 4 values for shape [2, 2], got 3"],
    [() => tensor([[1, 2], [3]]), TypeError, "tensor(): Expected rows of one shape, got [2] and [1]"],
    [() => tensor([[1], 2]), TypeError, "tensor(): Expected rows of one shape"],
    [() => tensor([1], [1.5]), RangeError, "tensor(): Expected sizes as whole numbers from 0, got 1.5 in [1.5]"],
    [() => tensor([1], [-1]), RangeError, "got -1"],
    [
      () => tensor([256], undefined, { dtype: "u8" }),
      RangeError,
      "Expected whole numbers from 0 to 255 for u8, got 256",
    ],
    [() => tensor([-1], undefined, { dtype: "u8" }), RangeError, "got -1"],
    [() => tensor([0.5], undefined, { dtype: "i32" }), RangeError, "for i32, got 0.5"],
    [() => tensor([NaN], undefined, { dtype: "i32" }), RangeError, "got NaN"],
    [() => tensor(new Float32Array(1), [1], { dtype: "f64" }), TypeError, "got Float32Array: to() converts"],
    [() => tensor(new Int16Array(1) as never), TypeError, "Expected a Float32Array, Float64Array, Int32Array or"],
    [() => tensor("3" as never), TypeError, "tensor(): Expected numbers in nested arrays, got string"],
    [() => tensor([1n] as never), TypeError, "tensor(): Expected numbers in nested arrays, got bigint"],
    [
      () => tensor([1], undefined, { dtype: "f16" as never }),
      RangeError,
      "Expected `dtype` as one of f32, f64, bf16, i32, u8",
    ],
    [() => full([1], NaN), RangeError, "full(): Expected `value` as a finite number, got NaN"],
    [() => full([1], 300, { dtype: "u8" }), RangeError, "full(): Expected"],
    [() => full([1], 0.5, { dtype: "i32" }), RangeError, "full(): Expected"],
    [() => zeros([-1]), RangeError, "full(): Expected `shape[0]` as a whole number"],
    [() => randn([2], { std: -1 }), RangeError, "normal(): Expected `std` not below 0, got -1"],
    [() => rand([2], { low: 1, high: 0 }), RangeError, "uniform(): Expected low <= high, got 1 and 0"],
    [() => rand([2], { dtype: "i32" }), TypeError, "uniform(): Expected `dtype` as f32, bf16 or f64, got i32"],
    [() => randn([2], { seed: -1 }), RangeError, "normal(): Expected `seed` as a whole number from 0 to 4294967295"],
  ];
  for (const [make, errorClass, message] of cases) assertThrows(make, errorClass, message);
});

Deno.test("a tensor prints what it is", () => {
  using device = new Device("cpu", { threads: 1 });
  const x = tensor([[1, 2]], undefined, { device });
  assertEquals(Deno.inspect(x), "Tensor([1, 2], f32, cpu)");
  assertEquals(String(x.requireGrad()), "Tensor([1, 2], f32, cpu, requires grad)");
  x.dispose();
  assertEquals(`${x}`, "Tensor([1, 2], f32, cpu, disposed)");
});
