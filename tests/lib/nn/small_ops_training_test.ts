/** A network of numbers in and the small ops between: trained eagerly and captured, by any number of threads, bit for bit. */
import { assertEquals, assertLess } from "@std/assert";
import {
  arange,
  capture,
  crossEntropy,
  Device,
  leakyRelu,
  nn,
  optim,
  scoped,
  softplus,
  stack,
  type Tensor,
  tensor,
  where,
} from "../../../mod.ts";

/** Says how often the first of its numbers occurs, from two embeddings, of the numbers and of their places. */
class Counter extends nn.Module {
  readonly numbers: nn.Embedding;
  readonly places: nn.Embedding;
  readonly head: nn.Linear;

  constructor(device: Device) {
    super();
    const options = { device, init: new nn.UniformInit({ seed: 4 }) };
    this.numbers = new nn.Embedding(5, 6, options);
    this.places = new nn.Embedding(4, 6, { ...options, std: 0.1 });
    this.head = new nn.Linear(12, 5, options);
  }

  override forward(x: Tensor): Tensor {
    const places = this.places.forward(arange(4, { device: x.device }));
    const all = leakyRelu(this.numbers.forward(x).add(places), { negativeSlope: 0.1 });
    const [first, rest] = all.split([1, 3], 1);
    const near = where(
      x.slice([0, 1], [x.shape[0]!, 3]).lessEqual(2).reshape([-1, 3, 1]),
      rest!,
      rest!.min(1, { keepDims: true }),
    );
    const spread = softplus(near.variance(1));
    return this.head.forward(stack([first!.reshape([-1, 6]), spread], 1).reshape([-1, 12]));
  }
}

async function train(options: { threads: number; captured: boolean }): Promise<{ losses: number[]; weights: unknown }> {
  using device = new Device("cpu", { threads: options.threads });
  using model = new Counter(device);
  using opt = optim.adamw().bind(model, { lr: 0.05 });
  const plain = (x: Tensor, labels: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(x), labels);
    loss.backward();
    opt.step();
    return loss;
  };
  using captured = options.captured ? capture(plain) : undefined;
  const step = captured ?? scoped(plain);
  const losses = [];
  for (let i = 0; i < 30; i++) {
    const numbers = Array.from(
      { length: 32 },
      (_, sample) => Array.from({ length: 4 }, (_, j) => (sample * (j + 3) + i % 3) % 5),
    );
    using x = tensor(numbers, { dtype: "i32", device });
    using labels = tensor(numbers.map((row) => row.filter((each) => each === row[0]).length), { dtype: "i32", device });
    using loss = step(x, labels);
    losses.push(await loss.item());
  }
  return { losses, weights: await Promise.all([...model.namedParameters().values()].map((each) => each.data())) };
}

Deno.test("small ops in a network: eager and captured, with one thread and two, are the same bits, and it learns", async () => {
  const eager = await train({ threads: 1, captured: false });
  assertEquals(await train({ threads: 2, captured: false }), eager);
  assertEquals(await train({ threads: 2, captured: true }), eager);
  assertLess(eager.losses.at(-1)!, 0.5 * eager.losses[0]!);
});
