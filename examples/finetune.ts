/**
 * Fine-tuning on a folder of photos: weights from elsewhere without their head, a new head, a body that is frozen for an
 * epoch and then trained at a tenth of the rate. Its run is opened as any other:
 *
 *     deno task example finetune --data photos --weights runs/20250131-120000-imagenette-128-5
 *     deno task predict RUN photo.jpg
 *     deno task example finetune --run runs/mine                    # killed, the same line goes on where it was
 *
 * `photos` has train/ and val/ with a folder a class; without it, there is one of this repository's test images. Without
 * `--weights` they are of a small network that tells stripes apart. Prints a line an epoch and the run's folder.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, loadWeights, models, optim, recipe, saveWeights, Trainer } from "@libtrain/libtrain";

type Flags = Record<string, string | undefined>;
const flags = { string: ["data", "weights", "run", "epochs", "stop"], boolean: ["eager"] };
const { data: given, weights, run: folder, epochs = "4", stop: last, eager } = parseArgs(Deno.args, flags) as Flags;
const network = { act: "mish", pool: "maxblur", widen: 0.125, stem: [8, 8, 16] } as const;

/** A folder of photos in two classes, grey and in colour. */
async function somePhotos(): Promise<string> {
  const [photos, images] = [".cache/photos", "tests/fixtures/images"];
  if (await Deno.stat(photos).catch(() => null) !== null) return photos;
  for (const [name, file] of [["grey", "grey_progressive"], ["colour", "progressive_444"]]) {
    for (const path of [`${photos}/train/${name}`, `${photos}/val/${name}`]) {
      await Deno.mkdir(path, { recursive: true });
      for (let copy = 0; copy < 40; copy++) await Deno.copyFile(`${images}/${file}.jpg`, `${path}/${copy}.jpg`);
    }
  }
  return photos;
}

/** Weights of a network for other classes: stripes that stand, and stripes that lie. */
async function stripes(): Promise<string> {
  const labels = Array.from({ length: 64 }, (_, image) => image % 2);
  const images = Uint8Array.from({ length: 64 * 32 * 32 * 3 }, (_, at) => {
    const along = labels[at / 3072 | 0] ? at / 3 : at / 96;
    return (along + at / 3072) & 4 ? 200 : 40;
  });
  using set = data.fromArrays({ images, labels, imageShape: [32, 32, 3], classes: 3 }, { training: true });
  using model = models.xresnet18({ ...network, classes: 3, seed: 1 });
  using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.oneCycle({ lr: 4e-3 }) });
  await trainer.fit(set.batches(16), { epochs: 4 });
  await saveWeights(model, ".cache/stripes.safetensors");
  return ".cache/stripes.safetensors";
}

const photos = given ?? await somePhotos();
const { train, valid } = await data.open(photos, { size: 32 });
const batches = train.batches(8, { flip: 0.5, seed: 0, normalize: data.imagenetStats });

using model = models.xresnet18({ ...network, classes: train.classes.length, seed: 0 });
const body = /^(?!head)/;
const groups = [{ match: body, lrScale: 0.1, frozen: true }];
const how = { optimizer: optim.ranger(), schedule: optim.flatCos({ lr: 2e-2 }), groups, capture: !eager };
using trainer = new Trainer(model, how);
trainer.on("epochBegin", ({ epoch }) => trainer.optimizer.configure({ match: body, frozen: epoch === 1 }));
trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}`));

const stop = new AbortController();
trainer.on("batchEnd", ({ step }) => step === Number(last) ? stop.abort() : undefined);
const kept = { data: { name: photos }, folder, resume: folder !== undefined, name: "photos" };
using run = await recipe.createRun(trainer, { ...kept, batches, model: { name: "xresnet18", ...network } });
if (!run.resume) await loadWeights(model, weights ?? await stripes(), { except: "head" });
const normalized = valid.batches(8, { normalize: data.imagenetStats });
const { top1, steps, stopped } = await trainer.fit(batches, {
  epochs: Number(epochs),
  valid: normalized,
  signal: stop.signal,
  ...run,
});
console.log(stopped ? `stopped after ${steps} steps` : `top-1 ${(100 * top1!).toFixed(2)} % after ${steps} steps`);
console.log(`run ${run.folder}`);
