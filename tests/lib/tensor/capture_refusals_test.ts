/** Captured steps that reach outside: results, devices, arguments and parameters that are not their own. */
import { assertEquals, assertThrows } from "@std/assert";
import { capture, Device, DisposedError, nn, randn, StateError, type Tensor, tensor } from "../../../mod.ts";

Deno.test("capture: results that cannot be recorded are refused, and the device goes on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using other = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  const results: [string, typeof DisposedError | TypeErrorConstructor, (x: Tensor) => unknown][] = [
    ["Cannot use a Tensor (f32 [1]) after it was disposed", DisposedError, (x) => {
      using y = x.mul(2);
      return y;
    }],
    ["Expected the step to return tensors, or arrays and plain objects of them, got Linear(2 param", TypeError, (x) => {
      return [x.mul(2), layer];
    }],
    [
      "capture(): Expected results on the device of the arguments, got Tensor([1], f32, cpu) of another",
      TypeError,
      () => {
        return { y: x.mul(2), elsewhere };
      },
    ],
  ];
  using elsewhere = tensor([1], undefined, { device: other });
  using layer = new nn.Linear(1, 1, { device: other });
  const before = device.stats().handles;
  for (const [message, errorClass, body] of results) {
    for (const good of [0, 1]) {
      let calls = 0;
      using step = capture((x: Tensor) => (++calls > good ? body(x) : x.mul(2)) as Tensor);
      for (let i = 0; i < good; i++) step(x).dispose();
      for (let i = 0; i < 2; i++) assertThrows(() => step(x), errorClass, message);
      using fresh = tensor([3], undefined, { device });
      assertEquals([await fresh.item(), device.stats().handles], [3, before + 1], message);
    }
  }
});

Deno.test("capture: a result from outside the step stays its owner's", async () => {
  using device = new Device("cpu", { threads: 1 });
  using zero = tensor([0], undefined, { device });
  const w = tensor([1], undefined, { device });
  const step = capture((x: Tensor) => {
    w.assign(w.mul(2).add(x));
    return { w, twice: w.mul(2) };
  });
  for (let i = 1; i <= 4; i++) {
    const result = step(zero);
    assertEquals([await result.w.item(), await result.twice.item(), result.w === w], [2 ** i, 2 ** (i + 1), false]);
    result.w.dispose();
    result.twice.dispose();
  }
  step.dispose();
  assertEquals([w.disposed, await w.item()], [false, 16]);
  w.dispose();
  assertEquals(device.stats().handles, 1);
});

Deno.test("capture: another device inside the step is refused, also without tensors of it", () => {
  using device = new Device("cpu", { threads: 1 });
  using other = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  using y = tensor([1], undefined, { device: other });
  const ways: [string, () => unknown][] = [
    ["affine", () => y.add(1)],
    ["fill", () => y.fill(1)],
    ["tensor", () => tensor([1], undefined, { device: other })],
    ["randn", () => randn([1], { seed: 1, device: other })],
  ];
  for (const [op, way] of ways) {
    using step = capture((x: Tensor) => (way(), x.mul(2)));
    step(x).dispose();
    assertThrows(
      () => step(x),
      StateError,
      `${op}(): Cannot use another device than that of the step's first argument`,
    );
  }
  using both = capture((x: Tensor, y: Tensor) => [x.mul(2), y.mul(2)]);
  assertThrows(() => both(x, y), TypeError, "capture(): Expected arguments of one device, got several");
});

Deno.test("capture: writing to an argument in place is refused, through views too", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2], undefined, { device });
  using w = tensor([0, 0], undefined, { device });
  const ways: [string, (x: Tensor) => unknown][] = [
    ["fill", (x) => x.fill(7)],
    ["assign", (x) => x.assign(w)],
    ["fill", (x) => x.detach().reshape([1, 2]).narrow(0, 1).fill(7)],
  ];
  for (const [op, way] of ways) {
    using step = capture((x: Tensor) => (way(x), x.sum()));
    step(x).dispose();
    assertThrows(() => step(x), StateError, `${op}(): Cannot write to an argument of the step inside capture()`);
  }
  using fine = capture((x: Tensor) => (w.assign(x), x.clone().fill(3)));
  for (let i = 0; i < 3; i++) {
    x.fill(i);
    fine(x).dispose();
    assertEquals(Array.from(await w.data()), [i, i]);
  }
});

Deno.test("capture: a device that is disposed inside the step", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  let calls = 0;
  using step = capture((x: Tensor) => {
    if (++calls === 2) device.dispose();
    return x.mul(2);
  });
  step(x).dispose();
  assertThrows(() => step(x), DisposedError, "Cannot use a device after it was disposed");
});

Deno.test("many() names steps and rates of another form", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  using step = capture((value: Tensor) => value.add(1));
  const wrong = (value: unknown): never => value as never;
  assertThrows(
    () => step.many(wrong(3)),
    TypeError,
    "many(): Expected an array with the list of arguments of each step",
  );
  assertThrows(() => step.many(wrong([x])), TypeError, "many(): Expected an array with the list of arguments");
  assertThrows(
    () => step.many([[x]], { rates: wrong({}) }),
    RangeError,
    "Expected `rates.lr` with a rate for each of 1",
  );
});
