/**
 * Mixup (Zhang 2018) or CutMix (Yun 2019) on digits: pairs of images are mixed on the device, inside the recorded step.
 *
 *     deno task example mixup             # 1,024 digits, 3 epochs, each step replayed by one native call
 *     deno task example mixup --cutmix    # boxes of one image in another
 *     deno task example mixup --eager     # op by op: the same numbers
 *     deno task example mixup --stop 40   # stopped after 40 steps, gone on with from its state: the same numbers
 *
 * Each epoch draws anew, by seed, epoch and sample. Takes about 5 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, models, optim, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { boolean: ["cutmix", "eager"], string: ["limit", "epochs", "stop"] });

const { train, valid } = await data.mnist({ limit: Number(args.limit ?? 1024) });
using model = models.mnistNet({ seed: 0 });
const options = {
  optimizer: optim.ranger({ wd: 1e-2 }),
  schedule: optim.flatCos({ lr: 8e-3 }),
  labelSmoothing: 0.1,
  transformBatch: args.cutmix ? data.cutmix({ alpha: 1, probability: 0.5 }) : data.mixup({ alpha: 0.4 }),
  capture: !args.eager,
};
const batches = train.batches(32, { seed: 0 });
const fit = { epochs: Number(args.epochs ?? 3), valid: valid.batches(256) };
using first = new Trainer(model, options);
using second = new Trainer(model, options);
if (args.stop !== undefined) {
  const stop = new AbortController();
  first.on("batchEnd", ({ step }) => void (step === Number(args.stop) && stop.abort()));
  await first.fit(batches, { ...fit, signal: stop.signal });
  second.load(await first.state()); // what a checkpoint holds
}
second.on(
  "epochEnd",
  ({ epoch, trainLoss, evaluation }) =>
    console.log(`epoch ${epoch}: loss of mixed images ${trainLoss}, of whole ones ${evaluation!.loss}`),
);
const { top1 } = await second.fit(batches, fit);
console.log(`top-1 ${(100 * top1!).toFixed(2)} %`);
train.dispose();
valid.dispose();
