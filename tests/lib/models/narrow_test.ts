/** A narrow one of the entry's networks under Ranger: ten losses in a row as fastai's. */
import { Device, models } from "../../../mod.ts";
import { fastaiEntries } from "../../../lib/models/fastai.ts";
import { readFastai } from "../../../lib/train/fastai.ts";
import { assertClose, assertNoFurther } from "../../support/compare.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { fill, readFixture, samplesOf, type StoredFastai } from "../../support/fastai.ts";
import { type How, stepLosses, type StepSettings } from "../../support/fastai_steps.ts";

const stored: StoredFastai<StepSettings> = await readFixture<StepSettings>("narrow_10_steps");

async function narrow({ dtype, device }: How): Promise<models.XResNet> {
  const model = models.xseResnext50({ classes: 10, ...stored.settings.options, dtype, device });
  await fill(model, stored.settings.seed);
  return model;
}

Deno.test("a narrow entry: ten losses and the weights after them in f64, captured, as fastai's", async () => {
  using device = new Device("cpu", { threads: 2 });
  const how: How = { dtype: "f64", device, captured: true };
  using model = await narrow(how);
  const losses = await stepLosses(model, stored.settings, how);
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
      const losses = await stepLosses(model, stored.settings, how);
      assertNoFurther(losses, { f64: stored.numbers("losses.f64"), f32: stored.numbers("losses.f32") }, 3, set);
    });
  }
}
