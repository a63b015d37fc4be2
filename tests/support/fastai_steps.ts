/** Some steps of training as `tests/fixtures/make_fastai.py` does them. */
import { capture, crossEntropy, type Device, type models, optim, scoped, type Tensor } from "../../mod.ts";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { logitsOf } from "../../lib/train/precision.ts";
import { fastaiBatch, type StoredFastai } from "./fastai.ts";

/** What the script trained, and on what. */
export interface StepSettings {
  readonly options: Partial<models.ModelOptions>;
  readonly n: number;
  readonly size: number;
  readonly seed: number;
  readonly images: number;
  readonly steps: number;
  readonly labelSmoothing: number;
  readonly optimizer: optim.RangerOptions;
  readonly lr: number;
}

/** How to train here. */
export interface How {
  /** What the network computes in; its weights are f64 for f64, else f32. */
  readonly dtype: FloatName;
  readonly device: Device;
  readonly captured: boolean;
}

/** The losses that PyTorch stored: in f64, and of its layouts in f32 at each step that which is further off. */
export function storedLosses(stored: StoredFastai<StepSettings>): { f64: Float64Array; f32: Float64Array } {
  const f64 = stored.numbers("losses.f64");
  const layouts = stored.names("losses.f32").map((name) => stored.numbers(name));
  const off = (values: Float64Array, step: number): number => Math.abs(values[step]! - f64[step]!);
  // At a single step PyTorch may be right by chance: in one layout the entry's tenth loss is off by 2e-7, in the other by
  // 8e-5.
  const f32 = f64.map((_, step) => layouts.toSorted((a, b) => off(b, step) - off(a, step))[0]![step]!);
  return { f64, f32 };
}

/** The losses of the stored steps. */
export async function stepLosses(model: models.XResNet, settings: StepSettings, how: How): Promise<number[]> {
  using optimizer = optim.ranger(settings.optimizer).bind(model, { lr: settings.lr });
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const logits = logitsOf(model, images, how.dtype);
    const loss = crossEntropy(logits, labels, { labelSmoothing: settings.labelSmoothing });
    loss.backward();
    optimizer.step();
    return loss;
  };
  using captured = capture(run);
  const step = how.captured ? captured : scoped(run);
  const losses: number[] = [];
  for (let i = 0; i < settings.steps; i++) {
    const { images, labels } = await fastaiBatch(settings, i, { ...how, dtype: how.dtype === "f64" ? "f64" : "f32" });
    using loss = step(images, labels);
    losses.push(await loss.item());
    images.dispose();
    labels.dispose();
  }
  return losses;
}
