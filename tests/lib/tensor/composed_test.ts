/** Functions of tensors that are made of several ops, against PyTorch; and where they have to refuse. */
import { assertEquals, assertThrows } from "@std/assert";
import { arange, Device, gatherRows, gradCheck, scope, type Tensor, tensor, where, zeros } from "../../../mod.ts";
import { devicesUnderTest } from "../../support/devices.ts";
import { checkFunction } from "../../support/function_fixtures.ts";

const devices = devicesUnderTest();

for (const name of ["variance", "stack", "split"]) {
  Deno.test(`${name}(): as PyTorch, eager and captured`, async () => {
    for (const device of devices) await checkFunction(name, device);
  });
}

Deno.test("variance() of f64 has its gradient by differences, and says what it needs", async () => {
  using device = new Device("cpu", { threads: 1 });
  const x = tensor([[0.3, -1, 2], [5, 0.1, 0.2]], { device, dtype: "f64" });
  await gradCheck((x: Tensor) => x.variance(1), [x]);
  await gradCheck((x: Tensor) => x.variance([0, 1], { correction: 0, keepDims: true }), [x]);
  const message = "variance(): Expected more than 1 elements to reduce (`correction`), got 1 in shape [1, 3]: " +
    "{ correction: 0 } divides by their number";
  assertThrows(() => zeros([1, 3], { device }).variance(0), RangeError, message);
  assertThrows(
    () => zeros([2], { device, dtype: "i32" }).variance(),
    TypeError,
    "variance(): Expected a tensor of dtype",
  );
});

Deno.test("variance() in bf16 is that of f32, rounded once, far from zero too", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1000, 1008, 1016, 1000], { device, dtype: "bf16" });
  using variance = x.variance(0, { correction: 0 });
  assertEquals([variance.dtype, await variance.item()], ["bf16", 44]);
});

Deno.test("where() takes numbers, infinite ones too, and keeps NaN of what is not taken out of values and gradients", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const dtype of ["f32", "f64", "bf16"] as const) {
    using x = tensor([1, NaN, 3], { device, dtype }).requireGrad();
    using mask = tensor([1, 0, 0], { device, dtype: "u8" });
    const [masked, zeroed, both] = scope(() => {
      const masked = where(mask, x, -Infinity);
      where(mask, x.mul(x), 0).sum().backward();
      return [masked, where(mask, Infinity, x.detach()), where(x.equal(1), 2, NaN)];
    });
    assertEquals([...await masked!.data()], [1, -Infinity, -Infinity]);
    assertEquals([...await zeroed!.data()], [Infinity, NaN, 3]);
    assertEquals([...await both!.data()], [2, NaN, NaN]);
    assertEquals([...await x.grad!.data()].map((value, i) => i === 1 ? Number.isNaN(value) : value), [2, true, 0]);
    for (const made of [masked, zeroed, both]) made!.dispose();
  }
  using whole = tensor([1, 2], { device, dtype: "i32" });
  using chosen = where(whole, whole, 7);
  assertEquals([chosen.dtype, ...await chosen.data()], ["i32", 1, 2]);
  using halves = where(whole, 0.5, 1.5);
  assertEquals([halves.dtype, ...await halves.data()], ["f32", 0.5, 0.5]);
  assertThrows(
    () => where(whole, whole, Infinity),
    RangeError,
    "where(): Expected a number that i32 can hold, got Infinity",
  );
  assertEquals(device.stats().handles, 3);
});

Deno.test("arange() counts like PyTorch's: dtype by its numbers, negative steps, nothing between equal ends", async () => {
  using device = new Device("cpu", { threads: 1 });
  const cases: [Tensor, string, number[]][] = [
    [arange(4, { device }), "i32", [0, 1, 2, 3]],
    [arange(2, 7, { step: 2, device }), "i32", [2, 4, 6]],
    [arange(3, 0, { step: -1, device }), "i32", [3, 2, 1]],
    [arange(0, 1, { step: 0.25, device }), "f32", [0, 0.25, 0.5, 0.75]],
    [arange(3, { dtype: "f64", device }), "f64", [0, 1, 2]],
    [arange(5, 5, { device }), "i32", []],
  ];
  for (const [made, dtype, values] of cases) {
    assertEquals([made.dtype, ...await made.data()], [dtype, ...values]);
    made.dispose();
  }
  assertThrows(() => arange(3, 0), RangeError, "arange(): Expected a `step` that leads from 3 to 0, got 1");
  assertThrows(() => arange(0, 3, { step: 0 }), RangeError, "leads from 0 to 3, got 0");
  assertThrows(() => arange(NaN), TypeError, "arange(): Expected `end` as a finite number, got NaN");
  assertThrows(
    () => arange(300, { dtype: "u8" }),
    RangeError,
    "arange(): Expected numbers that u8 can hold, got 0 to 299",
  );
});

Deno.test("gatherRows() takes an index of any shape, and gives the same gradient for any number of threads", async () => {
  const grads = [];
  for (const threads of [1, 2]) {
    using device = new Device("cpu", { threads });
    using table = tensor(Float32Array.from({ length: 700 * 65 }, (_, i) => Math.sin(i)), [700, 65], { device });
    table.requireGrad();
    using index = tensor(Int32Array.from({ length: 3000 }, (_, i) => i * i % 700), [10, 20, 15], { device });
    using rows = gatherRows(table, index);
    assertEquals(rows.shape, [10, 20, 15, 65]);
    scope(() => rows.mul(rows).sum().backward());
    grads.push(await table.grad!.data());
    using single = gatherRows(table, tensor([3], [], { dtype: "i32", device }));
    assertEquals(single.shape, [65]);
  }
  assertEquals(grads[0], grads[1]);
  using device = new Device("cpu", { threads: 1 });
  assertThrows(
    () => gatherRows(zeros([2], { device }), zeros([1], { device })),
    TypeError,
    'gatherRows(): Expected `index` of dtype i32, got f32: make it with { dtype: "i32" }, or call to("i32") on it',
  );
});

Deno.test("split() and stack() say what does not fit", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = zeros([4, 6], { device });
  const at = (sizes: number | number[], axis?: number) => () => x.split(sizes, axis);
  assertThrows(
    at([1, 2], 1),
    RangeError,
    "split(): Expected sizes that add up to 6, the size of axis 1 of shape [4, 6], got [1, 2]",
  );
  assertThrows(at(0), RangeError, "split(): Expected `sizes` as a whole number from 1, or an array of sizes, got 0");
  assertThrows(at(2, 2), RangeError, "split(): Expected an axis from -2 to 1, got 2");
});
