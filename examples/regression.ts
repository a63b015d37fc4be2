/**
 * A regression with two outputs: network, loss, metric and optimizer of one's own, through the Trainer.
 *
 *     deno task example regression            # 512 squares, 6 epochs, each step replayed by one native call
 *     deno task example regression --eager    # op by op: the same numbers
 *     deno task example regression --stop 20  # stopped after 20 steps, gone on with from its state: the same numbers
 *
 * Says where in an image a square lies and how wide it is. Takes about 3 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, nn, optim, relu, type Tensor, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { boolean: ["eager"], string: ["epochs", "stop"] });
const side = 16;
/** The square's centre [n, 2] and width [n, 1], in shares of the image's side. */
type Answer = { centre: Tensor; width: Tensor };
class Finder extends nn.Module<Tensor, Answer> {
  readonly hidden = new nn.Linear(side * side, 64, { init: new nn.KaimingInit({ seed: 0 }) });
  readonly centre = new nn.Linear(64, 2, { init: new nn.KaimingInit({ seed: 1 }) });
  readonly width = new nn.Linear(64, 1, { init: new nn.KaimingInit({ seed: 2 }) });
  override forward(images: Tensor): Answer {
    const hidden = relu(this.hidden.forward(images.reshape([-1, side * side])));
    return { centre: this.centre.forward(hidden), width: this.width.forward(hidden) };
  }
}

function squares(count: number, first: number): data.Arrays {
  const images = new Uint8Array(count * side * side);
  const targets = Array.from({ length: count }, (_, image) => {
    const number = Math.imul(image + first, 0x9e3779b1) >>> 8;
    const width = 3 + number % 6;
    const [left, top] = [(number >> 3) % (side - width), (number >> 11) % (side - width)];
    for (let y = top; y < top + width; y++) {
      const row = (image * side + y) * side + left;
      images.fill(255, row, row + width);
    }
    return [left + width / 2, top + width / 2, width].map((pixels) => pixels / side);
  });
  return { images, targets: targets.flat(), imageShape: [side, side, 1] };
}

const part = (targets: Tensor, from: number, to: number): Tensor =>
  targets.slice([0, from], [targets.shape[0]!, to - from]);
const square = (x: Tensor): Tensor => x.mul(x).mean();
const loss = ({ centre, width }: Answer, { targets }: nn.LossBatch): Tensor =>
  square(centre.sub(part(targets, 0, 2))).add(square(width.sub(part(targets, 2, 3))).mul(2));
const pixels = ({ centre }: Answer, { targets }: nn.LossBatch): Tensor =>
  centre.sub(part(targets, 0, 2)).abs().mean().mul(side);

/** Steps along the sign of the momentum (Bernstein 2018). */
const signum = optim.defineOptimizer({
  name: "signum",
  states: ["momentum"],
  update: ({ value, gradient, states: { momentum }, lr }) => {
    momentum.assign(momentum.mul(0.9).add(gradient.mul(0.1)));
    value.assign(value.sub(momentum.sign().mul(lr)));
  },
});

using train = data.fromArrays(squares(512, 0), { training: true });
using valid = data.fromArrays(squares(128, 512));
using model = new Finder();
const schedule = optim.cosine({ lr: 3e-3 });
const options = { optimizer: signum(), schedule, loss, metrics: { pixels }, capture: !args.eager };
const fit = { epochs: Number(args.epochs ?? 6), valid: valid.batches(64) };
using first = new Trainer(model, options);
using second = new Trainer(model, options);
if (args.stop !== undefined) {
  const stop = new AbortController();
  first.on("batchEnd", ({ step }) => void (step === Number(args.stop) && stop.abort()));
  await first.fit(train.batches(32), { ...fit, signal: stop.signal });
  second.load(await first.state()); // what a checkpoint holds
}
second.on(
  "epochEnd",
  ({ epoch, trainLoss, evaluation }) =>
    console.log(`epoch ${epoch}: loss ${trainLoss}, off by ${evaluation!.metrics["pixels"]} pixels`),
);
await second.fit(train.batches(32), fit);
