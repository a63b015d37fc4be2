/** A narrow one of the entry's networks under Ranger: ten losses in a row as fastai's. */
import { capture, crossEntropy, Device, models, optim, scoped, type Tensor } from "../../../mod.ts";
import { fastaiEntries } from "../../../lib/models/fastai.ts";
import { readFastai } from "../../../lib/train/fastai.ts";
import { assertClose, assertNoFurther } from "../../support/compare.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { fastaiBatch, fill, readFixture, samplesOf, type StoredFastai } from "../../support/fastai.ts";

interface Settings {
  readonly options: Partial<models.ModelOptions>;
  readonly n: number;
  readonly size: number;
  readonly seed: number;
  readonly images: number;
  readonly steps: number;
  readonly labelSmoothing: number;
  readonly optimizer: optim.RangerOptions;
  readonly lr: number;
}

interface How {
  readonly dtype: "f32" | "f64";
  readonly device: Device;
  readonly captured: boolean;
}

const stored: StoredFastai<Settings> = await readFixture<Settings>("narrow_10_steps");

async function narrow({ dtype, device }: How): Promise<models.XResNet> {
  const model = models.xseResnext50({ classes: 10, ...stored.settings.options, dtype, device });
  await fill(model, stored.settings.seed);
  return model;
}

/** The losses of the stored steps. */
async function train(model: models.XResNet, how: How): Promise<number[]> {
  const { settings } = stored;
  using optimizer = optim.ranger(settings.optimizer).bind(model, { lr: settings.lr });
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing: settings.labelSmoothing });
    loss.backward();
    optimizer.step();
    return loss;
  };
  using captured = capture(run);
  const step = how.captured ? captured : scoped(run);
  const losses: number[] = [];
  for (let i = 0; i < settings.steps; i++) {
    const { images, labels } = await fastaiBatch(settings, i, how);
    using loss = step(images, labels);
    losses.push(await loss.item());
    images.dispose();
    labels.dispose();
  }
  return losses;
}

Deno.test("a narrow entry: ten losses and the weights after them in f64, captured, as fastai's", async () => {
  using device = new Device("cpu", { threads: 2 });
  const how: How = { dtype: "f64", device, captured: true };
  using model = await narrow(how);
  const losses = await train(model, how);
  assertClose(losses, stored.numbers("losses.f64"), { atol: 1e-11, rtol: 0 }, "losses");
  const state = await readFastai(model);
  for (const { name } of fastaiEntries(model).filter(({ path }) => path !== null)) {
    const values = state.get(name)!.data as Float64Array;
    assertClose(samplesOf(values), stored.numbers(`final.${name}`), { atol: 1e-9, rtol: 1e-9 }, name);
  }
});

for (const captured of [false, true]) {
  for (const set of instructionSets()) {
    const how = captured ? "captured" : "eager";
    Deno.test(`a narrow entry: ten losses in f32 on ${set}, ${how}, no further from f64 than 3 times PyTorch`, async () => {
      using device = cpuWith(set, { threads: 2 });
      const how: How = { dtype: "f32", device, captured };
      using model = await narrow(how);
      const losses = await train(model, how);
      assertNoFurther(losses, { f64: stored.numbers("losses.f64"), f32: stored.numbers("losses.f32") }, 3, set);
    });
  }
}
