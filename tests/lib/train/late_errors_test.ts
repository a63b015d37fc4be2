/** Ops that fail on the device while a model is trained or measured: the device and the trainer can go on. */
import { assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { data, Device, evaluate, gatherRows, LateError, NonFiniteError, ones, scope, tensor } from "../../../mod.ts";
import { Meter } from "../../../lib/train/metrics.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

/** Images of one value, the last of which has a label that is no class of the small network's four. */
function badLabels(device: Device, n: number): data.Dataset {
  const labels = Array.from({ length: n }, (_, image) => image === n - 1 ? 7 : image % 4);
  return data.fromArrays({ images: new Uint8Array(64 * n).fill(9), labels, imageShape: [8, 8, 1], classes: 8 }, {
    device,
  });
}

for (const capture of [true, false]) {
  for (const batches of [1, 5]) {
    const how = capture ? "recorded" : "call by call";
    Deno.test(`Trainer: a label that is no class, in step ${batches}, ${how}: the device goes on, nothing is left`, async () => {
      using device = new Device("cpu", { threads: 1 });
      using bad = badLabels(device, 8 * batches);
      using model = tinyModel(device);
      using trainer = tinyTrainer(model, { capture });
      const fail = async (): Promise<string> => {
        const error = await assertRejects(() => trainer.fit(bad.batches(8), { epochs: 1 }), LateError);
        assertMatch(error.message, /^cross_entropy\(\): Expected .*, got 7/);
        assertEquals(device.queue.failed(), false);
        const { step, batch, images, seen, optimizerSteps } = trainer.counters;
        const done = batches - 1;
        assertEquals([step, batch, images, seen], [done, done, 8 * done, 8 * done]);
        assertEquals([optimizerSteps, trainer.optimizer.steps], [done, done]);
        // Each forward moves the running statistics, also that of a step whose loss fails.
        return fingerprint(await trainer.state()).split("\n").filter((line) => !line.includes("running")).join("\n");
      };
      const { handles } = device.stats();
      const state = await fail();
      if (batches === 1) assertEquals(device.stats().handles, handles);
      const { handles: kept } = device.stats();
      assertEquals(await fail(), state, "the same step fails again, and nothing before it was done twice");
      assertEquals(device.stats().handles, kept);
      assertEquals([...model.namedParameters().values()].filter(({ grad }) => grad !== null), []);
    });
  }
}

Deno.test("Trainer: a late error while measuring: the device goes on, and fit() measures again", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16);
  using bad = badLabels(device, 16);
  using valid = tinyData(device, 16);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  await assertRejects(
    () => trainer.fit(train.batches(8), { epochs: 1, valid: bad.batches(8) }),
    LateError,
    "cross_entropy()",
  );
  assertEquals([device.queue.failed(), model.training], [false, true]);
  const { counters } = await trainer.state();
  assertEquals([counters.step, counters.batch, counters.epoch, counters.seen], [2, 2, 0, 16]);
  const { steps, epochs, n } = await trainer.fit(train.batches(8), { epochs: 1, valid: valid.batches(8) });
  assertEquals([steps, epochs, n], [2, 1, 16]);
});

Deno.test("evaluate: a late error leaves the device ready and no tensor behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using bad = badLabels(device, 24);
  using good = tinyData(device, 8);
  using model = tinyModel(device);
  const { handles } = device.stats();
  await assertRejects(() => evaluate(model, bad.batches(8)), LateError, "cross_entropy()");
  assertEquals([device.queue.failed(), device.stats().handles], [false, handles]);
  assertEquals((await evaluate(model, good.batches(8))).n, 8);
});

Deno.test("Trainer: a listener's error over a late one: the counts are those before the step that failed", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 32);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  using bad = tensor([Number.NaN, 1, 1, 1], undefined, { device });
  const stop = trainer.on("batchEnd", ({ step }) => {
    if (step === 1) model.head.bias!.assign(bad);
    if (step === 2) throw new Error("a listener's own");
  });
  await assertRejects(() => trainer.fit(train.batches(8), { epochs: 1 }), Error, "a listener's own");
  assertEquals([device.queue.failed(), trainer.counters.step, trainer.counters.seen], [false, 1, 8]);
  assertEquals([trainer.counters.optimizerSteps, trainer.optimizer.steps], [1, 1]);
  stop();
  const error = await assertRejects(() => trainer.fit(train.batches(8), { epochs: 1 }), NonFiniteError);
  assertEquals([error.step, error.where], [2, 'the parameter "head.bias"']);
});

Deno.test("Meter: values from before an error are not lost, though it hit their reading", async () => {
  using device = new Device("cpu", { threads: 1 });
  using meter = new Meter([false, true]);
  const { handles } = device.stats();
  const add = (loss: number, correct: number): Promise<void> =>
    meter.add(tensor([loss, correct], undefined, { device }), 4);
  await add(1, 2);
  await add(3, 4);
  scope(() => void gatherRows(ones([2, 2], { device }), tensor([5], undefined, { dtype: "i32", device })));
  await add(9, 9);
  await assertRejects(() => meter.flush(), LateError);
  assertEquals(meter.samples, 0);
  await device.recover();
  await meter.rewind(2);
  assertEquals([meter.samples, meter.batches], [8, 2]);
  assertAlmostEquals(meter.mean(0)!, 2, 1e-9);
  assertAlmostEquals(meter.mean(1)!, 6 / 8, 1e-9);
  assertEquals(device.stats().handles, handles);
});
