/**
 * What a frozen body costs: steps of an xresnet18 of which all is trained, of the same with only its head, and its forward in
 * evaluation alone, in turn, in one process.
 *
 *     deno task bench:frozen [--bs 16] [--size 128] [--steps 3] [--rounds 3] [--out FILE]
 *
 * @module
 */
import { capture, crossEntropy, Device, deviceInfo, models, noGrad, optim, randn, scope, tensor } from "../mod.ts";
import type { Tensor } from "../mod.ts";
import { scriptFlags } from "./flags.ts";
import { writeResult } from "./support.ts";

const flags = scriptFlags(Deno.args, {
  usage: "deno task bench:frozen [--bs 16] [--size 128] [--steps 3] [--rounds 3] [--out FILE]",
  values: ["bs", "size", "steps", "rounds", "out"],
});
const [bs, size] = [Number(flags["bs"] ?? 16), Number(flags["size"] ?? 128)];
const [steps, rounds] = [Number(flags["steps"] ?? 3), Number(flags["rounds"] ?? 3)];
const { out } = flags;

using device = new Device("cpu");
using images = randn([bs, size, size, 3], { seed: 1, device });
using labels = tensor(Int32Array.from({ length: bs }, (_, image) => image % 10), undefined, { device });
using stack = new DisposableStack();

/** A recorded step of a network of its own. */
function training(groups: readonly optim.ParameterGroup[]): () => void {
  const model = stack.use(models.xresnet18({ classes: 10, pool: "maxblur", seed: 0, device }));
  const optimizer = stack.use(optim.adamw().bind(model, { groups }));
  const step = stack.use(capture((images: Tensor, labels: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  }));
  return () => step(images, labels).dispose();
}

/** A recorded forward in evaluation. */
function forward(): () => void {
  const model = stack.use(models.xresnet18({ classes: 10, pool: "maxblur", seed: 0, device })).eval();
  const step = stack.use(capture((images: Tensor) => noGrad(() => scope(() => model.forward(images)))));
  return () => step(images).dispose();
}

const ways = { full: training([]), frozen: training([{ match: /^(?!head)/, frozen: true }]), forward: forward() };
const times: Record<keyof typeof ways, number[]> = { full: [], frozen: [], forward: [] };
for (let round = 0; round <= rounds; round++) {
  for (const [way, step] of Object.entries(ways) as [keyof typeof ways, () => void][]) {
    for (let i = 0; i < steps; i++) {
      const start = performance.now();
      step();
      await device.synchronize();
      // The first round runs, records and warms up.
      if (round > 0) times[way].push(performance.now() - start);
    }
  }
}
// The fastest of each: what else runs on the machine only adds.
const [full, frozen, forwardOnly] = [Math.min(...times.full), Math.min(...times.frozen), Math.min(...times.forward)];
const shown = (ms: number): string => `${ms.toFixed(1)} ms`;
console.log(`full step ${shown(full)}, frozen body ${shown(frozen)}, forward alone ${shown(forwardOnly)}`);
console.log(`a frozen body costs ${(100 * frozen / full).toFixed(0)} % of the full step`);
if (out !== undefined) {
  await writeResult(out, {
    network: "xresnet18, pool maxblur, 10 classes, f32, captured",
    bs,
    size,
    fullMs: Number(full.toFixed(1)),
    frozenMs: Number(frozen.toFixed(1)),
    forwardMs: Number(forwardOnly.toFixed(1)),
    ofFull: Number((frozen / full).toFixed(3)),
    threads: device.stats().chunksByThread.length,
    cpu: deviceInfo().cpu.model,
  });
}
