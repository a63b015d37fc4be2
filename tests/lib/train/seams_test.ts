/** Trainings of a script's own: losses, metrics, batches, several tensors in and out. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import {
  concat,
  data,
  Device,
  evaluate,
  nn,
  optim,
  RunFolder,
  StateError,
  type StepLoss,
  type Tensor,
  tensor,
  Trainer,
  type TrainerOptions,
  zeros,
} from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

type Pair = readonly [Tensor, Tensor];
type Answer = { readonly sum: Tensor; readonly product: Tensor };

/** Sums and products of pairs of numbers. */
class Arithmetic extends nn.Module<Pair, Answer> {
  readonly hidden: nn.Linear;
  readonly sum: nn.Linear;
  readonly product: nn.Linear;

  constructor(device: Device) {
    super();
    const options = (seed: number): nn.LayerOptions => ({ device, init: new nn.KaimingInit({ seed }) });
    this.hidden = new nn.Linear(2, 16, options(0));
    this.sum = new nn.Linear(16, 1, options(1));
    this.product = new nn.Linear(16, 1, options(2));
  }

  override forward(pair: Pair): Answer {
    const hidden = this.hidden.forward(concat([...pair], 1)).relu();
    return { sum: this.sum.forward(hidden), product: this.product.forward(hidden) };
  }
}

type Batch = { readonly inputs: Pair; readonly targets: Answer };

/** Batches of so many pairs, and what lets go of them. */
function pairs(device: Device, sizes: readonly number[]): { batches: Batch[]; [Symbol.dispose](): void } {
  const made: Tensor[] = [];
  const column = (values: readonly number[]): Tensor => {
    const held = tensor(Float32Array.from(values), [values.length, 1], { device }).detachFromScope();
    made.push(held);
    return held;
  };
  let number = 0;
  const batches = sizes.map((size): Batch => {
    const numbers = Array.from({ length: size }, () => [(number++ * 7 % 11) / 11, (number * 5 % 13) / 13] as const);
    return {
      inputs: [column(numbers.map(([a]) => a)), column(numbers.map(([, b]) => b))],
      targets: { sum: column(numbers.map(([a, b]) => a + b)), product: column(numbers.map(([a, b]) => a * b)) },
    };
  });
  return { batches, [Symbol.dispose]: () => made.forEach((each) => each.dispose()) };
}

const square = (x: Tensor): Tensor => x.mul(x).mean();
const loss: nn.Loss<Pair, Answer, Answer> = ({ sum, product }, { targets }) =>
  square(sum.sub(targets.sum)).add(square(product.sub(targets.product)));
const sumError: nn.Metric<Pair, Answer, Answer> = ({ sum }, { targets }) => sum.sub(targets.sum).abs().mean();

function start(
  model: Arithmetic,
  options: Partial<TrainerOptions<Pair, Answer, Answer>> = {},
): Trainer<Pair, Answer, Answer> {
  const schedule = optim.cosine({ lr: 1e-2 });
  return new Trainer(model, { optimizer: optim.adamw(), schedule, loss, metrics: { sumError }, ...options });
}

Deno.test("Trainer: several tensors in and out, with their loss and metric, recorded and call by call the same", async () => {
  const states: string[] = [];
  for (const capture of [true, false]) {
    using device = new Device("cpu", { threads: 1 });
    using train = pairs(device, [8, 8, 8, 5]);
    using valid = pairs(device, [6, 4]);
    using model = new Arithmetic(device);
    using trainer = start(model, { capture });
    const steps: StepLoss[] = [];
    trainer.on("losses", (losses) => void steps.push(...losses));
    const result = await trainer.fit(train.batches, { epochs: 30, valid: valid.batches });
    assertEquals([result.top1, result.top5, result.trainTop1, result.steps], [null, null, null, 120]);
    assert(result.trainLoss! < 0.05 * steps[0]!.loss, `${result.trainLoss} of ${steps[0]!.loss}`);
    // Means over the samples, not over the batches.
    const last = steps.slice(-4).map(({ metrics }) => metrics!["sumError"]!);
    const mean = last.reduce((sum, value, step) => sum + value * [8, 8, 8, 5][step]!, 0) / 29;
    assertAlmostEquals(result.trainMetrics["sumError"]!, mean, 1e-9);
    const again = await evaluate(model, valid.batches, { loss, metrics: { sumError } });
    assertEquals(again, { top1: null, top5: null, loss: result.loss!, metrics: result.metrics, n: 10 });
    states.push(fingerprint(await trainer.state()));
  }
  assertEquals(states[0], states[1]);
});

Deno.test("Trainer: own metrics are in events, in metrics.csv with that of the averaged weights, and in result.json", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [8, 5]);
  using model = new Arithmetic(device);
  using trainer = start(model, { ema: 0.5, clipNorm: 1 });
  const begun: unknown[] = [];
  const ends: (number | null | undefined)[] = [];
  trainer.on(
    "fitBegin",
    ({ metrics, clipNorm, accumulate, samples }) => void begun.push({ metrics, clipNorm, accumulate, samples }),
  );
  trainer.on("epochEnd", ({ evaluation }) => void ends.push(evaluation?.metrics["sumError"]));
  const runFolder = await RunFolder.createAt(join(folder.path, "run"), { config: {} });
  const result = await trainer.fit(train.batches, { epochs: 2, valid: train.batches, runFolder });
  assertEquals(begun, [{ metrics: ["sumError"], clipNorm: 1, accumulate: 1, samples: null }]);
  const [title = "", ...rows] = (await Deno.readTextFile(join(runFolder.path, "metrics.csv"))).trimEnd().split("\n");
  assert(title.endsWith(",trainSumError,sumError,sumErrorEma"), title);
  const columns = title.split(",");
  const cells = rows.map((row) => row.split(","));
  assertEquals(cells.map((row) => Number(row[columns.indexOf("sumError")])), ends);
  assertEquals(Number(cells[1]![columns.indexOf("sumErrorEma")]), result.metricsEma["sumError"]);
  assertEquals(cells.map((row) => [row.length, row[columns.indexOf("top1")]]), [[columns.length, ""], [
    columns.length,
    "",
  ]]);
  const saved = JSON.parse(await Deno.readTextFile(join(runFolder.path, "result.json")));
  assertEquals([saved.metrics, saved.trainMetrics], [result.metrics, result.trainMetrics]);
});

/** An iterable with a length, and with `at()` where it can be entered anywhere. */
function iterable(
  batches: readonly Batch[],
  options: { at?: boolean; length?: number },
): data.BatchSource<Pair, Answer> {
  const from = async function* (first: number): AsyncGenerator<Batch> {
    for (const batch of batches.slice(first)) yield await Promise.resolve(batch);
  };
  return {
    length: options.length ?? batches.length,
    config: { kind: "pairs" },
    [Symbol.asyncIterator]: () => from(0),
    ...(options.at ? { at: ({ batch = 0 }: { batch?: number }) => from(batch) } : {}),
  };
}

Deno.test("Trainer: an array, an iterable, and one with at() train alike; stopped, the first and last go on bit for bit", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4, 4, 4, 4, 3]);
  const sources = { array: train.batches, at: iterable(train.batches, { at: true }) };
  const whole = async (source: data.BatchSource<Pair, Answer>): Promise<string> => {
    using model = new Arithmetic(device);
    using trainer = start(model);
    await trainer.fit(source, { epochs: 2 });
    return fingerprint(await trainer.state()).replaceAll(/"sampler":\{.*?\},/g, "");
  };
  const wanted = await whole(sources.array);
  assertEquals(await whole(iterable(train.batches, {})), wanted);
  for (const source of Object.values(sources)) {
    using model = new Arithmetic(device);
    using first = start(model);
    const stop = new AbortController();
    first.on("batchEnd", ({ step }) => step === 7 ? stop.abort() : undefined);
    await first.fit(source, { epochs: 2, signal: stop.signal });
    const state = await first.state();
    assertEquals([state.counters.epoch, state.counters.batch], [1, 2]);
    using other = new Arithmetic(device);
    using second = start(other);
    second.load(state);
    await second.fit(source, { epochs: 2 });
    assertEquals(fingerprint(await second.state()).replaceAll(/"sampler":\{.*?\},/g, ""), wanted);
    // One that cannot be entered there is refused, and forced leaves out what was done: here it is the same again.
    using third = start(other);
    third.load(state);
    const plain = iterable(train.batches, {});
    await assertRejects(() => third.fit(plain, { epochs: 2 }), StateError, "fit(): Expected");
    await third.fit(plain, { epochs: 2, force: true });
    assertEquals(fingerprint(await third.state()).replaceAll(/"sampler":\{.*?\},/g, ""), wanted);
  }
});

Deno.test("Trainer: batches that are fewer than their length, none or without inputs are refused", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4, 4]);
  using model = new Arithmetic(device);
  using trainer = start(model);
  const few = iterable(train.batches, { length: 3 });
  await assertRejects(
    () => trainer.fit(few, { epochs: 1 }),
    StateError,
    "Expected 3 batches an epoch, as their `length` says, got 2",
  );
  await assertRejects(() => trainer.fit([], { epochs: 1 }), RangeError, "at least one batch an epoch, got none");
  using fresh = start(model);
  const strange = [{ x: 1 }] as unknown as Batch[];
  await assertRejects(() => fresh.fit(strange, { epochs: 1 }), TypeError, "Expected batches with `inputs`");
  const endless = iterable([...train.batches, ...train.batches], { length: 1 });
  using other = start(model);
  const { steps } = await other.fit(endless, { epochs: 3 });
  assertEquals(steps, 3);
  assertThrows(
    () => start(model, { metrics: { loss: sumError } }),
    TypeError,
    'name that is free for a metric, got "loss"',
  );
  assertThrows(
    () => start(model, { metrics: { correct5: sumError } }),
    TypeError,
    'name that is free for a metric, got "correct5"',
  );
  assertThrows(
    () => start(model, { clipNorm: 0 }),
    RangeError,
    "Expected `clipNorm`, the largest norm, above 0, got 0",
  );
  assertThrows(() => start(model, { accumulate: 1.5 }), RangeError, "`accumulate` as a whole number from 1, got 1.5");
});

Deno.test("Trainer: a metric that is not finite in validation is an error that names it, in training it is left out", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4]);
  using model = new Arithmetic(device);
  using trainer = start(model, { metrics: { wrong: ({ sum }) => sum.mul(0).log().mean() } });
  const { trainMetrics } = await trainer.fit(train.batches, { epochs: 1 });
  assertEquals(trainMetrics, { wrong: null });
  const measured = trainer.fit(train.batches, { epochs: 1, valid: train.batches });
  await assertRejects(() => measured, StateError, 'Expected a finite metric "wrong", got');
});

Deno.test("Trainer: classes keep their accuracy beside own metrics, and the epoch's draws of a transform are told apart", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16, { training: true });
  using model = tinyModel(device);
  const seen: unknown[] = [];
  using trainer = tinyTrainer(model, {
    capture: false,
    metrics: { confidence: (logits) => logits.max(1).mean() },
    transformBatch: ({ images }, { seed, epoch, index, classes }) => {
      seen.push({ seed, classes, shape: index.shape, epoch: epoch.shape });
      return { images: images.mul(1) };
    },
  });
  const { trainTop1, trainMetrics } = await trainer.fit(train.batches(8, { seed: 3 }), { epochs: 1 });
  assert(trainTop1 !== null && Number.isFinite(trainMetrics["confidence"]));
  assertEquals(seen, Array.from({ length: 2 }, () => ({ seed: 3, classes: 4, shape: [8], epoch: [] })));
});

Deno.test("Trainer: a step that throws in the script's own code leaves no gradient to the next step", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4, 4, 4]);
  const whole = async (fails?: Partial<TrainerOptions<Pair, Answer, Answer>>): Promise<string> => {
    using model = new Arithmetic(device);
    if (fails !== undefined) {
      using first = start(model, fails);
      await assertRejects(() => first.fit(train.batches, { epochs: 1 }), Error, "of the script");
      assert([...model.namedParameters().values()].every(({ grad }) => grad === null));
    }
    using trainer = start(model);
    await trainer.fit(train.batches, { epochs: 1 });
    return fingerprint(await trainer.state());
  };
  const wanted = await whole();
  const fail = (): never => {
    throw new Error("of the script");
  };
  assertEquals(await whole({ metrics: { sumError: fail } }), wanted);
  let calls = 0;
  const second: typeof loss = (output, batch) => ++calls === 2 ? fail() : loss(output, batch);
  assertEquals(await whole({ loss: second, accumulate: 2, capture: false }), wanted);
});

Deno.test("Trainer: an epoch goes on with metrics in another order, and refuses others, whose means would be of a part of it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4, 4, 4]);
  const large: typeof sumError = (output, batch) => sumError(output, batch).mul(1000);
  using model = new Arithmetic(device);
  using whole = start(model, { metrics: { sumError, large } });
  const stop = new AbortController();
  whole.on("batchEnd", () => stop.abort());
  await whole.fit(train.batches, { epochs: 1, signal: stop.signal });
  const state = await whole.state();
  const result = async (metrics: nn.Metrics<Pair, Answer, Answer>): Promise<unknown> => {
    using again = new Arithmetic(device);
    using trainer = start(again, { metrics });
    trainer.load(state);
    const { trainLoss, trainMetrics } = await trainer.fit(train.batches, { epochs: 1 });
    return { trainLoss, trainMetrics };
  };
  const wanted = await result({ sumError, large });
  assertEquals(await result({ large, sumError }), wanted);
  const unlike: nn.Metrics<Pair, Answer, Answer>[] = [{ sumError }, { sumError, large, third: sumError }, {}];
  for (const others of unlike) {
    await assertRejects(
      () => result(others),
      StateError,
      "fit(): Expected the metrics with which this epoch was begun, sumError, large, got",
    );
  }
});

Deno.test("Trainer: a metric that was not finite before a stop stays so in the epoch's mean, through a file's null", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4, 4]);
  let calls = 0;
  const metrics: nn.Metrics<Pair, Answer, Answer> = {
    once: ({ sum }) => ++calls === 1 ? sum.mul(0).log().sum() : sum.mean(),
  };
  using model = new Arithmetic(device);
  using first = start(model, { metrics, capture: false });
  const stop = new AbortController();
  first.on("batchEnd", () => stop.abort());
  await first.fit(train.batches, { epochs: 1, signal: stop.signal });
  const { tensors, counters } = await first.state();
  using second = start(model, { metrics, capture: false });
  second.load({ tensors, counters: JSON.parse(JSON.stringify(counters)) });
  assertEquals((await second.fit(train.batches, { epochs: 1 })).trainMetrics, { once: null });
});

Deno.test("Trainer: batches whose targets change their kind within an epoch are refused, as their values have no common mean", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 3, { device });
  using inputs = zeros([2, 2], { device });
  using labels = zeros([2], { device, dtype: "i32" });
  using values = zeros([2, 3], { device });
  using trainer = new Trainer(model, {
    optimizer: optim.sgd(),
    schedule: optim.constant({ lr: 1e-2 }),
    loss: (output) => output.pow(2).mean(),
  });
  const batches = [{ inputs, targets: labels }, { inputs, targets: values }];
  await assertRejects(
    () => trainer.fit(batches, { epochs: 1 }),
    StateError,
    "Expected each step of an epoch to measure loss, correct, as those before, got loss",
  );
});

Deno.test("Trainer, fit and evaluate name what is wrong with their arguments", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = pairs(device, [4]);
  using model = new Arithmetic(device);
  const wrong = (value: unknown): never => value as never;
  const options: [object, string][] = [
    [{ clipnorm: 1 }, "Trainer(): Expected options among optimizer, schedule,"],
    [{ optimizer: "sgd" }, 'Trainer(): Expected `optimizer`, say optim.adamw(), got "sgd"'],
    [{ schedule: 0.1 }, "Trainer(): Expected `schedule`, say optim.cosine({ lr: 1e-3 }), got 0.1"],
    [{ loss: 3 }, "Trainer(): Expected `loss` as a function, got 3"],
    [{ transformBatch: 3 }, "Trainer(): Expected `transformBatch` as a function, got 3"],
    [{ metrics: null }, "Trainer(): Expected `metrics` as functions by their names, got null"],
    [{ metrics: { correct5: sumError } }, 'free for a metric, got "correct5": "correct5" is taken'],
    [{ groups: 3 }, "bind(): Expected `groups` as an array, got 3"],
  ];
  for (const [given, message] of options) assertThrows(() => start(model, wrong(given)), TypeError, message);
  assertThrows(() => start(model, { seed: -1 }), RangeError, "`seed` as a whole number from 0 to 2^32 - 1, got -1");
  const steps: [object, string][] = [
    [{ loss: () => undefined }, "Trainer(): Expected `loss` to give a scalar Tensor, got nothing: is there a return?"],
    [{ loss: () => 3 }, "Expected `loss` to give a scalar Tensor, got 3: a number has no gradient"],
    [{ loss: () => Promise.resolve() }, "Expected `loss` to give a scalar Tensor, got a promise"],
    [
      { loss: ({ sum }: Answer) => sum },
      "Expected `loss` to give a scalar Tensor, got shape [4, 1]: the mean over the batch",
    ],
    [{ transformBatch: () => undefined }, "Expected `transformBatch` to give { inputs, targets }"],
  ];
  for (const [given, message] of steps) {
    using trainer = start(model, wrong(given));
    await assertRejects(() => trainer.fit(train.batches, { epochs: 1 }), TypeError, message);
  }
  const batches: [unknown, string][] = [
    [undefined, "fit(): Expected `train` as batches, got undefined"],
    [{ length: 1 }, "fit(): Expected `train` as batches, got an object"],
    [[undefined], "fit(): Expected batches with `inputs` and `targets`, or images and labels, got undefined"],
    [[[1, 2]], "fit(): Expected batches with `inputs` and `targets`, or images and labels, got [1, 2]"],
  ];
  for (const [given, message] of batches) {
    using trainer = start(model);
    await assertRejects(() => trainer.fit(wrong(given), { epochs: 1 }), TypeError, message);
  }
  using trainer = start(model);
  await assertRejects(
    () => trainer.fit(train.batches, wrong({ epochs: 1, validation: [] })),
    TypeError,
    "`validation`",
  );
  const measured: [unknown[], string][] = [
    [[undefined, train.batches], "evaluate(): Expected a model, got undefined"],
    [[model, undefined], "evaluate(): Expected `batches` as batches, got undefined"],
    [[model, train.batches, { loss: 3 }], "evaluate(): Expected `loss` as a function, got 3"],
    [[model, train.batches, { metric: {} }], "evaluate(): Expected options among loss, metrics,"],
    [[model, train.batches, { loss: () => undefined }], "evaluate(): Expected `loss` to give a scalar Tensor"],
  ];
  for (const [given, message] of measured) {
    await assertRejects(() => (evaluate as (...args: unknown[]) => Promise<unknown>)(...given), TypeError, message);
  }
});
