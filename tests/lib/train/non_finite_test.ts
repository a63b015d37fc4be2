import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  crossEntropy,
  data,
  defineOp,
  Device,
  LateError,
  models,
  nn,
  NonFiniteError,
  optim,
  type Tensor,
  tensor,
  Trainer,
} from "../../../mod.ts";
import { firstNonFinite } from "../../../lib/train/diagnose.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

/** Multiplies by a number on the device, which a test sets to NaN while training runs. */
class Gate extends nn.Module {
  readonly factor: nn.Buffer;

  constructor(device: Device) {
    super();
    this.factor = nn.Buffer.of(tensor([1], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.factor);
  }
}

/** Passes values on; in backward, multiplies the gradient by a number on the device. */
class BackwardGate extends Gate {
  override forward(x: Tensor): Tensor {
    const factor = this.factor;
    return defineOp({ forward: (x: Tensor) => x.mul(1), backward: (dy) => [dy.mul(factor)] })(x);
  }
}

class Flat extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.reshape([x.shape[0]!, -1]);
  }
}

/** Trains three epochs of six steps, setting the gate to `value` before step 9. */
async function broken(
  wrap: (model: models.XResNet, gate: Gate) => nn.Module,
  options: { value?: number; capture?: boolean; gate?: typeof Gate } = {},
): Promise<{ error: NonFiniteError; before: string; after: string; seen: number[][] }> {
  const { value = Number.NaN, capture = true, gate: Kind = Gate } = options;
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 48, { training: true });
  using plain = tinyModel(device);
  using gate = new Kind(device);
  using model = wrap(plain, gate);
  using trainer = tinyTrainer(model as models.XResNet, { capture });
  using bad = tensor([value], undefined, { device });
  let before = "";
  trainer.on("batchEnd", async ({ step }) => {
    if (step !== 8) return;
    before = fingerprint(await trainer.state());
    gate.factor.assign(bad);
  });
  const seen: number[][] = [];
  for await (const { index } of train.batches(8, { seed: 6 }).at({ epoch: 1 })) seen.push([...index]);
  const error = await assertRejects(() => trainer.fit(train.batches(8, { seed: 6 }), { epochs: 3 }), NonFiniteError);
  const after = fingerprint(await trainer.state());
  return { error, before, after, seen };
}

/** The lines of fingerprints without running statistics and the gate, which a broken forward may have changed. */
function weights(text: string): string[] {
  return text.split("\n").filter((line) => !/running|factor/.test(line));
}

for (const capture of [true, false]) {
  Deno.test(`Trainer: NaN in the middle of a network, ${capture ? "recorded" : "call by call"}: names step, samples and layer`, async () => {
    const { error, before, after, seen } = await broken((model, gate) => {
      model.stages[1]!.splice(0, 0, gate as unknown as models.ResBlock);
      return model;
    }, { capture });
    assertEquals([error.epoch, error.step, [...error.index]], [2, 9, seen[2]]);
    assertEquals(error.where, 'the output of "stages.1.0" (Gate)');
    assertStringIncludes(error.message, "epoch 2, step 9: the output of");
    assertStringIncludes(error.message, `${seen[2]!.join(", ")}. Weights`);
    assertEquals(error.cause instanceof LateError, true);
    assertEquals(weights(after), weights(before), "no weight, no optimizer state and no count has changed");
    assertNotEquals(before, "");
  });
}

Deno.test("Trainer: infinity at the input or the output of a network is found there", async () => {
  const first = await broken((model, gate) => new nn.Sequential(gate, model), { value: Infinity });
  assertEquals(first.error.where, 'the output of "layers.0" (Gate)');
  const last = await broken((model, gate) => new nn.Sequential(model, gate), { value: -Infinity });
  assertEquals(last.error.where, 'the output of "layers.1" (Gate)');
});

Deno.test("Trainer: a gradient that is not finite is named by its parameter", async () => {
  const { error, before, after } = await broken((model, gate) => {
    model.stages[0]!.push(gate as unknown as models.ResBlock);
    return model;
  }, { gate: BackwardGate });
  assertEquals([error.step, /^the gradient of "stages\.0\.0\./.test(error.where)], [9, true]);
  assertEquals(weights(after), weights(before));
});

Deno.test("Trainer: a parameter that is not finite is named", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16);
  using model = tinyModel(device);
  using bad = tensor([1, Number.NaN, 1, 1], undefined, { device });
  model.head.bias!.assign(bad);
  using trainer = tinyTrainer(model);
  const error = await assertRejects(() => trainer.fit(train.batches(8), { epochs: 1 }), NonFiniteError);
  assertEquals([error.where, error.step, [...error.index]], ['the parameter "head.bias"', 1, [0, 1, 2, 3, 4, 5, 6, 7]]);
});

Deno.test("Trainer: after such an error the device and the trainer can go on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 16);
  using plain = tinyModel(device);
  using gate = new Gate(device);
  using model = new nn.Sequential(plain, gate);
  using trainer = tinyTrainer(model as unknown as models.XResNet);
  using bad = tensor([Number.NaN], undefined, { device });
  const batches: data.Batches = train.batches(8);
  gate.factor.assign(bad);
  await assertRejects(() => trainer.fit(batches, { epochs: 2 }), NonFiniteError);
  gate.factor.fill(1);
  const { steps, trainLoss } = await trainer.fit(batches, { epochs: 2 });
  assertEquals([steps, Number.isFinite(trainLoss)], [4, true]);
});

Deno.test("firstNonFinite: a loss that is infinite with finite gradients is the loss, and buffers stay", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(1, 2, { device, bias: false });
  using weights = tensor([[3e38], [-3e38]], undefined, { device });
  model.weight.assign(weights);
  using images = tensor([[1]], undefined, { device });
  using labels = tensor([1], undefined, { dtype: "i32", device });
  const { handles } = device.stats();
  const lossOf = (): Tensor => crossEntropy(model.forward(images), labels);
  const where = await firstNonFinite(model, [{ inputs: images }], lossOf);
  assertEquals([where, device.queue.failed(), device.stats().handles, model.weight.grad], [
    { what: "the loss", batch: 0 },
    false,
    handles,
    null,
  ]);
});

Deno.test("firstNonFinite: an op that fails as it runs leaves device, buffers and gradients as they were", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Sequential(new nn.BatchNorm2d(2, { device }), new Flat());
  using images = tensor([1, 2, 3, 5], [2, 1, 1, 2], { device });
  using labels = tensor([0, 7], undefined, { dtype: "i32", device });
  const { handles } = device.stats();
  const buffers = (): Promise<number[][]> =>
    Promise.all([...model.namedBuffers().values()].map(async (buffer) => [...await buffer.data()]));
  const before = await buffers();
  const lossOf = (): Tensor => crossEntropy(model.forward(images), labels);
  const where = await firstNonFinite(model, [{ inputs: images }], lossOf);
  assertEquals([where, device.queue.failed(), device.stats().handles], [undefined, false, handles]);
  assertEquals(await buffers(), before);
  assertEquals([...model.namedParameters().values()].map(({ grad }) => grad), [null, null]);
});

/** Grows beyond all numbers where its dropout keeps a value. */
class Growing extends nn.Module {
  readonly dropout: nn.Dropout;
  readonly weight: nn.Parameter;

  constructor(device: Device, seed: number) {
    super();
    this.dropout = new nn.Dropout({ p: 0.5, seed, device });
    this.weight = nn.Parameter.of(tensor([[1e30]], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(x).mul(this.weight);
  }
}

Deno.test("NonFiniteError: of batches that a step takes together it names the one, under the masks that each had", async () => {
  using device = new Device("cpu", { threads: 1 });
  using small = tensor([[1]], undefined, { device });
  using large = tensor([[1e20]], undefined, { device });
  const batches = [{ inputs: small, index: [7] }, { inputs: large, index: [9] }];
  let [failed, passed] = [0, 0];
  for (let seed = 0; seed < 12; seed++) {
    using model = new Growing(device, seed);
    using trainer = new Trainer(model, {
      optimizer: optim.sgd(),
      schedule: optim.constant({ lr: 0 }),
      loss: (output) => output.mean(),
      accumulate: 2,
    });
    const error = await trainer.fit(batches, { epochs: 1 }).then(() => undefined, (error: unknown) => error);
    if (error === undefined) passed++;
    else {
      failed++;
      assertEquals(error instanceof NonFiniteError && [[...error.index], error.where], [
        [9],
        "the output of the model (Growing)",
      ]);
    }
  }
  assertEquals([failed > 1, passed > 1], [true, true], `${failed} failed, ${passed} passed`);
});

/** Takes two logits from the values of an image [1, 2, 1], which are 0 or 1: their difference has no f32. */
class Logits extends nn.Module {
  readonly weight: nn.Parameter;

  constructor(device: Device) {
    super();
    this.weight = nn.Parameter.of(tensor([3e38, -3e38], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    return x.reshape([-1, 2]).mul(this.weight);
  }
}

Deno.test("Trainer: an infinite loss whose gradients are finite changes nothing and is named", async () => {
  for (const capture of [true, false]) {
    using device = new Device("cpu", { threads: 1 });
    // Three batches of black images, then one of white ones.
    const images = Uint8Array.from({ length: 32 }, (_, byte) => byte >= 24 ? 255 : 0);
    using train = data.fromArrays({ images, labels: new Uint8Array(16).fill(1), imageShape: [1, 2, 1], classes: 2 }, {
      device,
    });
    using model = new Logits(device);
    using trainer = new Trainer(model, {
      optimizer: optim.sgd(),
      schedule: optim.constant({ lr: 1 }),
      capture,
    });
    const error = await assertRejects(() => trainer.fit(train.batches(4), { epochs: 1 }), NonFiniteError);
    assertEquals([error.where, error.step, (error.cause as LateError).op], ["the loss", 4, "assert_finite"]);
    assertEquals([trainer.counters.step, trainer.counters.optimizerSteps, device.queue.failed()], [3, 3, false]);
    assertEquals([...await model.weight.data()], [3e38, -3e38].map(Math.fround));
  }
});

Deno.test("Trainer: a measured loss that is not finite is a NonFiniteError of the epoch's last step, by its weights or what they give", async () => {
  for (
    const [value, where] of [[Number.NaN, '"layers.1.factor" of the model'], [
      3e38,
      "the loss of the images to measure with",
    ]] as const
  ) {
    using device = new Device("cpu", { threads: 1 });
    using train = tinyData(device, 48, { training: true });
    using valid = tinyData(device, 16);
    using plain = tinyModel(device);
    using gate = new Gate(device);
    using second = new Gate(device);
    using model = new nn.Sequential(plain, gate, second);
    using trainer = tinyTrainer(model as unknown as models.XResNet);
    using bad = tensor([value], undefined, { device });
    trainer.on("batchEnd", ({ step }) => void (step === 6 && [gate, second].map(({ factor }) => factor.assign(bad))));
    const error = await assertRejects(
      () => trainer.fit(train.batches(8, { seed: 6 }), { epochs: 1, valid: valid.batches(8) }),
      NonFiniteError,
    );
    assertEquals([error.epoch, error.step], [1, 6]);
    assertStringIncludes(error.where, where);
    assertStringIncludes(error.message, "no state was saved");
  }
});
