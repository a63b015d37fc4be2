/** A network of ten layers, one of which gives NaN from a step on. Arguments: folder, value. Answers what was lost. */
import { join } from "@std/path";
import { Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { data, Device, nn, NonFiniteError, optim, type Tensor, tensor, Trainer } from "../../../mod.ts";

/** What came of it. */
export interface NanAnswer {
  readonly tried: number;
  readonly lost: readonly string[];
}

const [folder = "", value = "NaN"] = Deno.args;
const LAYERS = 10;
const STEP = 8;

/** A linear layer, and a number that its output is multiplied by. */
class Layer extends nn.Module {
  readonly linear: nn.Linear;
  readonly factor: nn.Buffer;

  constructor(inputs: number, outputs: number, device: Device, init: nn.Init) {
    super();
    this.linear = new nn.Linear(inputs, outputs, { init, device });
    this.factor = nn.Buffer.of(tensor([1], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    return this.linear.forward(x).mul(this.factor);
  }
}

/** Ten of them, one after another. */
class Tower extends nn.Module {
  readonly layers: readonly Layer[];

  constructor(device: Device) {
    super();
    const init = new nn.KaimingInit({ seed: 0 });
    this.layers = Array.from(
      { length: LAYERS },
      (_, at) => new Layer(at === 0 ? 16 : 8, at === LAYERS - 1 ? 4 : 8, device, init),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((hidden, layer) => layer.forward(hidden), x.reshape([x.shape[0]!, -1]));
  }
}

/** Whether every number of a state is finite. */
async function finite(checkpoints: Checkpoints): Promise<string | undefined> {
  const found = await checkpoints.load();
  if (found === undefined) return "no checkpoint is there";
  for (const [name, { data }] of found.state.tensors) {
    if (ArrayBuffer.isView(data) && !Array.from(data as Float32Array).every(Number.isFinite)) {
      return `${name} is not finite`;
    }
  }
  return undefined;
}

async function broken(layer: number): Promise<string | undefined> {
  using device = new Device("cpu", { threads: 1 });
  const images = Uint8Array.from({ length: 48 * 16 }, (_, at) => Math.imul(at, 0x9e3779b1) >>> 24);
  const labels = Array.from({ length: 48 }, (_, at) => at % 4);
  using train = data.fromArrays({ images, labels, imageShape: [4, 4, 1], classes: 4 }, { device, training: true });
  using model = new Tower(device);
  using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.flatCos({ lr: 1e-3 }) });
  using bad = tensor([Number(value)], undefined, { device });
  const checkpoints = new Checkpoints(join(folder, String(layer)));
  await checkpoints.prepare();
  trainer.on("batchEnd", async ({ step }) => {
    await checkpoints.save({ state: await trainer.state(), config: {} });
    if (step === STEP) model.layers[layer]!.factor.assign(bad);
  });
  try {
    await trainer.fit(train.batches(8, { seed: 6 }), { epochs: 3 });
    return "the training went on";
  } catch (error) {
    if (!(error instanceof NonFiniteError)) return String(error);
    if (error.step !== STEP + 1) return `told of step ${error.step}, expected ${STEP + 1}`;
    if (!error.where.includes(`"layers.${layer}"`)) return `told of ${error.where}`;
  }
  return await finite(checkpoints);
}

const lost: string[] = [];
for (let layer = 0; layer < LAYERS; layer++) {
  const wrong = await broken(layer);
  if (wrong !== undefined) lost.push(`layer ${layer}: ${wrong}`);
}
console.log(JSON.stringify({ tried: LAYERS, lost }));
