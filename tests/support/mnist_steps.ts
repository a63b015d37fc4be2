/** Training steps of a small MNIST network on made-up images, for tests of capture, memory and determinism. */
import {
  capture,
  type Captured,
  crossEntropy,
  type Device,
  models,
  optim,
  scope,
  scoped,
  type Tensor,
  tensor,
} from "../../mod.ts";

/** A network, its optimizer, and a step over a batch. */
export interface Training {
  readonly model: models.XResNet;
  readonly optimizer: optim.BoundOptimizer;
  readonly captured: Captured<[Tensor, Tensor], Tensor> | undefined;
  step(images: Tensor, labels: Tensor): Tensor;
  [Symbol.dispose](): void;
}

/** What may differ between trainings. */
export interface TrainingOptions {
  readonly device: Device;
  readonly captured: boolean;
  /** By default 0. */
  readonly seed?: number;
}

/** A training that has not begun; the same seed gives the same. */
export function startTraining(options: TrainingOptions): Training {
  const { device, seed = 0 } = options;
  const model = models.mnistNet({ seed, device, stem: [4, 4, 8], widths: [16, 16] });
  const optimizer = optim.ranger({ k: 3 }).bind(model);
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 });
    loss.backward();
    optimizer.step();
    return loss;
  };
  const captured = options.captured ? capture(run) : undefined;
  return {
    model,
    optimizer,
    captured,
    step: captured ?? scoped(run),
    [Symbol.dispose](): void {
      captured?.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** Images and labels of a step: the same for the same step. */
export function batch(device: Device, step: number, size = 8): { images: Tensor; labels: Tensor } {
  const pixels = Float32Array.from(
    { length: size * 28 * 28 },
    (_, i) => ((i * 7919 + step * 104_729 + (i >> 5) * 31) % 256) / 255,
  );
  const labels = Int32Array.from({ length: size }, (_, i) => (i * 3 + step * 7) % 10);
  return {
    images: tensor(pixels, [size, 28, 28, 1], { device }).detachFromScope(),
    labels: tensor(labels, [size], { device }).detachFromScope(),
  };
}

/** Trains steps `from`..`to`, with a learning rate that changes at each; returns the losses. */
export async function trainSteps(training: Training, device: Device, from: number, to: number): Promise<number[]> {
  const rate = optim.flatCos({ lr: 8e-3, start: 0.2 }).over(60);
  const losses: number[] = [];
  for (let step = from; step < to; step++) {
    training.optimizer.lr = rate(step);
    const { images, labels } = batch(device, step);
    using loss = training.step(images, labels);
    losses.push(await loss.item());
    images.dispose();
    labels.dispose();
  }
  return losses;
}

/** SHA-256 of every weight, running statistic and optimizer state, in the order of their names. */
export async function stateHash({ model, optimizer }: Training): Promise<string> {
  const state = scope(() => Object.fromEntries(optimizer.state()));
  const named = [...model.state(), ...Object.entries(state)].sort(([a], [b]) => a < b ? -1 : 1);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const [name, each] of named) {
    const values = await each.data();
    parts.push(new TextEncoder().encode(name), new Uint8Array(values.buffer));
  }
  for (const each of Object.values(state)) each.dispose();
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
