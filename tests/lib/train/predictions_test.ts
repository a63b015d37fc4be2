/** Every single answer of a model, and how far measuring is. */
import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { data, Device, evaluate, nn, type Predictions, recipe, type Tensor, tensor } from "../../../mod.ts";

const classes = 4;

/** Seven images of four pixels, which the model takes for its logits, in an order of their own. */
const bytes = Uint8Array.from({ length: 7 * classes }, (_, at) => Math.imul(at + 3, 0x9e3779b1) >>> 24);
const labels = [0, 1, 2, 3, 0, 1, 2];

/** Logits are pixels times a parameter. */
class Scaled extends nn.Module {
  readonly scale: nn.Parameter;

  constructor(scale: number, device: Device) {
    super();
    this.scale = nn.Parameter.of(tensor([scale], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    return x.reshape([-1, classes]).mul(this.scale);
  }
}

function open(device: Device): data.Dataset {
  return data.fromArrays({ images: bytes, labels, imageShape: [1, classes, 1], classes }, { device });
}

/** The class and the probability of a sample's largest logit, and the cross entropy of its label. */
function wanted(sample: number, scale: number): { predicted: number; probability: number; loss: number } {
  const logits = Array.from(bytes.subarray(sample * classes, (sample + 1) * classes), (byte) => byte / 255 * scale);
  const most = Math.max(...logits);
  const sum = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
  const loss = Math.log(sum) - (logits[labels[sample]!]! - most);
  return { predicted: logits.indexOf(most), probability: 1 / sum, loss };
}

async function predictionsOf(model: nn.Module, batches: data.Batches): Promise<Predictions> {
  const told: Predictions[] = [];
  const result = await evaluate(model, batches, { onPredictions: (predictions) => told.push(predictions) });
  assertEquals(told.length, 1, "told once");
  const right = told[0]!.predicted.filter((place, at) => place === told[0]!.labels[at]).length;
  assertEquals([result.n, Math.fround(result.top1)], [7, Math.fround(right / 7)]);
  return told[0]!;
}

Deno.test("evaluate: predictions are the largest logit's class and its probability, over uneven batches", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  using model = new Scaled(5, device);
  const before = device.stats().handles;
  for (const size of [3, 7, 1]) {
    const { index, labels: found, predicted, probability, loss } = await predictionsOf(model, set.batches(size));
    assertEquals([[...index], [...found]], [[0, 1, 2, 3, 4, 5, 6], labels]);
    assertEquals(index.map((sample) => wanted(sample, 5).predicted), predicted);
    for (const sample of index) {
      assertAlmostEquals(probability[sample]!, wanted(sample, 5).probability, 1e-6);
      assertAlmostEquals(loss[sample]!, wanted(sample, 5).loss, 1e-5);
    }
  }
  assertEquals(device.stats().handles, before);
});

Deno.test("evaluate: shuffled batches give each answer under its sample's number", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  using model = new Scaled(5, device);
  const { index, labels: found, predicted } = await predictionsOf(
    model,
    set.batches(2, { shuffle: true, dropLast: false, seed: 4 }),
  );
  assertEquals([...index].sort(), [0, 1, 2, 3, 4, 5, 6]);
  assertEquals([...index].some((sample, at) => sample !== at), true);
  assertEquals([...found], [...index].map((sample) => labels[sample]!));
  assertEquals([...predicted], [...index].map((sample) => wanted(sample, 5).predicted));
});

Deno.test("evaluate: losses are finite where a probability is too small for a number, and each class's own for bceWithLogits", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  using sure = new Scaled(1000, device);
  const { loss } = await predictionsOf(sure, set.batches(4));
  const largest = Math.max(...Array.from(labels, (_, sample) => wanted(sample, 1000).loss));
  assertEquals(largest > 200, true);
  assertAlmostEquals(Math.max(...loss), largest, 1e-3);

  using model = new Scaled(5, device);
  const told: Predictions[] = [];
  const each = recipe.buildLoss({ loss: { name: "bceWithLogits" } });
  await evaluate(model, set.batches(3), { loss: each, onPredictions: (predictions) => void told.push(predictions) });
  for (const sample of told[0]!.index) {
    const logit = (place: number): number => bytes[sample * classes + place]! / 255 * 5;
    const chance = (place: number): number => 1 / (1 + Math.exp(-logit(place)));
    assertAlmostEquals(told[0]!.loss[sample]!, -Math.log(chance(labels[sample]!)), 1e-6);
    assertAlmostEquals(told[0]!.probability[sample]!, Math.max(...[0, 1, 2, 3].map(chance)), 1e-6);
  }
});

Deno.test("evaluate: progress is told after each batch, and waited for", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  using model = new Scaled(1, device);
  const told: number[] = [];
  let busy = false;
  await evaluate(model, set.batches(3), {
    onProgress: async (done) => {
      assertEquals(busy, false);
      busy = true;
      await new Promise((resolve) => setTimeout(resolve, 1));
      busy = false;
      told.push(done);
    },
  });
  assertEquals(told, [3, 6, 7]);
});

Deno.test("evaluate: after an abort in between nothing is told, and nothing stays on the device", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  using model = new Scaled(1, device);
  const before = device.stats().handles;
  const stop = new AbortController();
  let told = 0;
  const options = {
    signal: stop.signal,
    onProgress: (): void => stop.abort(new Error("enough")),
    onPredictions: (): void => void told++,
  };
  await assertRejects(() => evaluate(model, set.batches(3), options), Error, "enough");
  assertEquals([told, model.training, device.stats().handles], [0, true, before]);
});

Deno.test("evaluate: 200,000 answers in one batch are told", async () => {
  using device = new Device("cpu", { threads: 1 });
  const n = 200_000;
  const images = Uint8Array.from({ length: n * classes }, (_, at) => at % 251);
  const labels = new Uint8Array(n).map((_, at) => at % classes);
  using set = data.fromArrays({ images, labels, imageShape: [1, classes, 1], classes }, { device });
  using model = new Scaled(1, device);
  const told: Predictions[] = [];
  await evaluate(model, set.batches(n), { onPredictions: (predictions) => void told.push(predictions) });
  const [{ index, predicted } = { index: [], predicted: [] }] = told;
  assertEquals([index.length, index[n - 1], predicted.length], [n, n - 1, n]);
});
