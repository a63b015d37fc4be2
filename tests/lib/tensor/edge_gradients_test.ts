/** Gradients where a function bends, ends or leaves the numbers: what PyTorch gives there. */
import { assertEquals } from "@std/assert";
import { Device, leakyRelu, scope, softplus, type Tensor, tensor, where } from "../../../mod.ts";

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: low } = Number;

/** The gradients of a function's sum at some values, in f64. */
async function gradients(values: number[][], apply: (...inputs: Tensor[]) => Tensor): Promise<number[][]> {
  using device = new Device("cpu", { threads: 1 });
  const inputs = values.map((list) => tensor(list, undefined, { device, dtype: "f64" }).requireGrad());
  scope(() => {
    const y = apply(...inputs);
    const dy = tensor(Array(y.size).fill(1), y.shape, { device, dtype: "f64" });
    y.backward(dy);
  });
  const found = await Promise.all(inputs.map(async ({ grad }) => [...await grad!.data()]));
  for (const input of inputs) input.dispose();
  return found.map((list) => list.map((value) => value === 0 ? 0 : value));
}

Deno.test("pow() has its gradient at 0: 0 for the power 0, 1 for 1, infinite below", async () => {
  const at = [-2, 0, 2, inf];
  const of = async (power: number): Promise<number[]> => (await gradients([at], (x) => x.pow(power)))[0]!;
  assertEquals(await of(0), [0, 0, 0, 0]);
  assertEquals(await of(1), [1, 1, 1, 1]);
  assertEquals(await of(2), [-4, 0, 4, inf]);
  assertEquals(await of(3), [12, 0, 12, inf]);
  assertEquals(await of(0.5), [nan, inf, 0.5 / Math.sqrt(2), 0]);
  assertEquals(await of(-1), [-0.25, low, -0.25, 0]);
  assertEquals((await gradients([[nan]], (x) => x.pow(0)))[0], [0]);
});

Deno.test("sqrt(), log(), abs(), exp() and relu() at the ends of what they are defined for", async () => {
  assertEquals(await gradients([[-1, 0, 4, inf]], (x) => x.sqrt()), [[nan, inf, 0.25, 0]]);
  assertEquals(await gradients([[0, 2, inf]], (x) => x.log()), [[inf, 0.5, 0]]);
  assertEquals(await gradients([[-3, 0, -0, 3, low, inf]], (x) => x.abs()), [[-1, 0, 0, 1, -1, 1]]);
  assertEquals(await gradients([[low, 0, inf]], (x) => x.exp()), [[0, 1, inf]]);
  assertEquals(await gradients([[low, 0, 1, inf]], (x) => x.relu()), [[0, 0, 1, 1]]);
});

Deno.test("max(), maximum() and minimum() share the gradient among ties, infinite ones too", async () => {
  assertEquals(await gradients([[1, 3, 3, low]], (x) => x.max()), [[0, 0.5, 0.5, 0]]);
  assertEquals(await gradients([[inf, 3, inf, low]], (x) => x.max()), [[0.5, 0, 0.5, 0]]);
  const pair = [[0, 1, 2, inf, low], [1, 1, 1, inf, 1]];
  assertEquals(await gradients(pair, (a, b) => a.maximum(b)), [[0, 0.5, 1, 0.5, 0], [1, 0.5, 0, 0.5, 1]]);
  assertEquals(await gradients(pair, (a, b) => a.minimum(b)), [[1, 0.5, 0, 0.5, 1], [0, 0.5, 1, 0.5, 0]]);
});

Deno.test("min() shares the gradient among ties, infinite ones too", async () => {
  assertEquals(await gradients([[1, 3, 1, inf]], (x) => x.min()), [[0.5, 0, 0.5, 0]]);
  assertEquals(await gradients([[low, 3, low, inf]], (x) => x.min()), [[0.5, 0, 0.5, 0]]);
});

Deno.test("softplus() and leakyRelu() at the ends and at 0", async () => {
  assertEquals(await gradients([[low, -800, 0, 800, inf]], softplus), [[0, 0, 0.5, 1, 1]]);
  assertEquals(await gradients([[low, -1, 0, -0, 1, inf]], (x) => leakyRelu(x, { negativeSlope: 0.25 })), [
    [0.25, 0.25, 0.25, 0.25, 1, 1],
  ]);
});

Deno.test("where(): what is not taken gets 0, though its own slope is none", async () => {
  const pair = [[-1, 0, 4], [nan, inf, 2]];
  assertEquals(await gradients(pair, (a, b) => where(a.greater(0), a, b.mul(b))), [[0, 0, 1], [nan, inf, 0]]);
  assertEquals(await gradients([[-1, 0, 4]], (x) => where(x.greater(0), where(x.greater(0), x, 1).sqrt(), 0)), [
    [0, 0, 0.25],
  ]);
});

Deno.test("maximum() and minimum(): beside a NaN both get the gradient", async () => {
  const pair = [[nan, 1], [1, nan]];
  assertEquals(await gradients(pair, (a, b) => a.maximum(b)), [[1, 1], [1, 1]]);
  assertEquals(await gradients(pair, (a, b) => a.minimum(b)), [[1, 1], [1, 1]]);
});

Deno.test("div() has its gradient where the square of the divisor is beyond the numbers", async () => {
  const [huge, tiny] = [2 ** 600, 2 ** -600];
  assertEquals(await gradients([[huge, tiny, 1, 1, 0], [huge, tiny, 0, inf, 2]], (a, b) => a.div(b)), [
    [tiny, huge, inf, 0, 0.5],
    [-tiny, -huge, low, 0, 0],
  ]);
});
