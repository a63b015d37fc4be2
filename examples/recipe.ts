/**
 * The recipe from its parts: data, model, optimizer and schedule in a Trainer.
 *
 *     deno task example recipe                               # 4,096 digits, 3 epochs
 *     deno task example recipe --limit 60000 --epochs 5      # all of MNIST
 *
 * Prints a line an epoch, and the top-1 on digits that it was not trained on. Takes about 8 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, models, optim, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { string: ["limit", "epochs"], default: { limit: "4096", epochs: "3" } });

const { train, valid } = await data.mnist({ limit: Number(args["limit"]) });
using model = models.mnistNet({ act: "mish", pool: "maxblur", seed: 0 });
console.log(`${model} on ${train}`);

using trainer = new Trainer(model, {
  optimizer: optim.ranger({ mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 }),
  schedule: optim.flatCos({ lr: 8e-3, start: 0.75 }),
  labelSmoothing: 0.1,
});
trainer.on("epochEnd", ({ epoch, trainLoss, evaluation, imagesPerSecond }) => {
  const top1 = (100 * evaluation!.top1!).toFixed(2);
  console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}, top-1 ${top1} %, ${imagesPerSecond.toFixed(0)} images/s`);
});

const result = await trainer.fit(train.batches(32, { shift: 2, seed: 0 }), {
  epochs: Number(args["epochs"]),
  valid: valid.batches(256),
});
console.log(`top-1 ${(100 * result.top1!).toFixed(2)} % after ${result.steps} steps`);

train.dispose();
valid.dispose();
