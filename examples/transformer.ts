/**
 * A small causal transformer that learns to write a text, character by character, which the script makes itself.
 *
 *     deno task example transformer                # 6 epochs of 50 steps
 *     deno task example transformer --eager        # op by op, where else a recorded step is replayed: the same bits
 *     deno task example transformer --stop 120     # stopped there, gone on with by another Trainer: the same bits
 *
 * Prints the mean loss of each epoch, which falls from 3.0 nats a character (ln 21) to below 0.8. Takes about 6 s on two
 * cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { arange, crossEntropy, nn, optim, type State, type Tensor, tensor, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { boolean: ["eager"], string: ["stop", "epochs"], default: { epochs: "6" } });
const [rows, length, width] = [16, 32, 64];
const text = Array.from({ length: 500 }, (_, n) => `${n} squared is ${n * n}.\n`).join("");
const alphabet = [...new Set(text)].sort();
const codes = Int32Array.from(text, (character) => alphabet.indexOf(character));

/** Windows of the text, and what comes next in each; they follow from the place alone, so that a training goes on exactly. */
const batches = {
  length: 50,
  async *at(
    { epoch, batch = 0 }: { epoch: number; batch?: number },
  ): AsyncGenerator<{ inputs: Tensor; targets: Tensor }> {
    for (let place = epoch * this.length + batch; place < (epoch + 1) * this.length; place++) {
      const start = (row: number): number => 7919 * (place * rows + row) % (codes.length - length);
      const at = Int32Array.from({ length: rows * length }, (_, i) => start(Math.floor(i / length)) + i % length);
      using inputs = tensor(at.map((i) => codes[i]!), [rows, length]);
      using targets = tensor(at.map((i) => codes[i + 1]!), [rows, length]);
      yield { inputs, targets };
    }
  },
  [Symbol.asyncIterator]: () => batches.at({ epoch: 0 }),
};

const init = new nn.UniformInit({ seed: 0 });
class Block extends nn.Module {
  readonly norms = [new nn.LayerNorm(width), new nn.LayerNorm(width)] as const;
  readonly attention = new nn.MultiHeadAttention(width, 4, { causal: true, init });
  readonly up = new nn.Linear(width, 4 * width, { init });
  readonly down = new nn.Linear(4 * width, width, { init });
  override forward(x: Tensor): Tensor {
    const y = x.add(this.attention.forward(this.norms[0].forward(x)));
    return y.add(this.down.forward(nn.activate(this.up.forward(this.norms[1].forward(y)), "gelu")));
  }
}
class Transformer extends nn.Module {
  readonly characters = new nn.Embedding(alphabet.length, width, { init, std: 0.1 });
  readonly places = new nn.Embedding(length, width, { init, std: 0.1 });
  readonly body = new nn.Sequential(new Block(), new Block(), new nn.LayerNorm(width));
  readonly head = new nn.Linear(width, alphabet.length, { init });
  override forward(x: Tensor): Tensor {
    const places = this.places.forward(arange(x.shape[1]!, { device: x.device }));
    return this.head.forward(this.body.forward(this.characters.forward(x).add(places)));
  }
}

/** Trains from the beginning or from a state, to the end or until a step. */
async function train(from?: State, until = from ? 0 : Number(args.stop)): Promise<State> {
  using model = new Transformer();
  const loss: nn.Loss = (y, { targets }) => crossEntropy(y.reshape([-1, alphabet.length]), targets.reshape([-1]));
  const parts = { optimizer: optim.adamw({ wd: 1e-2 }), schedule: optim.oneCycle({ lr: 4e-3 }), loss };
  using trainer = new Trainer(model, { ...parts, capture: !args.eager });
  if (from) trainer.load(from);
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === until ? stop.abort() : undefined);
  trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss}`));
  const { stopped, steps } = await trainer.fit(batches, { epochs: Number(args.epochs), signal: stop.signal });
  console.log(stopped ? `stopped after step ${until}` : `over after step ${steps}`);
  return await trainer.state();
}
const state = await train();
if (args.stop) await train(state);
