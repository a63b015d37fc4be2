/** The recipe's network, narrow and at 32 pixels, on the emulated GPU: losses as PyTorch's, captured as eager. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { capture, crossEntropy, Device, models, optim, scoped, type Tensor } from "../../mod.ts";
import { cpuRuns } from "../../lib/ffi/native.ts";
import { long } from "../long.ts";
import { assertNoFurther } from "../support/compare.ts";
import { fastaiBatch, fill, readFixture, type StoredFastai } from "../support/fastai.ts";
import { type How, stepLosses, type StepSettings } from "../support/fastai_steps.ts";
import { emulator } from "./emulator.ts";

const stored: StoredFastai<StepSettings> = await readFixture<StepSettings>("narrow_10_steps");
const { settings } = stored;

async function narrow(device: Device): Promise<models.XResNet> {
  const model = models.xseResnext50({ classes: 10, ...settings.options, device });
  await fill(model, settings.seed);
  return model;
}

for (const captured of [false, true]) {
  const name = `cuda (emulated): ten losses of the narrow entry, ${
    captured ? "captured" : "eager"
  }, as close as the CPU's`;
  const body = async (): Promise<void> => {
    using device = new Device("cuda");
    const how: How = { dtype: "f32", device, captured };
    using model = await narrow(device);
    emulator.reset();
    const [runs, launches] = [cpuRuns(), device.stats().launches];
    const losses = await stepLosses(model, settings, how);
    assertNoFurther(losses, { f64: stored.numbers("losses.f64"), f32: stored.numbers("losses.f32") }, 3, "cuda");
    assertEquals(cpuRuns() - runs, settings.steps, "besides the draws of the batches an op ran on the CPU");
    const counts = emulator.launchesByName();
    for (const name of ["batch_norm", "max_blur_pool", "ranger", "cross_entropy"]) {
      assert(Object.keys(counts).some((kernel) => kernel.includes(name)), `no ${name} in ${Object.keys(counts)}`);
    }
    for (const name of ["cudnn_forward", "cudnn_backward_data", "cudnn_backward_filter"]) {
      assertGreater(counts[name] ?? 0, 0, name);
    }
    const given = device.stats().launches - launches;
    const ran = emulator.launches();
    // Replays launch a graph, which runs everything that the recorded step launched.
    if (captured) assertGreater(ran - given, (settings.steps - 2) * 500);
    else assertGreater(given, 10 * 500);
  };
  // The captured steps begin with eager ones.
  if (captured) Deno.test(name, body);
  else long(name, "a whole network once more", body);
}

/** Losses of some steps, and every weight after them, as bits. */
async function bits(device: Device, captured: boolean, dtype: "f32" | "bf16"): Promise<string[]> {
  using model = await narrow(device);
  using optimizer = optim.ranger(settings.optimizer).bind(model, { lr: settings.lr });
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const logits = model.forward(images.to(dtype)).to("f32");
    const loss = crossEntropy(logits, labels, { labelSmoothing: settings.labelSmoothing });
    loss.backward();
    optimizer.step();
    return loss;
  };
  using recorded = capture(run);
  const step = captured ? recorded : scoped(run);
  const found: string[] = [];
  const note = (values: ArrayBufferView): void => {
    found.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength).toHex());
  };
  for (let i = 0; i < 7; i++) {
    optimizer.lr = settings.lr * (1 - i / 10);
    const { images, labels } = await fastaiBatch(settings, i, { dtype: "f32", device });
    using loss = step(images, labels);
    note(await loss.data());
    images.dispose();
    labels.dispose();
  }
  for (const [, value] of model.state()) note(await value.data());
  return found;
}

for (const dtype of ["f32", "bf16"] as const) {
  const name =
    `cuda (emulated): seven captured steps in ${dtype}, with Lookahead's turn and new rates, are the eager ones bit for bit`;
  long(name, "whole networks, twice", async () => {
    using device = new Device("cuda", { threads: 0 });
    const plan = device.plan();
    const eager = await bits(device, false, dtype);
    using other = new Device("cuda");
    other.usePlan(device.plan());
    const captured = await bits(other, true, dtype);
    assertEquals(plan, "");
    assertEquals(captured.length, eager.length);
    eager.forEach((value, index) => assertEquals(captured[index], value, `value ${index}`));
  });
}
