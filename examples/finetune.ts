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

const args = parseArgs(Deno.args, {
  boolean: ["capture"],
  string: ["data", "weights", "run", "epochs", "stop"],
  default: { capture: true, epochs: "4" },
});
const epochs = Number(args["epochs"]);
const network = { act: "mish", pool: "maxblur", widen: 0.125, stem: [8, 8, 16] } as const;

/** A folder of photos in two classes, grey and in colour. */
async function somePhotos(): Promise<string> {
  const names = { grey: ["grey", "grey_progressive"], colour: ["baseline_420", "progressive_444"] };
  for (const [part, from] of [["train", names], ["val", names]] as const) {
    for (const [photos, files] of Object.entries(from)) {
      await Deno.mkdir(`.cache/photos/${part}/${photos}`, { recursive: true });
      const copies = files.flatMap((file) => Array.from({ length: 8 }, (_, copy) => ({ file, copy })));
      for (const { file, copy } of copies) {
        await Deno.copyFile(`tests/fixtures/images/${file}.jpg`, `.cache/photos/${part}/${photos}/${file}-${copy}.jpg`);
      }
    }
  }
  return ".cache/photos";
}

/** Weights of a network for four classes: stripes that stand, lie, and are wide or narrow. */
async function stripes(): Promise<string> {
  const [count, size] = [128, 32];
  const labels = Array.from({ length: count }, (_, image) => image % 4);
  const images = Uint8Array.from({ length: count * size * size * 3 }, (_, at) => {
    const [image, row, column] = [
      Math.floor(at / 3 / size / size),
      Math.floor(at / 3 / size) % size,
      Math.floor(at / 3) % size,
    ];
    const along = (labels[image]! & 1 ? row : column) + image;
    return along & (labels[image]! & 2 ? 8 : 2) ? 200 : 40;
  });
  using set = data.fromArrays({ images, labels, imageShape: [size, size, 3], classes: 4 }, { training: true });
  using model = models.xresnet18({ ...network, classes: 4, seed: 1 });
  using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.oneCycle({ lr: 4e-3 }) });
  await trainer.fit(set.batches(32), { epochs: 4 });
  await saveWeights(model, ".cache/stripes.safetensors");
  return ".cache/stripes.safetensors";
}

const photos = args["data"] ?? await somePhotos();
const { train, valid } = await data.open(photos, { size: 32 });
const batches = train.batches(8, { flip: 0.5, seed: 0, normalize: data.imagenetStats });

using model = models.xresnet18({ ...network, classes: train.classes.length, seed: 0 });
const body = /^(?!head)/;
const groups = [{ match: body, lrScale: 0.1, frozen: true }];
const how = { optimizer: optim.ranger(), schedule: optim.flatCos({ lr: 4e-3 }), groups, capture: args["capture"] };
using trainer = new Trainer(model, how);
trainer.on("epochBegin", ({ epoch }) => trainer.optimizer.configure({ match: body, frozen: epoch === 1 }));
trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}`));

const stop = new AbortController();
trainer.on("batchEnd", ({ step }) => step === Number(args["stop"]) ? stop.abort() : undefined);
const kept = {
  model: { name: "xresnet18", ...network },
  data: { name: photos },
  folder: args["run"],
  resume: !!args["run"],
};
using run = await recipe.createRun(trainer, { ...kept, batches, name: "photos" });
if (!run.resume) await loadWeights(model, args["weights"] ?? await stripes(), { except: "head" });
const normalized = valid.batches(8, { normalize: data.imagenetStats });
const { top1, steps, stopped } = await trainer.fit(batches, { epochs, valid: normalized, signal: stop.signal, ...run });
console.log(stopped ? `stopped after ${steps} steps` : `top-1 ${(100 * top1!).toFixed(2)} % after ${steps} steps`);
console.log(`run ${run.folder}`);
