/** Where initial weights come from. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { crossEntropy, Device, nn, randn, relu, scope, type Tensor, tensor } from "../../../mod.ts";

async function valuesOf(tensor: Tensor): Promise<number[]> {
  return [...await tensor.data()];
}

/** Bounds, and the standard deviation of uniform numbers between them. */
async function assertUniform(parameter: Tensor, bound: number): Promise<void> {
  const values = await valuesOf(parameter);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  assert(values.every((value) => Math.abs(value) <= bound * (1 + 1e-6)), `within ${bound}`);
  assertAlmostEquals(mean / bound, 0, 5 / Math.sqrt(3 * values.length));
  assertAlmostEquals(deviation / bound, 1 / Math.sqrt(3), 0.05);
}

Deno.test("Linear and Conv2d start as PyTorch's: uniform to 1/√fanIn, weight and bias", async () => {
  using device = new Device("cpu", { threads: 1 });
  using linear = new nn.Linear(64, 900, { device });
  await assertUniform(linear.weight, 1 / 8);
  await assertUniform(linear.bias!, 1 / 8);
  using conv = new nn.Conv2d(16, 800, { device, kernel: [3, 2], groups: 4 });
  await assertUniform(conv.weight, 1 / Math.sqrt(3 * 2 * 4));
  await assertUniform(conv.bias!, 1 / Math.sqrt(3 * 2 * 4));
});

Deno.test("Linear: a small network's first loss is near ln(classes)", async () => {
  using device = new Device("cpu", { threads: 1 });
  const init = new nn.UniformInit({ seed: 0 });
  using first = new nn.Linear(784, 128, { device, init });
  using last = new nn.Linear(128, 10, { device, init });
  using x = randn([64, 784], { device, seed: 1 });
  using y = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10), [64], { device });
  using loss = scope(() => crossEntropy(last.forward(relu(first.forward(x))), y));
  assertAlmostEquals(await loss.item(), Math.log(10), 0.05);
});

Deno.test("UniformInit: weights follow from the seed, and every draw has numbers of its own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const make = (init: nn.Init): nn.Linear => new nn.Linear(4, 4, { device, init });
  const init = new nn.UniformInit({ seed: 3 });
  using a = make(init);
  using b = make(init);
  using again = make(new nn.UniformInit({ seed: 3 }));
  assertEquals(await valuesOf(again.weight), await valuesOf(a.weight));
  assertEquals(await valuesOf(again.bias!), await valuesOf(a.bias!));
  const draws = await Promise.all([a.weight, b.weight].map(valuesOf));
  assertEquals(String(draws[0]) === String(draws[1]), false);
  using empty = new nn.Linear(0, 2, { device });
  assertEquals(await valuesOf(empty.bias!), [0, 0], "a sum of nothing has no spread");
});

Deno.test("Init: a class of one's own says how layers start", async () => {
  class Ones extends nn.Init {
    override weight(shape: readonly number[], fanIn: number, options: nn.ModuleOptions): Tensor {
      return tensor(Array(shape.reduce((a, b) => a * b, 1)).fill(1 / fanIn), shape, options);
    }
    override bias(shape: readonly number[], _fanIn: number, options: nn.ModuleOptions): Tensor {
      return tensor(Array(shape[0]).fill(7), shape, options);
    }
  }
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.Linear(2, 1, { device, init: new Ones() });
  assertEquals([await valuesOf(layer.weight), await valuesOf(layer.bias!)], [[0.5, 0.5], [7]]);
});
