/** Ops that scripts define. */
import { assertEquals, assertThrows } from "@std/assert";
import { defineOp, Device, gradCheck, noGrad, scope, StateError, type Tensor, tensor } from "../../../mod.ts";

const clampSte = defineOp({ forward: (x: Tensor) => x.clamp(0, 1), backward: (dy) => [dy] });

Deno.test("defineOp: the given backward counts, not that of the ops inside", async () => {
  using x = tensor([-1, 0.5, 2]).requireGrad();
  using y = clampSte(x);
  assertEquals(Array.from(await y.data()), [0, 0.5, 1]);
  using upstream = tensor([1, 2, 3]);
  y.backward(upstream);
  assertEquals(Array.from(await x.grad!.data()), [1, 2, 3]);
});

Deno.test("defineOp: the backward gets inputs and result as they were, and may leave gradients out", async () => {
  const weighted = defineOp({
    name: "weighted",
    forward: (x: Tensor, scale: Tensor) => x.exp().mul(scale),
    backward: (dy, { inputs: [x, scale], output }) => {
      assertEquals([x.requiresGrad, scale.requiresGrad, output.requiresGrad], [false, false, false]);
      return [dy.mul(output), null];
    },
  });
  using x = tensor([0, 1], undefined, { dtype: "f64" });
  using scale = tensor([2, 3], undefined, { dtype: "f64" });
  await gradCheck((x: Tensor) => weighted(x, scale), [x]);
  x.requireGrad();
  scale.requireGrad();
  scope(() => weighted(x, scale).sum().backward());
  assertEquals([Array.from(await x.grad!.data()), scale.grad], [[2, 3 * Math.E], null]);
});

Deno.test("defineOp: parts of a larger graph, several inputs", async () => {
  using a = tensor([[1, 2], [3, 4]], undefined, { dtype: "f64" });
  using b = tensor([[0.5, -1], [2, 0.25]], undefined, { dtype: "f64" });
  const product = defineOp({
    forward: (a: Tensor, b: Tensor) => a.matmul(b),
    backward: (dy, { inputs: [a, b] }) => [dy.matmul(b.transpose()), a.transpose().matmul(dy)],
  });
  await gradCheck((a: Tensor, b: Tensor) => product(product(a, b).sigmoid(), b.mul(a)), [a, b]);
});

Deno.test("defineOp: no graph where nothing asks for a gradient, and none of its insides", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  using plain = scope(() => clampSte(x));
  assertEquals([plain.requiresGrad, device.stats().handles], [false, 2]);
  x.requireGrad();
  using quiet = scope(() => noGrad(() => clampSte(x)));
  assertEquals(quiet.requiresGrad, false);
  const tracked = scope(() => clampSte(x));
  // The saved input and the saved result.
  assertEquals([tracked.requiresGrad, device.stats().handles], [true, 3 + 1 + 2]);
  tracked.dispose();
  assertEquals(device.stats().handles, 3);
});

Deno.test("defineOp: a forward that returns its input gives a tensor of its own", async () => {
  const same = defineOp({ forward: (x: Tensor) => x, backward: (dy) => [dy.mul(10)] });
  using x = tensor([1]).requireGrad();
  using y = scope(() => same(x));
  assertEquals(y === x, false);
  y.backward();
  assertEquals(await x.grad!.item(), 10);
});

Deno.test("defineOp: what is not as agreed names the op", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device }).requireGrad();
  const bad = defineOp({ name: "bad", forward: (_: Tensor) => 3 as unknown as Tensor, backward: (dy) => [dy] });
  assertThrows(() => bad(x), TypeError, "bad(): Expected forward to return a Tensor, got number");
  const short = defineOp({ name: "short", forward: (x: Tensor) => x.mul(2), backward: () => [] });
  assertThrows(
    () => scope(() => short(x).backward()),
    TypeError,
    "short(): Expected a backward that returns 1 gradients, got 0",
  );
  const thrower = defineOp({
    forward: (x: Tensor) => x.mul(2),
    backward: () => {
      throw new StateError("from the script");
    },
  });
  assertThrows(() => scope(() => thrower(x).backward()), StateError, "from the script");
  assertEquals(device.stats().handles, 1, "nothing is left behind");
});

Deno.test("defineOp: a gradient of another shape is refused, naming op and input", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2], undefined, { device }).requireGrad();
  const wrong = defineOp({ name: "wrong", forward: (x: Tensor) => x.mul(2), backward: (dy) => [dy.sum()] });
  assertThrows(
    () => scope(() => wrong(x).sum().backward()),
    TypeError,
    "wrong(): Expected a gradient of shape [2] for input 0, got []",
  );
  const half = defineOp({ name: "half", forward: (x: Tensor) => x.mul(2), backward: (dy) => [dy.to("f64")] });
  assertThrows(
    () => scope(() => half(x).sum().backward()),
    TypeError,
    "half(): Expected a gradient of dtype f32 for input 0, got f64",
  );
  const none = defineOp({ name: "none", forward: (x: Tensor) => x.mul(2), backward: () => [7 as unknown as Tensor] });
  assertThrows(() => scope(() => none(x).sum().backward()), TypeError, "none(): Expected a Tensor or null for input 0");
  assertEquals([x.grad, device.stats().handles], [null, 1]);
});
