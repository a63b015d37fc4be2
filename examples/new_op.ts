/**
 * New differentiable ops in TypeScript only: one composed of others, one with a backward of its own.
 *
 *     deno task example new_op                # 2,048 digits, 3 epochs
 *
 * Checks the gradients, shows what a wrong one gives, then trains a network that needs the second op: its hidden layer
 * answers 0 or 1, so a real derivative would be 0 everywhere. Takes about 3 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, defineOp, gradCheck, nn, optim, randn, type Tensor, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { string: ["limit", "epochs"] });

/** Composed: gradients come by themselves. */
const swishGate = (x: Tensor, gate: Tensor): Tensor => x.mul(gate.sigmoid());

/** 1 where x > 0, else 0; backward passes the gradient straight through where |x| <= 1 (Bengio 2013). */
const binarize = defineOp({
  name: "binarize",
  forward: (x: Tensor) => x.greater(0),
  backward: (dy, { inputs: [x] }) => [dy.mul(x.abs().greater(1).affine(-1, 1))],
});

using x = randn([2, 3], { dtype: "f64", seed: 1 });
using gate = randn([2, 3], { dtype: "f64", seed: 2 });
await gradCheck(swishGate, [x, gate]);
console.log("swishGate: gradients as by differences");

const wrong = defineOp({ forward: (x: Tensor) => x.mul(x), backward: (dy, { inputs: [x] }) => [dy.mul(x)] });
await gradCheck(wrong, [x]).catch((error) => console.log(`a wrong one: ${error.message}`));

class BinaryNet extends nn.Module {
  readonly hidden = new nn.Linear(28 * 28, 128);
  readonly gate = new nn.Linear(28 * 28, 128);
  readonly head = new nn.Linear(128, 10);

  override forward(images: Tensor): Tensor {
    const x = images.reshape([-1, 28 * 28]);
    return this.head.forward(swishGate(binarize(this.hidden.forward(x)), this.gate.forward(x)));
  }
}

const { train, valid } = await data.mnist({ limit: Number(args["limit"] ?? 2048) });
using model = new BinaryNet();
using trainer = new Trainer(model, { optimizer: optim.ranger(), schedule: optim.flatCos({ lr: 4e-3 }) });
trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}`));
const epochs = Number(args["epochs"] ?? 3);
const { top1 } = await trainer.fit(train.batches(32), { epochs, valid: valid.batches(256) });
console.log(`top-1 ${(100 * top1!).toFixed(2)} %`);
train.dispose();
valid.dispose();
