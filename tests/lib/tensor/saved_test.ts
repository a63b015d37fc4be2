/** Saved tensors that were overwritten before backward are refused, naming both ops. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { batchNorm, conv2d, defineOp, Device, noGrad, scope, StateError, type Tensor, tensor } from "../../../mod.ts";

/** Runs what it is given on leaves of [1, 2], then expects backward to name what was saved by whom and who wrote. */
function refused(
  name: string,
  build: (x: Tensor, w: Tensor) => Tensor,
  overwrite: (x: Tensor, w: Tensor, y: Tensor) => void,
  message: string,
): void {
  Deno.test(`overwritten before backward: ${name}`, async () => {
    using device = new Device("cpu", { threads: 1 });
    using x = tensor([1, 2], undefined, { device }).requireGrad();
    using w = tensor([3, 4], undefined, { device }).requireGrad();
    scope(() => {
      const y = build(x, w);
      overwrite(x, w, y);
      const error = assertThrows(() => y.sum().backward(), StateError);
      assertStringIncludes(error.message, message);
    });
    assertEquals(device.stats().handles, 2, "live tensors");
    assertEquals([x.grad, w.grad], [null, null]);
    scope(() => x.mul(w).sum().backward());
    assertEquals(Array.from(await x.grad!.data()), Array.from(await w.data()), "the next one works");
  });
}

refused(
  "an input, by fill()",
  (x, w) => x.mul(w),
  (_, w) => w.fill(0),
  'backward(): Cannot use the saved tensor "b" of mul(), as fill() wrote over it since: call backward() first, or clone()',
);
refused("an input, by assign()", (x, w) => x.mul(w), (x, w) => x.assign(w), '"a" of mul(), as assign() wrote over it');
refused("an output", (x) => x.exp(), (_x, _w, y) => y.fill(1), '"y" of exp(), as fill() wrote over it');
refused("through a view", (x, w) => x.mul(w), (x) => x.narrow(0, 1).fill(9), '"a" of mul(), as fill() wrote over it');
refused(
  "the tensor behind a saved view",
  (x, w) => x.reshape([1, 2]).mul(w),
  (x) => x.fill(9),
  '"a" of mul(), as fill() wrote over it',
);
refused(
  "the input of a defined op",
  (x) => defineOp({ name: "double", forward: (x: Tensor) => x.mul(2), backward: (dy) => [dy.mul(2)] })(x),
  (x) => x.fill(9),
  '"input 0" of double(), as fill() wrote over it',
);
refused("by an op of another shape and a later write", (x) => x.sigmoid(), (x) => {
  noGrad(() => x.add(1));
  x.fill(1);
}, '"x" of sigmoid(), as fill() wrote');

Deno.test("overwritten before backward: the weight of a convolution", () => {
  using device = new Device("cpu", { threads: 1 });
  const ones = (shape: number[]): Tensor =>
    tensor(new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1), shape, { device });
  scope(() => {
    const [image, weight] = [ones([1, 3, 3, 2]).requireGrad(), ones([2, 2, 2, 2])];
    const y = conv2d(image, weight);
    weight.fill(2);
    assertThrows(() => y.sum().backward(), StateError, '"weight" of conv2d(), as fill() wrote over it');
  });
});

Deno.test("not refused: writes to what no gradient needs, and after backward", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2], undefined, { device }).requireGrad();
  using w = tensor([3, 4], undefined, { device });
  scope(() => {
    // x · w with a constant w saves w alone; a sum saves nothing.
    const y = x.mul(w).sum();
    x.fill(0);
    y.backward();
    w.fill(0);
    x.add(w).sum().backward();
  });
  assertEquals(Array.from(await x.grad!.data()), [4, 5]);
});

Deno.test("not refused: batch norm in training, whose running statistics are written at each step", async () => {
  using device = new Device("cpu", { threads: 1 });
  const make = (values: number[], shape: number[]): Tensor => tensor(values, shape, { device });
  using x = make([1, 2, 3, 5], [4, 1]).requireGrad();
  using weight = make([1], [1]).requireGrad();
  using bias = make([0], [1]).requireGrad();
  using runningMean = make([0], [1]);
  using runningVariance = make([1], [1]);
  const norm = (training: boolean): Tensor => {
    return batchNorm(x, { weight, bias, runningMean, runningVariance, training, momentum: 0.5 });
  };
  scope(() => {
    const [first, second] = [norm(true), norm(true)];
    first.mul(first).sum().backward();
    second.mul(second).sum().backward();
  });
  assertEquals(await runningMean.item(), 2.75 * (0.5 + 0.25));
  scope(() => {
    const y = norm(false);
    runningMean.fill(0);
    const message = '"runningMean" of batch_norm_eval(), as fill() wrote over it';
    assertThrows(() => y.sum().backward(), StateError, message);
  });
});
