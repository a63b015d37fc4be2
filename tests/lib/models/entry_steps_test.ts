/** The entry's network itself under Ranger: ten losses in a row as fastai's. */
import { Device, models } from "../../../mod.ts";
import { long } from "../../long.ts";
import { assertNoFurther } from "../../support/compare.ts";
import { fill, readFixture } from "../../support/fastai.ts";
import { stepLosses, type StepSettings, storedLosses } from "../../support/fastai_steps.ts";

const stored = await readFixture<StepSettings>("entry_10_steps");

long(
  "the entry's network: ten losses in f32 no further from f64 than 3 times PyTorch",
  "the whole network",
  async () => {
    using device = new Device("cpu");
    const { settings } = stored;
    using model = models.xseResnext50({ classes: 10, ...settings.options, dtype: "f32", device });
    await fill(model, settings.seed);
    const losses = await stepLosses(model, settings, { dtype: "f32", device, captured: true });
    assertNoFurther(losses, storedLosses(stored), 3, "the entry's network");
  },
);
