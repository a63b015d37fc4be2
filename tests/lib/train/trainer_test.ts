import { assert, assertAlmostEquals, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { Device, evaluate, optim, StateError, type TrainerEvents } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

Deno.test("Trainer: learns, and its result is what evaluate() measures afterwards", async () => {
  using device = new Device("cpu", { threads: 2 });
  using train = tinyData(device, 128, { training: true });
  using valid = tinyData(device, 37);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const start = await evaluate(model, valid.batches(16));
  const result = await trainer.fit(train.batches(8, { seed: 0 }), { epochs: 8, valid: valid.batches(16) });
  const again = await evaluate(model, valid.batches(37));
  assertGreater(result.top1!, 0.95);
  assertGreater(start.loss, 2 * result.loss!);
  assertEquals([result.top1, result.n, result.top5], [again.top1, 37, null]);
  assertAlmostEquals(result.loss!, again.loss, 1e-6);
  assertEquals([result.epochs, result.steps, result.stopped], [8, 128, false]);
  assertAlmostEquals(result.imagesPerSecond, 1024 / result.trainSeconds, 1e-6);
  assertEquals(model.training, true);
});

Deno.test("Trainer: in bf16 it learns as in f32, and is measured in bf16", async () => {
  using device = new Device("cpu", { threads: 2 });
  using train = tinyData(device, 128, { training: true });
  using valid = tinyData(device, 37);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model, { dtype: "bf16" });
  const { top1, loss } = await trainer.fit(train.batches(8, { seed: 0 }), { epochs: 8, valid: valid.batches(16) });
  assertGreater(top1!, 0.95);
  const again = await evaluate(model, valid.batches(37), { dtype: "bf16" });
  const single = await evaluate(model, valid.batches(37));
  assertEquals(top1, again.top1);
  assertAlmostEquals(loss!, again.loss, 1e-6);
  assertAlmostEquals(single.loss, again.loss, 0.02);
  assert(single.loss !== again.loss);
});

Deno.test("Trainer: events come in order, with their counts and rates", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 24, { training: true });
  using valid = tinyData(device, 8);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model, { schedule: optim.cosine({ lr: 0.01 }) });
  const seen: string[] = [];
  const rates: number[] = [];
  const names = ["fitBegin", "epochBegin", "batchEnd", "evaluateEnd", "epochEnd", "fitEnd"] as const;
  for (const name of names) trainer.on(name, () => void seen.push(name));
  trainer.on("batchEnd", ({ lr, step, done, epoch, samples }) => {
    rates.push(lr);
    assertEquals([step, done, epoch, samples], [
      rates.length,
      8 * ((rates.length - 1) % 3 + 1),
      rates.length > 3 ? 2 : 1,
      24,
    ]);
  });
  await trainer.fit(train.batches(8), { epochs: 2, valid: valid.batches(8) });
  const epoch = ["epochBegin", "batchEnd", "batchEnd", "batchEnd", "evaluateEnd", "epochEnd"];
  assertEquals(seen, ["fitBegin", ...epoch, ...epoch, "fitEnd"]);
  assertEquals(rates, [0, 1, 2, 3, 4, 5].map(optim.cosine({ lr: 0.01 }).over(6)));
});

Deno.test("Trainer: an epoch's training loss and top-1 are the means of its steps", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 60);
  using model = tinyModel(device);
  // At rate 0 the weights stay, so training mode's losses can be measured again, batch by batch.
  using trainer = tinyTrainer(model, { schedule: optim.constant({ lr: 0 }), labelSmoothing: 0 });
  let end: TrainerEvents["epochEnd"] | undefined;
  let sums = { loss: 0, correct: 0 };
  trainer.on("epochEnd", (event) => void (end = event));
  await trainer.fit(train.batches(25), { epochs: 1 });
  for await (const { images, labels } of train.batches(25)) {
    using logits = model.forward(images);
    const [rows, classes] = [await logits.data(), await labels.data()];
    classes.forEach((label, sample) => {
      const row = [...rows.slice(4 * sample, 4 * sample + 4)];
      sums = {
        loss: sums.loss + Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]!,
        correct: sums.correct + (row.indexOf(Math.max(...row)) === label ? 1 : 0),
      };
    });
  }
  assertAlmostEquals(end!.trainLoss, sums.loss / 60, 1e-5);
  assertAlmostEquals(end!.trainTop1!, sums.correct / 60, 1e-9);
  assertEquals(end!.evaluation, null);
});

Deno.test("Trainer: waits for a listener's promise, and a listener can be taken away", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  let waited = 0;
  const stop = trainer.on("batchEnd", async () => {
    await Promise.resolve();
    waited++;
    if (waited === 3) stop();
  });
  trainer.on("epochEnd", ({ epoch }) => assertEquals(waited, Math.min(3, 2 * epoch)));
  await trainer.fit(train.batches(8), { epochs: 2 });
  assertEquals(waited, 3);
  trainer.on("epochBegin", () => {
    throw new Error("a listener's own");
  });
  await assertRejects(() => trainer.fit(train.batches(8), { epochs: 1 }), Error, "a listener's own");
});

Deno.test("Trainer: an abort stops after the step under way; the next fit() goes on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 40, { training: true });
  using valid = tinyData(device, 8);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === 7 ? stop.abort() : undefined);
  const batches = train.batches(8, { seed: 2 });
  const options = { epochs: 2, valid: valid.batches(8) };
  const part = await trainer.fit(batches, { ...options, signal: stop.signal });
  assertEquals([part.steps, part.epochs, part.stopped, part.top1], [7, 1, true, null]);
  const other = train.batches(8, { seed: 3 });
  await assertRejects(
    () => trainer.fit(other, options),
    StateError,
    "Expected seed 2, with which this training was begun, got 3",
  );
  await assertRejects(() => trainer.fit(batches, { epochs: 3 }), StateError, "Expected epochs 2");
  const whole = await trainer.fit(batches, options);
  assertEquals([whole.steps, whole.epochs, whole.stopped], [10, 2, false]);

  using twin = tinyModel(device);
  using unbroken = tinyTrainer(twin);
  await unbroken.fit(batches, options);
  assertEquals(fingerprint(await trainer.state()), fingerprint(await unbroken.state()));
});

Deno.test("Trainer: an abort while measuring stops before the epoch counts", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16);
  using valid = tinyData(device, 32);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === 2 ? queueMicrotask(() => stop.abort()) : undefined);
  const part = await trainer.fit(train.batches(8), { epochs: 1, valid: valid.batches(1), signal: stop.signal });
  assertEquals([part.steps, part.epochs, part.stopped], [2, 0, true]);
  const rest = await trainer.fit(train.batches(8), { epochs: 1, valid: valid.batches(1) });
  assertEquals([rest.steps, rest.epochs, rest.n], [2, 1, 32]);
});

Deno.test("Trainer: a second training begins anew with the weights as they are and other orders", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const orders: string[] = [];
  await trainer.fit(train.batches(8), { epochs: 2 });
  const { firstEpoch, optimizerSteps } = trainer.counters;
  trainer.on("epochBegin", ({ epoch }) => void orders.push(`${epoch}`));
  const result = await trainer.fit(train.batches(8), { epochs: 1 });
  assertEquals([firstEpoch, optimizerSteps, trainer.counters.firstEpoch, trainer.optimizer.steps], [0, 4, 2, 6]);
  assertEquals([result.steps, orders], [2, ["1"]]);
});

Deno.test("Trainer: leaves no native buffer behind from one epoch to the next", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 24, { training: true });
  using valid = tinyData(device, 20);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const live: string[] = [];
  trainer.on("epochEnd", () => {
    const { handles, storages, bytes, systemAllocations } = device.stats();
    live.push(JSON.stringify({ handles, storages, bytes, systemAllocations }));
  });
  await trainer.fit(train.batches(8, { shift: 1 }), { epochs: 6, valid: valid.batches(8) });
  assertEquals(live.slice(3), [live[2], live[2], live[2]]);
});

Deno.test("Trainer: what cannot be used is refused", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16, { training: true });
  using model = tinyModel(device);
  assertThrows(
    () => tinyTrainer(model, { labelSmoothing: 2 }),
    RangeError,
    "Expected `labelSmoothing` from 0 to 1, got 2",
  );
  const { handles } = device.stats();
  const frozen = [{ match: /bias/, frozen: true }];
  assertThrows(() => tinyTrainer(model, { groups: frozen, ema: 2 }), RangeError, "Expected `decay` from 0 to below 1");
  assertEquals(device.stats().handles, handles);
  assert([...model.namedParameters().values()].every(({ requiresGrad }) => requiresGrad));
  using trainer = tinyTrainer(model);
  await assertRejects(() => trainer.fit(train.batches(8), { epochs: 0 }), RangeError, "Expected `epochs`");
  const first = trainer.fit(train.batches(8), { epochs: 1 });
  await assertRejects(() => trainer.fit(train.batches(8), { epochs: 1 }), StateError, "one training at a time");
  assert(!(await first).stopped);
});
