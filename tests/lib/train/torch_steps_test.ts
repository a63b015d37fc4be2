/** Ten steps with mixup, accumulation and clipping, as PyTorch takes them. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  type data,
  Device,
  gatherRows,
  nn,
  oneHot,
  optim,
  readSafetensors,
  scope,
  tanh,
  type Tensor,
  tensor,
  Trainer,
} from "../../../mod.ts";

const folder = new URL("../../fixtures/trainer/", import.meta.url);
const { tensors } = await readSafetensors(fromFileUrl(new URL("steps.safetensors", folder)));

function stored(name: string): { data: Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>; shape: readonly number[] } {
  return tensors.get(name) as { data: Float64Array<ArrayBuffer>; shape: readonly number[] };
}

/** A batch with the draws that it is mixed by. */
interface Drawn {
  readonly x: Tensor;
  readonly kept: Tensor;
  readonly partner: Tensor;
  readonly [name: string]: Tensor;
}

class TwoLayers extends nn.Module<Drawn, Tensor> {
  readonly first: nn.Linear;
  readonly second: nn.Linear;

  constructor(device: Device, dtype: "f32" | "f64") {
    super();
    this.first = new nn.Linear(12, 16, { device, dtype });
    this.second = new nn.Linear(16, 5, { device, dtype });
    for (const [path, parameter] of this.namedParameters()) {
      scope(() => void parameter.assign(held(`weights.${path}`, device, dtype)));
    }
  }

  override forward({ x }: Drawn): Tensor {
    return this.second.forward(tanh(this.first.forward(x)));
  }
}

function held(name: string, device: Device, dtype: "f32" | "f64"): Tensor {
  const { data: values, shape } = stored(name);
  if (values instanceof Int32Array) return tensor(values, shape, { device });
  return tensor(dtype === "f64" ? values : Float32Array.from(values), shape, { device });
}

/** Mixup by draws that come with the batch. */
const mixed: data.BatchTransform<Drawn, Tensor> = ({ inputs, targets }) => {
  const { x, kept, partner } = inputs;
  const mix = (values: Tensor): Tensor => values.mul(kept).add(gatherRows(values, partner).mul(kept.affine(-1, 1)));
  return { inputs: { ...inputs, x: mix(x) }, targets: mix(oneHot(targets, { classes: 5, dtype: x.dtype })) };
};

async function trained(
  dtype: "f32" | "f64",
  optimizer: optim.Optimizer,
  capture: boolean,
): Promise<{ losses: number[]; correct: number; after: Map<string, Float64Array> }> {
  using device = new Device("cpu", { threads: 2 });
  using model = new TwoLayers(device, dtype);
  const batches = Array.from({ length: 20 }, (_, place) => {
    const of = (name: string): Tensor => held(`batch.${place}.${name}`, device, dtype).detachFromScope();
    return { inputs: { x: of("x"), kept: of("kept"), partner: of("partner") }, targets: of("labels") };
  });
  const losses: number[] = [];
  let correct = NaN;
  {
    using trainer = new Trainer(model, {
      optimizer,
      schedule: optim.constant({ lr: 0.3 }),
      labelSmoothing: 0.1,
      transformBatch: mixed,
      clipNorm: 1,
      accumulate: 2,
      capture,
    });
    trainer.on("losses", (steps) => void losses.push(...steps.map(({ loss }) => loss)));
    const { steps, trainTop1 } = await trainer.fit(batches, { epochs: 1 });
    assertEquals(steps, 10);
    correct = trainTop1! * 90;
  }
  const after = new Map<string, Float64Array>();
  for (const [path, parameter] of model.namedParameters()) after.set(path, Float64Array.from(await parameter.data()));
  for (const { inputs, targets } of batches) [...Object.values(inputs), targets].forEach((each) => each.dispose());
  return { losses, correct, after };
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(b, (value, i) => Math.abs(a[i]! - value)));
}

const rules: Readonly<Record<string, () => optim.Optimizer>> = {
  one: () => optim.sgd({ mom: 0.9 }),
  two: () => optim.together({ optimizer: optim.sgd({ mom: 0.9 }), match: /weight$/ }, optim.adamw({ mom: 0.9, wd: 0 })),
};

for (const [name, make] of Object.entries(rules)) {
  for (const capture of [true, false]) {
    Deno.test(`Trainer: ten steps with mixup, accumulation, clipping and ${name} optimizer are PyTorch's, ${capture ? "recorded" : "call by call"}`, async () => {
      const wanted = stored(`${name}.losses`).data;
      const exact = await trained("f64", make(), capture);
      assertEquals(Math.round(exact.correct), stored(`${name}.correct`).data[0]);
      // Losses come from the device as f32.
      assert(distance(exact.losses, wanted) < 2e-7, `losses ${exact.losses}, wanted ${wanted}`);
      for (const [path, values] of exact.after) {
        assert(distance(values, stored(`${name}.after.${path}`).data) < 1e-12, path);
      }
      const single = await trained("f32", make(), capture);
      assert(distance(single.losses, wanted) < 2e-6, `losses ${single.losses}, wanted ${wanted}`);
    });
  }
}
