/**
 * Gradient accumulation and clipping: four batches of 16 for each step of the optimizer, as one batch of 64 would.
 *
 *     deno task example accumulate             # 1,000 digits, 3 epochs, each step replayed by one native call
 *     deno task example accumulate --large     # batches of 64: the same losses, but for the order of sums
 *     deno task example accumulate --eager     # op by op: the same numbers
 *     deno task example accumulate --stop 20   # stopped after 20 steps, gone on with from its state: the same numbers
 *
 * The network has no batch norm, which would see 16 images at a time. Takes about 2 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, nn, optim, relu, type Tensor, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { boolean: ["large", "eager"], string: ["limit", "epochs", "stop"] });

class Plain extends nn.Module {
  readonly hidden = new nn.Linear(28 * 28, 64, { init: new nn.KaimingInit({ seed: 0 }) });
  readonly head = new nn.Linear(64, 10, { init: new nn.KaimingInit({ seed: 1 }) });

  override forward(images: Tensor): Tensor {
    return this.head.forward(relu(this.hidden.forward(images.reshape([-1, 28 * 28]))));
  }
}

const { train, valid } = await data.mnist({ limit: Number(args.limit ?? 1000) });
using model = new Plain();
const options = {
  optimizer: optim.adamw({ wd: 0.05 }),
  schedule: optim.oneCycle({ lr: 5e-3 }),
  clipNorm: 0.5,
  accumulate: args.large ? 1 : 4,
  capture: !args.eager,
};
// What is left at an epoch's end, here 40 images, is a step of its own.
const batches = train.batches(args.large ? 64 : 16, { seed: 0, dropLast: false });
const fit = { epochs: Number(args.epochs ?? 3), valid: valid.batches(256) };
using first = new Trainer(model, options);
using second = new Trainer(model, options);
if (args.stop !== undefined) {
  const stop = new AbortController();
  first.on("batchEnd", ({ step }) => void (step === Number(args.stop) && stop.abort()));
  await first.fit(batches, { ...fit, signal: stop.signal });
  second.load(await first.state()); // what a checkpoint holds
}
second.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss}`));
const { top1, steps } = await second.fit(batches, fit);
console.log(`top-1 ${(100 * top1!).toFixed(2)} % after ${steps} steps`);
train.dispose();
valid.dispose();
