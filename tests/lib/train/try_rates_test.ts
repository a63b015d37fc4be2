/** Steps at rates that are only tried: everything is as it was afterwards. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { data, Device, nn, optim, StateError, type Tensor, Trainer, type TrainerOptions } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

const rates = [1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.01, 0.02];

/** A network that draws, counts and keeps statistics: dropout and batch norms. */
class Drawing extends nn.Module {
  readonly body: nn.Module<Tensor, Tensor>;
  readonly drop: nn.Dropout;
  readonly head: nn.Linear;

  constructor(device: Device) {
    super();
    this.body = tinyModel(device) as unknown as nn.Module<Tensor, Tensor>;
    this.drop = new nn.Dropout({ p: 0.3, device, seed: 6 });
    this.head = new nn.Linear(4, 4, { device, init: new nn.UniformInit({ seed: 5 }) });
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.drop.forward(this.body.forward(x)));
  }
}

interface Options extends Partial<TrainerOptions> {
  /** Rates are tried after so many steps. */
  after?: number;
  bits?: number;
}

/** The state of a training in whose course rates were tried or not, and what that found. */
async function trained(
  { after, ...options }: Options = {},
): Promise<{ state: string; before?: string; tried?: string }> {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  using model = new Drawing(device);
  using trainer = tinyTrainer(model as never, options);
  const batches = set.batches(8, { seed: 1, shift: 1, flip: 0.5 });
  let found: { before?: string; tried?: string } = {};
  const attempt = async (): Promise<void> => {
    const { optimizer } = trainer;
    const known = [optimizer.steps, optimizer.lr, optimizer.begun, model.training];
    const before = fingerprint(await trainer.state());
    const { losses, notFinite } = await trainer.tryRates(batches, rates);
    assertEquals([losses.length, notFinite, trainer.counters.step], [rates.length, null, after]);
    assertEquals([optimizer.steps, optimizer.lr, optimizer.begun, model.training], known);
    found = { before, tried: fingerprint(await trainer.state()) };
  };
  if (after === 0) await attempt();
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === after ? stop.abort() : undefined);
  await trainer.fit(batches, { epochs: 2, signal: stop.signal });
  if (after !== undefined && after > 0) await attempt();
  if (trainer.counters.epoch < 2) await trainer.fit(batches, { epochs: 2 });
  assertEquals(trainer.counters.step, 12);
  return { state: fingerprint(await trainer.state()), ...found };
}

const kinds: Record<string, Partial<TrainerOptions>> = {
  "Ranger, captured": {},
  "Ranger, op by op": { capture: false },
  "with an average of the weights": { ema: 0.9 },
  "two batches a step, clipped": { accumulate: 2, clipNorm: 0.5 },
  "in bf16": { dtype: "bf16" },
  "AdamW": { optimizer: optim.adamw({ wd: 0.1 }) },
  "Muon beside AdamW": { optimizer: optim.together(optim.muon({ mom: 0.9 }), optim.adamw()) },
  "with mixup": { transformBatch: data.mixup({ alpha: 0.4 }) },
};

for (const [name, options] of Object.entries(kinds)) {
  Deno.test(`tryRates: a training goes on as if no rate had been tried, bit for bit: ${name}`, async () => {
    if (options.accumulate === 2) return await accumulated(options);
    const plain = await trained(options);
    for (const after of [0, 5, 12]) {
      const { state, before, tried } = await trained({ ...options, after });
      assertEquals(tried, before, `after ${after} steps, at once`);
      assertEquals(state, plain.state, `after ${after} steps, at the end`);
    }
  });
}

/** As above, with half as many steps. */
async function accumulated(options: Partial<TrainerOptions>): Promise<void> {
  using device = new Device("cpu", { threads: 1 });
  const states: string[] = [];
  for (const tries of [false, true]) {
    using set = tinyData(device, 48, { training: true });
    using model = new Drawing(device);
    using trainer = tinyTrainer(model as never, options);
    const batches = set.batches(8, { seed: 1 });
    if (tries) assertEquals((await trainer.tryRates(batches, rates)).losses.length, rates.length);
    await trainer.fit(batches, { epochs: 2 });
    assertEquals(trainer.counters.step, 6);
    states.push(fingerprint(await trainer.state()));
  }
  assertEquals(states[1], states[0]);
}

Deno.test("tryRates: its losses are those of steps at these rates, and of batches in a training's order, over its epochs", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 24, { training: true });
  const batches = set.batches(8, { seed: 3 });
  const found: number[][] = [];
  for (const capture of [true, false]) {
    using model = tinyModel(device);
    using trainer = tinyTrainer(model, { capture });
    const told: [number, number][] = [];
    const { losses } = await trainer.tryRates(batches, rates, { onStep: (step, loss) => void told.push([step, loss]) });
    assertEquals(told, losses.map((loss, step) => [step, loss]));
    found.push([...losses]);
  }
  assertEquals(found[1], found[0], "recorded steps are the steps op by op");
  using model = tinyModel(device);
  using trainer = new Trainer(model, {
    optimizer: optim.ranger({ wd: 1e-2 }),
    labelSmoothing: 0.1,
    schedule: {
      config: { name: "own" },
      over: () => (step: number): number => rates[step] ?? 0,
    } as unknown as optim.Schedule,
  });
  const steps: number[] = [];
  trainer.on("losses", (losses) => void steps.push(...losses.map(({ loss }) => loss)));
  await trainer.fit(batches, { epochs: 3 });
  assertEquals(steps.slice(0, rates.length), found[0]);
});

Deno.test("tryRates: a step that is not finite ends it, everything is put back, and the training goes on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  const batches = set.batches(8, { seed: 3 });
  for (const capture of [true, false]) {
    using model = tinyModel(device);
    using trainer = tinyTrainer(model, { capture, optimizer: optim.sgd({ mom: 0 }) });
    const before = fingerprint(await trainer.state());
    const { losses, notFinite } = await trainer.tryRates(batches, [0.01, 0.01, 0.01, 3e38, 3e38, 3e38, 3e38]);
    assert(losses.length >= 4 && losses.length < 7, `${losses}`);
    assert(losses.every((loss) => Number.isFinite(loss)));
    assert(typeof notFinite === "string" && notFinite.length > 5, `${notFinite}`);
    assertEquals(fingerprint(await trainer.state()), before);
    const { trainLoss } = await trainer.fit(batches, { epochs: 1 });
    assert(Number.isFinite(trainLoss));
  }
});

Deno.test("tryRates: a listener ends it, a signal too, which puts everything back; an error in a loss likewise", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  const batches = set.batches(8, { seed: 3 });
  using model = tinyModel(device);
  let fails = false;
  using trainer = tinyTrainer(model, {
    labelSmoothing: undefined,
    capture: false,
    loss: (output, { labels }) => {
      if (fails) throw new Error("no loss today");
      return nn.crossEntropyLoss()(output, { labels });
    },
  });
  const before = fingerprint(await trainer.state());
  const short = await trainer.tryRates(batches, rates, { onStep: (step) => step < 2 });
  assertEquals(short.losses.length, 3);
  const stop = new AbortController();
  const onStep = (step: number): void => step === 3 ? stop.abort(new Error("enough")) : undefined;
  await assertRejects(() => trainer.tryRates(batches, rates, { onStep, signal: stop.signal }), Error, "enough");
  assertEquals(fingerprint(await trainer.state()), before);
  fails = true;
  await assertRejects(() => trainer.tryRates(batches, rates), Error, "no loss today");
  assertEquals(fingerprint(await trainer.state()), before);
  fails = false;
  assertEquals((await trainer.tryRates(batches, rates)).losses.length, rates.length);
  assertEquals(fingerprint(await trainer.state()), before);
});

Deno.test("tryRates: nothing stays on the device, and modes are put back", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  const batches = set.batches(8, { seed: 3 });
  using model = tinyModel(device);
  model.eval();
  using trainer = tinyTrainer(model);
  await trainer.tryRates(batches, rates);
  const { handles } = device.stats();
  await trainer.tryRates(batches, rates);
  assertEquals(device.stats().handles, handles);
  assertEquals(model.training, false);
});

Deno.test("tryRates: weights that come in between tries and training are those that Lookahead begins from", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  const batches = set.batches(8, { seed: 3 });
  using other = tinyModel(device, { seed: 9 });
  const states: string[] = [];
  for (const tries of [false, true]) {
    using model = tinyModel(device);
    using trainer = tinyTrainer(model, { ema: 0.9 });
    if (tries) await trainer.tryRates(batches, rates);
    const values = other.state();
    for (const [path, value] of model.state()) value.assign(values.get(path)!);
    await trainer.fit(batches, { epochs: 1 });
    states.push(fingerprint(await trainer.state()));
  }
  assertEquals(states[1], states[0]);
});

Deno.test("tryRates: what is no rate, no option or no batches is refused, and so is a second training", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  const batches = set.batches(8, { seed: 3 });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const refused = async (given: unknown, kind: new (message: string) => Error, message: string): Promise<void> =>
    void await assertRejects(() => trainer.tryRates(batches, given as number[]), kind, message);
  await refused([], RangeError, "Expected at least one rate, got none");
  await refused(0.1, TypeError, "`rates` as an array of numbers, got 0.1");
  await refused([0.1, -1], RangeError, "`rates[1]` as a number from 0 to 3.4028234663852886e+38, as f32 holds, got -1");
  await refused([NaN], RangeError, "`rates[0]`");
  await refused([1e39], RangeError, "`rates[0]`");
  await assertRejects(() => trainer.tryRates([] as never, rates), StateError, "got none");
  await assertRejects(
    () => trainer.tryRates(batches, rates, { steps: 3 } as never),
    TypeError,
    "Expected options among",
  );
  const under = trainer.tryRates(batches, rates);
  await assertRejects(() => trainer.fit(batches, { epochs: 1 }), StateError, "one training at a time");
  await assertRejects(() => trainer.tryRates(batches, rates), StateError, "Expected no training beside it");
  await under;
  const once = Object.assign(
    (async function* (): AsyncGenerator<data.Batch> {
      for await (const batch of set.batches(8, { seed: 3 })) yield batch;
    })(),
    { length: 6 },
  );
  await assertRejects(() => trainer.tryRates(once as never, rates), StateError, "got 0");
  assertNotEquals(trainer.optimizer, undefined);
});
