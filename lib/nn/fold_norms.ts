/** Batch norms that are folded into the convolutions before them, for networks that evaluate. */
import type { Device } from "../tensor/device.ts";
import { gradEnabled, noGrad } from "../tensor/graph.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { conv2dBiasAct } from "../tensor/ops/conv2d_bias_act.ts";
import { inDtype } from "../tensor/ops/shape.ts";
import { capturing, guard } from "../tensor/recording.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, versionOf } from "../tensor/tensor.ts";
import { untraced } from "../tensor/trace.ts";
import { requireModule } from "./checks.ts";
import { BatchNorm2d, Conv2d, requireConvolved } from "./layers.ts";
import type { AnyModule } from "./module.ts";

/** Weight and bias of a convolution with the norm behind it, for inputs of one dtype. */
class Folded {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #dtype: Tensor["dtype"];
  readonly #sources: readonly (Tensor | null)[];
  readonly #versions: readonly number[];

  constructor(conv: Conv2d, norm: BatchNorm2d, dtype: Tensor["dtype"]) {
    this.#dtype = dtype;
    this.#sources = sourcesOf(conv, norm);
    this.#versions = this.#sources.map((source) => source === null ? 0 : versionOf(source));
    const [weight, bias] = noGrad(() =>
      scope(() => {
        const scale = norm.weight.div(norm.runningVariance.add(norm.eps).sqrt());
        const weight = conv.weight.mul(scale.reshape([-1, 1, 1, 1]));
        const mean = conv.bias === null ? norm.runningMean : norm.runningMean.sub(conv.bias);
        return [dtype === "bf16" ? inDtype(weight, dtype) : weight, norm.bias.sub(mean.mul(scale))];
      })
    );
    this.weight = weight!.detachFromScope().heldAs("weights");
    this.bias = bias!.detachFromScope().heldAs("weights");
  }

  /** Whether it is what would be folded now: the same tensors, which nobody has written since. */
  isOf(conv: Conv2d, norm: BatchNorm2d, dtype: Tensor["dtype"]): boolean {
    return dtype === this.#dtype &&
      sourcesOf(conv, norm).every((source, at) =>
        source === this.#sources[at] && (source === null || versionOf(source) === this.#versions[at])
      );
  }

  dispose(): void {
    this.weight.dispose();
    this.bias.dispose();
  }
}

function sourcesOf(conv: Conv2d, norm: BatchNorm2d): (Tensor | null)[] {
  return [conv.weight, conv.bias, norm.weight, norm.bias, norm.runningMean, norm.runningVariance];
}

/** What is kept for a norm while somebody has it folded. */
class Place {
  /** How many have it folded. */
  holders = 0;
  #folded: Folded | undefined;

  /** What is folded of a convolution and the norm as they are now; undefined where it cannot be made just now. */
  folded(conv: Conv2d, norm: BatchNorm2d, dtype: Tensor["dtype"]): Folded | undefined {
    if (!this.#folded?.isOf(conv, norm, dtype)) {
      // What is made while recording is made anew at each replay, and would not be left between them.
      if (capturing()) return undefined;
      this.forget();
      this.#folded = untraced(() => new Folded(conv, norm, dtype));
    }
    const found = this.#folded!;
    guard(() => found === this.#folded && found.isOf(conv, norm, dtype));
    return found;
  }

  forget(): void {
    this.#folded?.dispose();
    this.#folded = undefined;
  }
}

const places = new WeakMap<BatchNorm2d, Place>();

/** The batch norms of a model, held folded by {@linkcode foldNorms}. */
export interface FoldedNorms extends Disposable {
  /** Lets go of the folded weights, unless another holds the same norms folded. */
  dispose(): void;
}

class Holder implements FoldedNorms {
  readonly #norms = new Set<BatchNorm2d>();

  constructor(model: AnyModule) {
    const devices = new Set<Device>();
    for (const [, module] of model.modules()) {
      if (!(module instanceof BatchNorm2d)) continue;
      const place = places.get(module) ?? new Place();
      places.set(module, place);
      place.holders++;
      this.#norms.add(module);
      devices.add(module.weight.device);
    }
    for (const device of devices) device.afterRecovery(this);
  }

  /** What was folded behind a late error was never computed. */
  recovered(): Promise<void> {
    for (const norm of this.#norms) places.get(norm)?.forget();
    return Promise.resolve();
  }

  dispose(): void {
    for (const norm of this.#norms) {
      const place = places.get(norm)!;
      if (--place.holders > 0) continue;
      place.forget();
      places.delete(norm);
    }
    this.#norms.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Has the batch norms of a model run inside the convolutions before them, until what it returns is disposed: wherever a
 * norm evaluates and no gradient is recorded, convolution, norm, residual and activation are one pass.
 *
 * That holds for each {@linkcode ConvNorm}, for a {@linkcode Conv2d} right before a {@linkcode BatchNorm2d} in a
 * {@linkcode Sequential}, and for whatever calls {@linkcode convNorm}. Weights are folded at the first batch, and anew once
 * weights or statistics were written; they take as much memory as the convolutions' own. Results differ from those of
 * separate passes by rounding. `evaluate()` and a trained model of `recipe.open()` do this by themselves.
 *
 * @example
 * ```ts
 * import { models, nn, noGrad, randn } from "@libtrain/libtrain";
 *
 * using model = models.xresnet18({ classes: 10 }).eval();
 * using _folded = nn.foldNorms(model);
 * using x = randn([1, 64, 64, 3]);
 * using logits = noGrad(() => model.forward(x));
 * console.log(logits.shape); // [1, 10]
 * ```
 */
export function foldNorms(model: AnyModule): FoldedNorms {
  requireModule("foldNorms", "model", model);
  return new Holder(model);
}

/**
 * act(norm(conv(x)) + residual), with the norm's activation: one pass where the norm is folded ({@linkcode foldNorms}).
 *
 * @example
 * ```ts
 * import { nn, randn, scope } from "@libtrain/libtrain";
 *
 * using conv = new nn.Conv2d(3, 8, { bias: false });
 * using norm = new nn.BatchNorm2d(8, { act: "relu" });
 * using y = scope(() => nn.convNorm(conv, norm, randn([2, 6, 6, 3])));
 * console.log(y.shape); // [2, 6, 6, 8]
 * ```
 */
export function convNorm(conv: Conv2d, norm: BatchNorm2d, x: Tensor, residual: Tensor | null = null): Tensor {
  requireLayer("conv", Conv2d, conv);
  requireLayer("norm", BatchNorm2d, norm);
  const place = places.get(norm);
  if (place === undefined || !mayFold(conv, norm, [x, residual])) {
    return norm.forward(conv.forward(x), residual);
  }
  requireConvolved(conv, x);
  const folded = place.folded(conv, norm, x.dtype);
  if (folded === undefined) return norm.forward(conv.forward(x), residual);
  const { stride, padding, groups } = conv;
  return conv2dBiasAct(x, folded.weight, { stride, padding, groups, bias: folded.bias, residual, act: norm.act });
}

function requireLayer(name: string, kind: typeof Conv2d | typeof BatchNorm2d, value: unknown): void {
  if (value instanceof kind) return;
  throw new TypeError(`convNorm(): Expected \`${name}\` as a ${kind.name}, got ${kindOf(value)}`);
}

/** Whether the norm evaluates, nothing is recorded for backward, and both layers are what their classes make of them. */
function mayFold(conv: Conv2d, norm: BatchNorm2d, inputs: readonly (Tensor | null)[]): boolean {
  if (norm.training) return false;
  if (conv.forward !== Conv2d.prototype.forward || norm.forward !== BatchNorm2d.prototype.forward) return false;
  if (!gradEnabled()) return true;
  const still = (): boolean => !sourcesOf(conv, norm).some((source) => source?.requiresGrad);
  guard(still);
  return still() && !inputs.some((input) => input?.requiresGrad);
}
