/** The small networks whose first ten training steps are stored; `tests/fixtures/README.md` has the format. */
import { fromFileUrl } from "@std/path";
import {
  type ActivationName,
  capture,
  crossEntropy,
  type Device,
  models,
  optim,
  scoped,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { readSafetensors, type SafeTensor } from "../../lib/checkpoint/safetensors.ts";

/** A stored training. */
export interface StoredTraining {
  readonly settings: {
    readonly network: {
      readonly inChannels: number;
      readonly stem: number[];
      readonly stemStride: number;
      readonly stemPool: boolean;
      readonly reduction: number;
      readonly activation: ActivationName;
      readonly pool: models.PoolKind;
      readonly classes: number;
      readonly stages: number[];
      readonly blocks: number[];
      readonly expansion: number;
      readonly groups: number;
      readonly baseWidth: number;
    };
    readonly optimizer: {
      readonly lr: number;
      readonly mom: number;
      readonly sqrMom: number;
      readonly eps: number;
      readonly weightDecay: number;
      readonly k: number;
      readonly alpha: number;
    };
    readonly labelSmoothing: number;
    readonly batchNorm: { readonly eps: number; readonly momentum: number };
  };
  /** A stored tensor; throws where there is none. */
  tensor(name: string): SafeTensor;
  /** Names that begin with a prefix, without it. */
  names(prefix: string): string[];
}

/** Network "a" or "b". */
export async function readTraining(network: "a" | "b"): Promise<StoredTraining> {
  const path = fromFileUrl(new URL(`../fixtures/training/small_network_${network}.safetensors`, import.meta.url));
  const { tensors, metadata } = await readSafetensors(path);
  return {
    settings: JSON.parse(metadata["settings"]!),
    tensor(name): SafeTensor {
      const found = tensors.get(name);
      if (found === undefined) throw new Error(`Expected tensor "${name}" in "${path}", got none`);
      return found;
    },
    names: (prefix) => [...tensors.keys()].flatMap((key) => key.startsWith(prefix) ? [key.slice(prefix.length)] : []),
  };
}

/** Stored floats on a device. */
function floats(values: ArrayLike<number>, shape: readonly number[], dtype: "f32" | "f64", device: Device): Tensor {
  return tensor(dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values), shape, { device });
}

/** The network with its stored first weights. */
export function networkOf(stored: StoredTraining, dtype: "f32" | "f64", device: Device): models.XResNet {
  const { stages, activation, ...options } = stored.settings.network;
  const { eps, momentum } = stored.settings.batchNorm;
  if (eps !== 1e-5 || momentum !== 0.1) {
    throw new Error(`Expected batch norms of the defaults, 1e-5 and 0.1, got ${eps} and ${momentum}`);
  }
  const model = new models.XResNet({
    ...options,
    widths: stages,
    act: activation,
    form: "resnext",
    dtype,
    device,
  });
  const state = model.state();
  const names = stored.names("initial.");
  if (names.sort().join() !== [...state.keys()].sort().join()) {
    throw new Error(`Expected the state ${names.sort()}, got ${[...state.keys()].sort()}`);
  }
  for (const [name, parameter] of state) {
    const { data, shape } = stored.tensor(`initial.${name}`);
    using values = floats(data as Float32Array, shape, dtype, device);
    parameter.assign(values);
  }
  return model;
}

/** The optimizer of a stored training. */
export function optimizerOf(stored: StoredTraining, model: models.XResNet): optim.BoundOptimizer {
  const { lr, weightDecay, ...options } = stored.settings.optimizer;
  const { kind: _, ...settings } = options as typeof options & { kind: string };
  return optim.ranger({ ...settings, wd: weightDecay }).bind(model, { lr });
}

/** Images and labels of one of the ten steps. */
export function batchOf(
  stored: StoredTraining,
  step: number,
  dtype: "f32" | "f64",
  device: Device,
): { images: Tensor; labels: Tensor } {
  const [images, labels] = [stored.tensor("images"), stored.tensor("labels")];
  const [, n = 0, ...rest] = images.shape;
  const size = n * rest.reduce((product, each) => product * each, 1);
  const pixels = Array.from((images.data as Uint8Array).subarray(step * size, (step + 1) * size), (each) => each / 255);
  const own = (labels.data as Int32Array<ArrayBuffer>).slice(step * n, (step + 1) * n);
  return { images: floats(pixels, [n, ...rest], dtype, device), labels: tensor(own, [n], { device }) };
}

/** Trains for the ten stored steps; returns the losses. */
export async function train(
  stored: StoredTraining,
  model: models.XResNet,
  options: { dtype: "f32" | "f64"; device: Device; captured: boolean },
): Promise<number[]> {
  using optimizer = optimizerOf(stored, model);
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const { labelSmoothing } = stored.settings;
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing });
    loss.backward();
    optimizer.step();
    return loss;
  };
  const captured = options.captured ? capture(run) : undefined;
  const step = captured ?? scoped(run);
  const losses: number[] = [];
  const { shape: [steps = 0] } = stored.tensor("losses.f64");
  for (let i = 0; i < steps; i++) {
    const { images, labels } = batchOf(stored, i, options.dtype, options.device);
    using loss = step(images, labels);
    losses.push(await loss.item());
    images.dispose();
    labels.dispose();
  }
  captured?.dispose();
  return losses;
}
