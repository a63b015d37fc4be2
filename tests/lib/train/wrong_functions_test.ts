/** A Trainer's functions and rules that are not what it needs, named as the script wrote them. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { crossEntropy, Device, evaluate, nn, optim, Tensor, Trainer, type TrainerOptions } from "../../../mod.ts";
import { tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

/** What the first step of a training with these options says, and whether it leaves nothing behind. */
async function refused(options: Record<string, unknown>, message: string): Promise<void> {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  using model = tinyModel(device);
  const before = device.stats().handles;
  {
    using trainer = tinyTrainer(model, { labelSmoothing: undefined, ...options } as Partial<TrainerOptions>);
    await assertRejects(() => trainer.fit(set.batches(4), { epochs: 1 }), TypeError, message);
  }
  assertEquals(device.stats().handles, before);
}

type Loss = nn.Loss;

Deno.test("Trainer: a loss that gives no scalar is refused by its name", async () => {
  const loss = (output: Tensor, { targets }: { targets: Tensor }): Tensor => crossEntropy(output, targets);
  const wanted = "Trainer(): Expected `loss` to give a scalar Tensor, got ";
  await refused({ loss: (...[output, batch]: Parameters<Loss>) => void loss(output, batch) }, `${wanted}nothing`);
  const promised = (...[output, batch]: Parameters<Loss>): Promise<Tensor> => Promise.resolve(loss(output, batch));
  await refused({ loss: promised }, `${wanted}a promise: it cannot be async`);
  await refused({ loss: () => 0.5 }, `${wanted}0.5: a number has no gradient`);
  await refused({ loss: (output: Tensor) => output }, `${wanted}shape [4, 4]`);
  await refused(
    { loss: (output: Tensor, target: Tensor) => crossEntropy(output, target) },
    "crossEntropy(): Expected `target` as a Tensor, got an object with targets: a loss is given a batch, so write " +
      "(output, { targets }) => crossEntropy(output, targets)",
  );
  await refused(
    { loss: (output: Tensor, target: Tensor) => nn.mseLoss(output, target) },
    "mseLoss(): Expected `target` as a Tensor, got an object with targets",
  );
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  using model = tinyModel(device);
  await assertRejects(
    () => evaluate(model, set.batches(4), { loss: (output) => output }),
    TypeError,
    "evaluate(): Expected `loss` to give a scalar Tensor, got shape [4, 4]",
  );
});

Deno.test("Trainer: a batch transform that gives no batch is refused, one that gives a part of it is not", async () => {
  const wanted =
    "Expected `transformBatch` to give { inputs, targets } or { images, labels }, what changed of them, got ";
  await refused({ transformBatch: () => {} }, `${wanted}nothing`);
  const doubled = ({ images }: { images: Tensor }): Tensor => images.mul(2);
  await refused({ transformBatch: doubled }, `${wanted}Tensor`);
  await refused({ transformBatch: (batch: { images: Tensor }) => Promise.resolve(batch) }, `${wanted}a promise`);
  await refused({ transformBatch: ({ images }: { images: Tensor }) => ({ image: images }) }, `${wanted}\`image\``);
  await refused({ transformBatch: ({ images, labels }: never) => [images, labels] }, wanted);
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model, { transformBatch: ({ images }) => ({ images: images.mul(2) }) });
  assertEquals((await trainer.fit(set.batches(4), { epochs: 1 })).steps, 2);
});

Deno.test("Trainer: a forward that gives no tensor is refused by its network's name", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  class Silent extends nn.Module {
    readonly head = new nn.Linear(64, 4, { device });
    readonly answer: (y: Tensor) => unknown;
    constructor(answer: (y: Tensor) => unknown) {
      super();
      this.answer = answer;
    }
    override forward(x: Tensor): Tensor {
      return this.answer(this.head.forward(x.reshape([-1, 64]))) as Tensor;
    }
  }
  const cases: [(y: Tensor) => unknown, string][] = [
    [() => undefined, "got nothing: is there a return?"],
    [(y) => Promise.resolve(y), "got a promise: it cannot be async"],
    [() => 3, "got 3"],
  ];
  for (const [answer, got] of cases) {
    using model = new Silent(answer);
    using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.constant({ lr: 1e-3 }) });
    const wanted = `Expected forward() of Silent to give a Tensor, or several in arrays and objects, ${got}`;
    await assertRejects(() => trainer.fit(set.batches(4), { epochs: 1 }), TypeError, wanted);
  }
});

Deno.test("Trainer: an optimizer or a schedule that is missing, not called or a number is named", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = tinyModel(device);
  const good = { optimizer: optim.adamw(), schedule: optim.constant({ lr: 1e-3 }) };
  const cases: [Record<string, unknown>, string][] = [
    [{ optimizer: undefined }, "Trainer(): Expected `optimizer`, say optim.adamw(), got none"],
    [{ optimizer: optim.adamw }, "say optim.adamw(), got a function: call it"],
    [{ optimizer: "adamw" }, 'say optim.adamw(), got "adamw"'],
    [{ schedule: undefined }, "Trainer(): Expected `schedule`, say optim.cosine({ lr: 1e-3 }), got none"],
    [{ schedule: optim.cosine }, "got a function: call it"],
    [{ schedule: 1e-3 }, "got 0.001: optim.constant({ lr: 0.001 }) keeps it"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new Trainer(model, { ...good, ...options } as TrainerOptions), TypeError, message);
  }
});
