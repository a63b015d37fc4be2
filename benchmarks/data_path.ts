/**
 * Training through the whole data path beside the bare step: blocks of steps of each, in turn, in one process.
 *
 *     deno task bench:data [--data ../shared/data/imagenette2-224.tgz] [--dtype f32] [--steps 20] [--rounds 3]
 *         [--epoch] [--out FILE]
 *
 * With --epoch a whole epoch goes through the data path, between two blocks of bare steps.
 * The bare step uses one batch over and over; the data path reads, cuts, flips and shuffles batches of the archive's cache.
 *
 * @module
 */
import { Backpressure, capture, data, Device, deviceInfo, logitsOf, recipe, type Tensor } from "../mod.ts";
import { scriptFlags } from "./flags.ts";
import { mean, median, writeResult } from "./support.ts";

const flags = scriptFlags(Deno.args, {
  usage: "deno task bench:data [--data PATH] [--dtype f32] [--steps 20] [--rounds 3] [--epoch] [--out FILE]",
  values: ["data", "dtype", "steps", "rounds", "out"],
  switches: ["epoch"],
});
const epoch = flags["epoch"] !== undefined;
const { data: path = "../shared/data/imagenette2-224.tgz", out } = flags;
const [steps, rounds] = [Number(flags["steps"] ?? 20), Number(flags["rounds"] ?? 3)];
const dtype = (flags["dtype"] ?? "f32") as "f32" | "bf16";
const entry = recipe.preset("imagenette-128-5", { dtype });
const { bs, schedule } = entry;

using device = new Device("cpu");
const { train, valid } = await data.open(path, { size: 128, device });
using model = recipe.buildModel(
  { ...entry, dtype, classes: train.classes, imageShape: train.imageShape },
  device,
);
using optimizer = recipe.buildOptimizer(entry).bind(model, { lr: schedule.lr });
const lossOf = recipe.buildLoss(entry);
using step = capture((images: Tensor, labels: Tensor): Tensor => {
  const loss = lossOf(logitsOf(model, images, dtype), { inputs: images, images, targets: labels, labels });
  loss.backward();
  optimizer.step();
  return loss;
});

/** Images a second of some steps, whatever gives their batches. */
async function rate(batches: AsyncIterable<{ images: Tensor; labels: Tensor }>, count = steps): Promise<number> {
  await device.synchronize();
  const start = performance.now();
  let images = 0;
  for await (const batch of batches) {
    step(batch.images, batch.labels).dispose();
    images += batch.labels.shape[0]!;
    if (images >= count * bs) break;
  }
  await device.synchronize();
  return 1000 * images / (performance.now() - start);
}

const loader = recipe.trainBatches({ ...entry, dtype }, train);
const first = loader.at({ epoch: 0 });
using kept = (await first.next()).value!.clone();
await first.return?.();
async function* bare(): AsyncGenerator<data.Batch> {
  const backpressure = new Backpressure(device);
  while (true) {
    yield kept;
    await backpressure.step();
  }
}
for (let warm = 0; warm < 3; warm++) step(kept.images, kept.labels).dispose();
const rates = { bare: [] as number[], data: [] as number[] };
for (let round = 0; round < (epoch ? 1 : rounds); round++) {
  rates.bare.push(await rate(bare()));
  rates.data.push(await rate(loader.at({ epoch: round }), epoch ? loader.length : steps));
  console.error(
    `round ${round + 1}: bare ${rates.bare.at(-1)!.toFixed(2)}, data ${rates.data.at(-1)!.toFixed(2)} img/s`,
  );
}
if (epoch) rates.bare.push(await rate(bare()));
const bareRate = epoch ? mean(rates.bare) : median(rates.bare);
const result = {
  what: "img/s of the preset imagenette-128-5's step: one batch over and over, and batches through the whole data path",
  cpu: deviceInfo().cpu.model,
  isa: deviceInfo().cpu.isa,
  dtype,
  threads: device.stats().chunksByThread.length,
  steps: { bare: steps, dataPath: epoch ? loader.length : steps },
  bare: bareRate,
  dataPath: median(rates.data),
  ratio: median(rates.data) / bareRate,
  rates,
};
if (out !== undefined) await writeResult(out, result);
console.log(
  `bare ${result.bare.toFixed(2)}, data path ${result.dataPath.toFixed(2)} img/s: ${(100 * result.ratio).toFixed(1)} %`,
);
train.dispose();
valid.dispose();
