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
