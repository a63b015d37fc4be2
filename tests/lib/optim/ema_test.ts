import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, evaluate, nn, optim, type State, type Tensor, tensor } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

class One extends nn.Module {
  readonly weight: nn.Parameter;
  readonly statistic: nn.Buffer;
  readonly count: nn.Buffer;

  constructor(device: Device) {
    super();
    this.weight = nn.Parameter.of(tensor([1, -2], undefined, { device }));
    this.statistic = nn.Buffer.of(tensor([8], undefined, { device }));
    this.count = nn.Buffer.of(tensor([0], undefined, { dtype: "i32", device }));
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
}

Deno.test("Ema: is the average by its formula, of parameters and running statistics", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new One(device);
  using ema = new optim.Ema(model, { decay: 0.25 });
  let [first, second, statistic] = [1, -2, 8];
  for (let step = 1; step <= 5; step++) {
    using weights = tensor([step, step * step], undefined, { device });
    model.weight.assign(weights);
    model.statistic.fill(-step);
    model.count.fill(step);
    ema.update();
    const keep = Math.min(0.25, step / (step + 9));
    first = keep * first + (1 - keep) * step;
    second = keep * second + (1 - keep) * step * step;
    statistic = keep * statistic - (1 - keep) * step;
  }
  const state = ema.state();
  const average = await state.get("model.weight")!.data();
  assertAlmostEquals(average[0]!, first, 1e-5);
  assertAlmostEquals(average[1]!, second, 1e-5);
  assertAlmostEquals(await state.get("model.statistic")!.item(), statistic, 1e-5);
  assertEquals([await state.get("model.count")!.item(), await state.get("count")!.item()], [5, 5]);
});

Deno.test("Ema: during() lends the averaged weights and gives the model's own back, whatever happens", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new One(device);
  using ema = new optim.Ema(model, { decay: 0.5 });
  model.weight.fill(7);
  const seen = await ema.during(() => model.weight.data());
  assertEquals([[...seen], [...await model.weight.data()]], [[1, -2], [7, 7]]);
  await assertRejects(() => ema.during(() => Promise.reject(new Error("a listener's own"))), Error, "a listener's own");
  assertEquals([...await model.weight.data()], [7, 7]);
  assertThrows(() => new optim.Ema(model, { decay: 1 }), RangeError, "Expected `decay` from 0 to below 1, got 1");
});

Deno.test("Trainer: an average of the weights is measured beside them, is part of the state, and changes no weight", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 64, { training: true });
  const states: State[] = [];
  const live: string[][] = [];
  for (const options of [{}, { ema: 0.9 }, { ema: 0.9, capture: false }]) {
    using model = tinyModel(device);
    using trainer = tinyTrainer(model, options);
    const stops: string[] = [];
    trainer.on("epochEnd", () => {
      const { handles, storages, systemAllocations } = device.stats();
      stops.push(JSON.stringify({ handles, storages, systemAllocations }));
    });
    const valid = set.batches(64, { shuffle: false });
    const result = await trainer.fit(set.batches(8), { epochs: 4, valid });
    states.push(await trainer.state());
    live.push(stops);
    assertEquals(result.top1Ema === null, !("ema" in options));
    if (trainer.ema === undefined) continue;
    const again = await trainer.ema.during(() => evaluate(model, valid.at({ epoch: 0 })));
    assertEquals([again.top1, again.loss], [result.top1Ema, result.lossEma]);
    assertEquals(result.lossEma === result.loss, false);
  }
  const own = (index: number): Map<string, unknown> =>
    new Map([...states[index]!.tensors].filter(([name]) => !name.startsWith("ema.")));
  assertEquals(own(1), own(0) as Map<string, unknown>);
  assertEquals(fingerprint(states[2]!), fingerprint(states[1]!), "recorded steps average as steps call by call do");
  assertEquals(states[1]!.tensors.get("ema.count")!.data[0], 32);
  for (const stops of live) assertEquals(stops[3], stops[2], "no native buffer is left behind");
});
