import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { data, Device, evaluate, nn, StateError, type Tensor, tensor } from "../../../mod.ts";

/** Takes its logits from the images' six pixels, scaled by a parameter so that there is one. */
class Pixels extends nn.Module {
  readonly scale: nn.Parameter;
  readonly inner = new nn.Activation("none");
  modes: boolean[] = [];

  constructor(scale: number, device: Device) {
    super();
    this.scale = nn.Parameter.of(tensor([scale], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    this.modes.push(this.training, this.inner.training);
    return this.inner.forward(x.reshape([-1, 6])).mul(this.scale);
  }
}

/** Five images whose brightest pixels are 0, 1, 2, 3 and 4, in a row of falling brightness from there. */
function pixelData(device: Device, labels: number[]): data.Dataset {
  const images = Uint8Array.from({ length: 30 }, (_, byte) => 255 - 51 * ((byte % 6 - Math.floor(byte / 6) + 6) % 6));
  return data.fromArrays({ images, labels, imageShape: [1, 6, 1], classes: 6 }, { device });
}

Deno.test("evaluate: top-1, top-5, loss and count over uneven batches", async () => {
  using device = new Device("cpu", { threads: 1 });
  // First, first, second, fifth and last of their rows.
  using set = pixelData(device, [0, 1, 3, 1, 3]);
  using model = new Pixels(2, device);
  const { top1, top5, loss, n } = await evaluate(model, set.batches(2));
  assertEquals([top1, top5, n].map((value) => Math.fround(value!)), [2 / 5, 4 / 5, 5].map(Math.fround));
  const logits = [2, 1.6, 1.2, 0.8, 0.4, 0];
  const normalizer = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  const wanted = [0, 0, 1, 4, 5].reduce((sum, rank) => sum + normalizer - logits[rank]!, 0) / 5;
  assertAlmostEquals(loss, wanted, 1e-6);
});

Deno.test("evaluate: runs in evaluation mode and gives each module its own mode back", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = pixelData(device, [0, 1, 2, 3, 4]);
  using model = new Pixels(1, device);
  model.inner.eval();
  const before = device.stats().handles;
  await evaluate(model, set.batches(5));
  assertEquals(model.modes, [false, false]);
  assertEquals([model.training, model.inner.training], [true, false]);
  assertEquals(device.stats().handles, before);
});

Deno.test("evaluate: top-5 of fewer than six classes is null", async () => {
  using device = new Device("cpu", { threads: 1 });
  const images = new Uint8Array(4).fill(9);
  using set = data.fromArrays({ images, labels: [0, 1], imageShape: [1, 2, 1], classes: 2 }, { device });
  using model = new nn.Sequential(new Flat(), new nn.Linear(2, 2, { device }));
  assertEquals((await evaluate(model, set.batches(2))).top5, null);
});

class Flat extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.reshape([x.shape[0]!, -1]);
  }
}

Deno.test("evaluate: a loss that is not finite, no batches, and an abort are errors", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = pixelData(device, [0, 1, 2, 3, 4]);
  using broken = new Pixels(Number.NaN, device);
  await assertRejects(() => evaluate(broken, set.batches(5)), StateError, "Expected a finite loss, got NaN");
  using model = new Pixels(1, device);
  await assertRejects(() => evaluate(model, set.batches(5).at({ epoch: 0, batch: 1 })), StateError, "got none");
  const signal = AbortSignal.abort(new Error("stop it"));
  await assertRejects(() => evaluate(model, set.batches(5), { signal }), Error, "stop it");
  assertEquals(model.training, true);
});
