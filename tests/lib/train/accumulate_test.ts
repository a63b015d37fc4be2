/** Several batches a step, and gradients that are clipped. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  Device,
  nn,
  NonFiniteError,
  optim,
  RunFolder,
  type Tensor,
  Trainer,
  type TrainerOptions,
} from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyData } from "./tiny.ts";

/** A network without batch norm. */
class Plain extends nn.Module {
  readonly hidden: nn.Linear;
  readonly head: nn.Linear;

  constructor(device: Device, dtype: "f32" | "f64" = "f64") {
    super();
    this.hidden = new nn.Linear(64, 12, { device, dtype, init: new nn.KaimingInit({ seed: 0 }) });
    this.head = new nn.Linear(12, 4, { device, dtype, init: new nn.KaimingInit({ seed: 1 }) });
  }

  override forward(images: Tensor): Tensor {
    return this.head.forward(this.hidden.forward(images.reshape([-1, 64])).tanh());
  }
}

const clipped = { optimizer: optim.adamw(), schedule: optim.cosine({ lr: 1e-2 }), clipNorm: 0.5 };

async function after(
  device: Device,
  size: number,
  options: Partial<TrainerOptions>,
  images = 21,
): Promise<{ weights: number[]; losses: number[]; steps: number }> {
  using train = tinyData(device, images, { training: true });
  using model = new Plain(device);
  using trainer = new Trainer(model, { ...clipped, ...options });
  const losses: number[] = [];
  trainer.on("losses", (steps) => void losses.push(...steps.map(({ loss }) => loss)));
  const batches = train.batches(size, { seed: 0, dropLast: false, dtype: "f64" });
  const { steps } = await trainer.fit(batches, { epochs: 3 });
  const weights: number[] = [];
  for (const parameter of model.namedParameters().values()) weights.push(...await parameter.data());
  return { weights, losses, steps };
}

Deno.test("accumulate: steps are those of the large batch, the rest of an epoch is one of its own; recorded too", async () => {
  using device = new Device("cpu", { threads: 2 });
  const large = await after(device, 8, {});
  for (const capture of [true, false]) {
    const small = await after(device, 2, { accumulate: 4, capture });
    assertEquals([small.steps, small.losses.length], [9, 9]);
    // The order of sums, in f64; losses come as f32.
    const apart = small.weights.map((weight, i) => Math.abs(weight - large.weights[i]!));
    assert(Math.max(...apart) < 1e-12, `${Math.max(...apart)}`);
    small.losses.forEach((loss, step) => assert(Math.abs(loss - large.losses[step]!) < 3e-7));
  }
  // Batches that do not divide: 5, 5, 5 and 5, 1 are steps of 15 and 6.
  const uneven = await after(device, 5, { accumulate: 3 });
  const wanted = await after(device, 15, {});
  assertEquals(uneven.steps, 6);
  assert(uneven.weights.every((weight, i) => Math.abs(weight - wanted.weights[i]!) < 1e-12));
});

Deno.test("accumulate: it stops between steps and goes on bit for bit, recorded and call by call; other counts are refused", async () => {
  const ends: string[] = [];
  for (const capture of [true, false]) {
    using device = new Device("cpu", { threads: 1 });
    using train = tinyData(device, 40, { training: true });
    const batches = train.batches(4, { seed: 0 });
    const make = (model: Plain, accumulate = 3): Trainer => new Trainer(model, { ...clipped, capture, accumulate });
    for (const stopAt of [undefined, 1, 6]) {
      using model = new Plain(device, "f32");
      using first = make(model);
      const stop = new AbortController();
      first.on("batchEnd", ({ step }) => step === stopAt ? stop.abort() : undefined);
      await first.fit(batches, { epochs: 2, signal: stop.signal });
      if (stopAt === undefined) {
        ends.push(fingerprint(await first.state()));
        continue;
      }
      const state = await first.state();
      // 3, 3, 3 and 1 batches are an epoch's steps.
      const { epoch, batch, step, sampler } = state.counters;
      assertEquals([epoch, batch, step, sampler?.accumulate], [...(stopAt === 1 ? [0, 3] : [1, 6]), stopAt, 3]);
      using other = new Plain(device, "f32");
      using second = make(other);
      second.load(state);
      await second.fit(batches, { epochs: 2 });
      ends.push(fingerprint(await second.state()));
      using third = make(other, 2);
      third.load(state);
      await assertRejects(
        () => third.fit(batches, { epochs: 2 }),
        Error,
        "Expected accumulate 3, with which this training",
      );
    }
  }
  assertEquals(new Set(ends).size, 1);
});

Deno.test("accumulate: a number that is not finite is found in its batch; nothing of the step is done", async () => {
  for (const capture of [true, false]) {
    using device = new Device("cpu", { threads: 1 });
    using train = tinyData(device, 32);
    using model = new Plain(device, "f32");
    using trainer = new Trainer(model, {
      ...clipped,
      capture,
      accumulate: 2,
      // Sample 21 is in the second batch of the third step: there the loss is divided by 0.
      loss: (output, batch) =>
        nn.crossEntropyLoss()(output, batch).div(batch.index!.equal(21).to("f32").max().affine(-1, 1)),
    });
    const batches = train.batches(4);
    const error = await assertRejects(
      () => trainer.fit(batches, { epochs: 1 }),
      NonFiniteError,
      "the loss is not finite",
    );
    assertEquals([error.step, [...error.index]], [3, [20, 21, 22, 23]]);
    const { step, batch, images } = trainer.counters;
    assertEquals([step, batch, images, trainer.optimizer.steps], [2, 4, 16, 2]);
    assert((await model.head.weight.data()).every(Number.isFinite));
  }
});

Deno.test("accumulate and clipNorm: frozen parameters stay and do not count, and no buffer is left behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 24, { training: true });
  using model = new Plain(device, "f32");
  const before = (await model.hidden.weight.data()).slice();
  const head = (await model.head.weight.data()).slice();
  {
    using trainer = new Trainer(model, { ...clipped, accumulate: 2, groups: [{ match: /^hidden/, frozen: true }] });
    await trainer.fit(train.batches(4, { seed: 0 }), { epochs: 1 });
    const { handles } = device.stats();
    await trainer.fit(train.batches(4, { seed: 0 }), { epochs: 1 });
    assertEquals(device.stats().handles, handles);
  }
  assertEquals(await model.hidden.weight.data(), before);
  assert((await model.head.weight.data()).some((weight, i) => weight !== head[i]));
});

Deno.test("accumulate: a run's files count steps, and resumed they are the same", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 24, { training: true });
  using model = new Plain(device, "f32");
  using trainer = new Trainer(model, { ...clipped, accumulate: 2 });
  const runFolder = await RunFolder.createAt(join(folder.path, "run"), { config: {} });
  await trainer.fit(train.batches(4, { seed: 0 }), { epochs: 1, valid: train.batches(8), runFolder });
  const steps = (await Deno.readTextFile(join(runFolder.path, "steps.csv"))).trimEnd().split("\n");
  assertEquals(steps.slice(1).map((row) => row.split(",")[0]), ["1", "2", "3"]);
});
