/** What backward does: sums, shared tensors, branches, and the life of the graph. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { defineOp, Device, gradCheck, noGrad, ones, scope, StateError, type Tensor, tensor } from "../../../mod.ts";

const options = { dtype: "f64" } as const;

async function gradOf(leaf: Tensor): Promise<number[] | null> {
  return leaf.grad === null ? null : Array.from(await leaf.grad.data());
}

/** Runs a body on a device of its own, and checks that nothing is left alive. */
function graphTest(name: string, body: (make: (values: number[]) => Tensor, device: Device) => Promise<void>): void {
  Deno.test(name, async () => {
    using device = new Device("cpu", { threads: 1 });
    await body((values) => tensor(values, undefined, { ...options, device }), device);
    await device.synchronize();
    const { handles, storages, bytes } = device.stats();
    assertEquals([handles, storages, bytes], [0, 0, 0], "live tensors, buffers and bytes at the end");
  });
}

graphTest("backward: a diamond, a tensor used twice, and a leaf that is its own loss", async (make) => {
  using x = make([3]).requireGrad();
  scope(() => {
    const square = x.mul(x);
    square.add(square.mul(x)).backward();
  });
  assertEquals(await gradOf(x), [2 * 3 + 3 * 9]);
  using y = make([2]).requireGrad();
  scope(() => y.add(y).add(y).backward());
  assertEquals(await gradOf(y), [3]);
  using leaf = make([1]).requireGrad();
  leaf.backward();
  assertEquals(await gradOf(leaf), [1]);
});

graphTest("backward: gradients of several calls add up until they are taken", async (make) => {
  using x = make([1, 2]).requireGrad();
  for (const factor of [2, 3]) scope(() => x.mul(factor).sum().backward());
  assertEquals(await gradOf(x), [5, 5]);
  x.setGrad(null);
  scope(() => x.mul(7).sum().backward());
  assertEquals(await gradOf(x), [7, 7]);
});

graphTest("backward: two losses over one tensor, and leaves that only one depends on", async (make) => {
  using shared = make([2]).requireGrad();
  using own = make([5]).requireGrad();
  using alone = make([9]).requireGrad();
  scope(() => {
    const [a, b] = [shared.mul(own), shared.mul(10)];
    a.backward();
    b.backward();
  });
  assertEquals([await gradOf(shared), await gradOf(own), await gradOf(alone)], [[15], [2], null]);
});

graphTest("backward: through broadcasting, views and rows, summed to the leaf's shape", async (make) => {
  using bias = make([1, 2]).requireGrad();
  using x = make([1, 2, 3, 4, 5, 6]).requireGrad();
  scope(() => {
    const rows = x.reshape([3, 2]);
    rows.add(bias).narrow(1, 2).mul(tensor([[1, 10], [100, 1000]], undefined, { ...options, device: x.device })).sum()
      .backward();
  });
  assertEquals(await gradOf(bias), [101, 1010]);
  assertEquals(await gradOf(x), [0, 0, 1, 10, 100, 1000]);
  assertEquals(x.grad!.shape, [6]);
});

graphTest("backward: what needs no gradient gets none", async (make) => {
  using x = make([2]).requireGrad();
  using constant = make([3]);
  scope(() => {
    x.mul(5);
    const cut = x.mul(4).detach();
    const quiet = noGrad(() => x.mul(100));
    assertEquals([cut.requiresGrad, quiet.requiresGrad], [false, false]);
    x.mul(constant).add(cut).add(quiet).backward();
  });
  assertEquals([await gradOf(x), await gradOf(constant)], [[3], null]);
});

graphTest("backward: an upstream gradient for more than one element", async (make) => {
  using x = make([1, 2, 3]).requireGrad();
  using upstream = make([10, 20, 30]);
  using y = x.mul(x);
  y.backward(upstream);
  assertEquals(await gradOf(x), [20, 80, 180]);
  assertEquals([upstream.disposed, Array.from(await upstream.data())], [false, [10, 20, 30]]);
});

graphTest("backward: dtypes come back as they went in", async (_, device) => {
  using x = tensor([1.5, 2.5], undefined, { device }).requireGrad();
  scope(() => x.to("f64").mul(2).sum().backward());
  assertEquals([x.grad!.dtype, await gradOf(x)], ["f32", [2, 2]]);
});

graphTest("backward: what it refuses, with nothing changed", (make) => {
  using x = make([1, 2]).requireGrad();
  using plain = make([1]);
  using y = x.mul(x);
  using sum = y.sum();
  using wrong = make([1]);
  assertThrows(
    () => plain.backward(),
    StateError,
    "backward(): Expected a tensor that depends on one with requireGrad",
  );
  assertThrows(() => y.backward(), TypeError, "backward(): Expected a scalar, or an upstream gradient for shape [2]");
  assertThrows(() => y.backward(wrong), TypeError, "Expected an upstream gradient of shape [2], got [1]");
  assertThrows(() => y.requireGrad(), StateError, "requireGrad(): Expected a leaf, got the result of an op: detach()");
  sum.backward();
  assertThrows(() => sum.backward(), StateError, "Cannot run sum() backward twice, as its saved tensors are gone");
  assertEquals(x.grad!.shape, [2]);
  return Promise.resolve();
});

graphTest("backward: ops without a gradient say so where the loss goes through them", (make, device) => {
  using x = make([1, -2, 3]).requireGrad();
  const ways: [string, () => Tensor][] = [
    ["argmax", () => x.argmax().to("f64").sum()],
    ["sign", () => x.sign().sum()],
    ["equal", () => x.equal(1).sum()],
    ["greater", () => x.greater(0).sum()],
  ];
  for (const [op, loss] of ways) {
    const message = `backward(): Cannot go through ${op}(), which has no gradient: detach() its input, or keep it out`;
    assertThrows(() => scope(() => loss().backward()), StateError, message);
  }
  assertEquals([x.grad, device.stats().handles], [null, 1]);
  scope(() => x.mul(x.sign().detach()).sum().backward());
  return Promise.resolve();
});

graphTest("requireGrad: floats alone, and it can be turned off", (make, device) => {
  using labels = tensor([1], undefined, { dtype: "i32", device });
  assertThrows(
    () => labels.requireGrad(),
    TypeError,
    "requireGrad(): Expected a tensor of dtype f32, bf16 or f64, got i32",
  );
  using x = make([1]).requireGrad();
  assertStrictEquals(x.requireGrad(false), x);
  using y = x.mul(2);
  assertEquals(y.requiresGrad, false);
  return Promise.resolve();
});

graphTest("the graph is freed with its results, backward or not", async (make, device) => {
  using x = make([1, 2]).requireGrad();
  using w = make([3, 4]).requireGrad();
  const before = device.stats().handles;
  const loss = scope(() => x.mul(w).exp().mul(x).sigmoid().sum());
  assertEquals(device.stats().handles > before + 1, true, "saved tensors live as long as the loss");
  loss.dispose();
  assertEquals(device.stats().handles, before, "dropped without backward");
  const other = scope(() => x.mul(w).exp().mul(x).sigmoid().sum());
  other.backward();
  assertEquals(device.stats().handles, before + 3, "the loss and two gradients");
  other.dispose();
  assertEquals(String(await gradOf(x)).length > 0, true);
});

graphTest("the graph: consumers keep what is before them, and an intermediate may go first", async (make) => {
  using x = make([2]).requireGrad();
  const y = x.mul(x);
  const z = y.mul(y);
  y.dispose();
  z.backward();
  z.dispose();
  assertEquals(await gradOf(x), [32]);
});

graphTest("the graph: a long chain runs backward and is freed without deep recursion", async (make) => {
  using x = make([1]).requireGrad();
  const chain = (): Tensor => {
    let y = x.mul(1);
    for (let i = 0; i < 15_000; i++) {
      const next = y.add(x);
      y.dispose();
      y = next;
    }
    return y;
  };
  using y = chain();
  y.backward();
  assertEquals(await gradOf(x), [15_001]);
  chain().dispose();
});

graphTest("a failed backward leaves no gradient tensors behind", async (make, device) => {
  using x = make([1, 2]).requireGrad();
  using w = make([1, 2]);
  scope(() => {
    const y = x.mul(w).exp().mul(2).sum();
    w.fill(0);
    assertThrows(() => y.backward(), StateError);
  });
  assertEquals(device.stats().handles, 2);
  assertEquals(await gradOf(x), null);
});

graphTest("a failed backward leaves the gradients of all leaves as they were", async (make) => {
  using early = make([1]).requireGrad();
  using late = make([2]).requireGrad();
  using factor = make([5]);
  scope(() => late.mul(3).backward());
  scope(() => {
    const loss = early.mul(factor).mul(1).add(late);
    factor.fill(7);
    assertThrows(() => loss.backward(), StateError, '"b" of mul()');
  });
  assertEquals([await gradOf(early), await gradOf(late)], [null, [3]]);
});

graphTest("gradients of two leaves are apart, also where one op gave both", async (make, device) => {
  using a = make([1, 2]).requireGrad();
  using b = make([3, 4]).requireGrad();
  using c = make([5, 6]).requireGrad();
  const storages = device.stats().storages;
  scope(() => a.add(b).add(c.reshape([1, 2]).reshape([2])).mul(2).sum().backward());
  assertEquals(device.stats().storages, storages + 3, "a buffer each");
  a.grad!.fill(7);
  c.grad!.fill(9);
  assertEquals([await gradOf(a), await gradOf(b), await gradOf(c)], [[7, 7], [2, 2], [9, 9]]);
});

graphTest("gradients are apart from the upstream gradient that the caller gave", async (make) => {
  using x = make([1, 2]).requireGrad();
  using upstream = make([3, 4]);
  scope(() => x.reshape([2]).backward(upstream));
  using leaf = make([5, 6]).requireGrad();
  leaf.backward(upstream);
  upstream.fill(9);
  assertEquals([await gradOf(x), await gradOf(leaf)], [[3, 4], [5, 6].map((_, i) => 3 + i)]);
});

graphTest("a gradient that nobody else holds is not copied", async (make, device) => {
  using x = make([1, 2]).requireGrad();
  scope(() => {
    const y = x.mul(2);
    const loss = y.reshape([1, 2]).sum();
    device.trim();
    loss.backward();
  });
  assertEquals([await gradOf(x), device.stats().storages], [[2, 2], 2]);
});

graphTest("a backward of a script may return tensors of its own, which stay its own", async (make) => {
  using slope = make([10, 20]);
  using x = make([1, 2]).requireGrad();
  const sloped = defineOp({ forward: (x: Tensor) => x.mul(2), backward: () => [slope] });
  scope(() => sloped(x).sum().backward());
  x.grad!.fill(1);
  x.setGrad(null);
  assertEquals([slope.disposed, Array.from(await slope.data())], [false, [10, 20]]);
  using y = make([1, 2]).requireGrad();
  // Handed on to another op instead of a leaf, as a view, and where no gradient is needed.
  const both = defineOp({
    forward: (x: Tensor, y: Tensor) => x.add(y),
    backward: () => [slope.reshape([1, 2]).reshape([2]), slope],
  });
  scope(() => both(x, y.detach()).sum().backward());
  scope(() => both(x.mul(2), y).sum().backward());
  assertEquals([await gradOf(x), await gradOf(y)], [[30, 60], [10, 20]]);
  x.grad!.fill(0);
  y.grad!.fill(0);
  assertEquals([slope.disposed, Array.from(await slope.data())], [false, [10, 20]]);
});

graphTest("a backward of a script may return a saved tensor", async (make) => {
  using x = make([1, 2]).requireGrad();
  const self = defineOp({ forward: (x: Tensor) => x.mul(2), backward: (_, { inputs: [x] }) => [x] });
  scope(() => self(x).sum().backward());
  x.grad!.fill(9);
  assertEquals([await gradOf(x), Array.from(await x.data())], [[9, 9], [1, 2]]);
});

Deno.test("div: by a number is the true quotient, and so is its gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  const values = Float32Array.from({ length: 1000 }, (_, i) => i / 7 - 50);
  using x = tensor(values, undefined, { device }).requireGrad();
  using upstream = ones([1000], { device });
  for (const by of [3, -7, 10, 0.1, 8, -0.25, 1e-38]) {
    using y = x.div(by);
    const divisor = Math.fround(by);
    const wanted = values.map((value) => value / divisor);
    assertEquals(await y.data(), wanted, `by ${by}`);
    y.backward(upstream);
    assertEquals(await x.grad!.data(), new Float32Array(1000).fill(1 / divisor), `gradient by ${by}`);
    x.setGrad(null);
  }
});

Deno.test("gradCheck: a network of many ops", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]], undefined, { ...options, device });
  using w = tensor([[0.5, -0.2, 0.9], [0.1, 1.3, -0.7]], undefined, { ...options, device });
  await gradCheck((x: Tensor, w: Tensor) => {
    const y = x.matmul(w.transpose()).tanh();
    return y.sub(y.mean(0, { keepDims: true })).div(y.mul(y).sum(1, { keepDims: true }).sqrt().add(1)).max(1);
  }, [x, w]);
});
