/** A narrow one of the entry's networks under Ranger: ten losses in a row as fastai's. */
import { assertEquals } from "@std/assert";
import { Device, models } from "../../../mod.ts";
import { fastaiEntries } from "../../../lib/models/fastai.ts";
import { readFastai } from "../../../lib/checkpoint/fastai.ts";
import { assertClose, assertNoFurther } from "../../support/compare.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { fill, readFixture, samplesOf, type StoredFastai } from "../../support/fastai.ts";
import { type How, stepLosses, type StepSettings } from "../../support/fastai_steps.ts";

const stored: StoredFastai<StepSettings> = await readFixture<StepSettings>("narrow_10_steps");

async function narrow({ dtype, device }: How): Promise<models.XResNet> {
  const weights = dtype === "f64" ? "f64" : "f32";
  const model = models.xseResnext50({ classes: 10, ...stored.settings.options, dtype: weights, device });
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

/**
 * In bf16 some sixty layers round by up to 2^-9 each, in ten steps that follow from each other: the losses around 2.5 are
 * off by 0.03 at most, and may be by twice that where sums go in another order.
 */
const LOW = { atol: 0.06, rtol: 0 };

Deno.test("a narrow entry: ten losses in bf16 with f32 weights, captured as eager, near those of fastai in f64", async () => {
  for (const set of instructionSets()) {
    const runs: number[][] = [];
    for (const captured of [false, true]) {
      using device = cpuWith(set, { threads: 2 });
      const how: How = { dtype: "bf16", device, captured };
      using model = await narrow(how);
      runs.push(await stepLosses(model, stored.settings, how));
    }
    assertClose(runs[0]!, stored.numbers("losses.f64"), LOW, set);
    assertEquals(runs[1], runs[0]);
  }
});
