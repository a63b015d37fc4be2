/**
 * A network with dropout and stochastic depth: each step has masks of its own, and every way to the end has the same bits.
 *
 *     deno task example dropout               # 2,048 digits, 3 epochs
 *
 * Trains op by op, then with steps that are recorded and replayed, then stopped in the middle and gone on with in another
 * model from what was saved. Prints whether the state at the end is the same. Takes about 10 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { data, nn, optim, type State, type Tensor, Trainer } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, { string: ["limit", "epochs"] });
const epochs = Number(args["epochs"] ?? 3);

/** Residual blocks; of the branch beside each shortcut some samples are left out, deeper ones more often (Huang 2016). */
class Network extends nn.Module {
  readonly stem: nn.ConvNorm;
  readonly blocks: { readonly conv: nn.ConvNorm; readonly depth: nn.StochasticDepth }[];
  readonly dropout: nn.Dropout;
  readonly head: nn.Linear;

  constructor(seed: number) {
    super();
    // Weights and masks follow from the model's seed: `init` numbers both.
    const init = new nn.KaimingInit({ seed });
    this.stem = new nn.ConvNorm(1, 16, { init, stride: 2, act: "relu" });
    this.blocks = [0.1, 0.2, 0.3].map((p) => ({
      conv: new nn.ConvNorm(16, 16, { init, act: "relu" }),
      depth: new nn.StochasticDepth({ p, init }),
    }));
    this.dropout = new nn.Dropout({ p: 0.2, init });
    this.head = new nn.Linear(16 * 14 * 14, 10, { init });
  }

  override forward(x: Tensor): Tensor {
    let y = this.stem.forward(x);
    for (const { conv, depth } of this.blocks) y = y.add(depth.forward(conv.forward(y)));
    return this.head.forward(this.dropout.forward(y.reshape([x.shape[0]!, -1])));
  }
}

const { train, valid } = await data.mnist({ limit: Number(args["limit"] ?? 2048) });

/** The state after a training, or where it is stopped. */
async function trained(seed: number, how: { capture?: boolean; stopAt?: number; from?: State }): Promise<State> {
  const { capture = true, stopAt = Infinity, from } = how;
  using model = new Network(seed);
  using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.oneCycle({ lr: 3e-3 }), capture });
  if (from !== undefined) trainer.load(from);
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === stopAt ? stop.abort() : undefined);
  const { top1, trainLoss } = await trainer.fit(train.batches(32, { seed: 0 }), {
    epochs,
    valid: valid.batches(256),
    signal: stop.signal,
  });
  if (!capture) console.log(`loss ${trainLoss!.toFixed(4)}, top-1 ${(100 * top1!).toFixed(2)} %`);
  return await trainer.state();
}

/** Whether all weights, optimizer states and counters of two trainings are the same. */
function compared({ tensors }: State, other: State): string {
  const same = [...tensors].every(([name, { data }]) => String(data) === String(other.tensors.get(name)?.data));
  return same ? "the same bits" : "other bits";
}

const eager = await trained(0, { capture: false });
console.log(`recorded: ${compared(eager, await trained(0, {}))}`);
const half = await trained(0, { stopAt: 50 });
console.log(`resumed after 50 steps: ${compared(eager, await trained(1, { from: half }))}`);
train.dispose();
valid.dispose();
