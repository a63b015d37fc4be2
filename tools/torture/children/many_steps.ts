/** Trains so many steps, and tells how resident memory grew after the 200th. Arguments: steps, part. */
import { capture, crossEntropy, Device, full, models, optim, type Tensor, tensor } from "../../../mod.ts";

/** What came of it. */
export interface GrowthAnswer {
  readonly steps: number;
  readonly mib: number;
  /** Live handles after the 200th step, and at the end. */
  readonly handles: readonly [number, number];
}

const [steps = "400", part = "run"] = Deno.args;

/** From here on memory has to stay. */
const SETTLED = 200;

using device = new Device("cpu", { threads: 1 });
using model = models.mnistNet({ seed: 0, device });
using optimizer = optim.ranger().bind(model);
using step = capture((images: Tensor, labels: Tensor) => {
  const loss = crossEntropy(model.forward(images), labels);
  loss.backward();
  optimizer.step();
  return loss;
});

/** The planted bug: 64 KiB that each step forgets. */
const forgotten: unknown[] = [];
const resident = (): number => Deno.memoryUsage().rss / 2 ** 20;

let before = { mib: 0, handles: 0 };
for (let at = 1; at <= Number(steps); at++) {
  using images = tensor(new Float32Array(8 * 28 * 28).fill(0.01 * (at % 90)), [8, 28, 28, 1], { device });
  using labels = tensor(Array.from({ length: 8 }, (_, row) => (row + at) % 10), undefined, { dtype: "i32", device });
  using loss = step(images, labels);
  await loss.item();
  if (part === "leak") forgotten.push(full([1 << 14], 1, { device }));
  if (at === SETTLED) before = { mib: resident(), handles: device.stats().handles };
}
const answer: GrowthAnswer = {
  steps: Number(steps),
  mib: Math.round(10 * (resident() - before.mib)) / 10,
  handles: [before.handles, device.stats().handles],
};
console.log(JSON.stringify(answer));
Deno.exit(0);
