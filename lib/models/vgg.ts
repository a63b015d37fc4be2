/** VGG-11 with batch norm (Simonyan 2015), as torchvision's `vgg11_bn`. */
import { requireTensor } from "../tensor/ops/checks.ts";
import { allOrNothing } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Activation, inTurn, Sequential } from "../nn/blocks.ts";
import { Dropout } from "../nn/dropout.ts";
import { Flatten } from "../nn/elementary.ts";
import { BatchNorm2d, Conv2d, type LayerOptions, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { AdaptiveAvgPool2d, MaxBlurPool2d, MaxPool2d } from "../nn/pools.ts";
import { type FilledVgg, type VggOptions, withVggDefaults } from "./vgg_options.ts";

/**
 * A plain stack of 3x3 convolutions with batch norms, for images [n, h, w, c] to logits [n, classes]; each stage ends with a
 * pool that halves height and width, an odd last row or column left out, so images are at least 32 x 32 at five stages.
 *
 * Convolutions have biases, as torchvision's do, and its weights start as torchvision's: those of convolutions normal of
 * standard deviation √(2 / fanOut), those of linear layers of 0.01, biases 0. The head is smaller unless asked for: the mean
 * over the image and one linear layer, 9 million parameters where torchvision's has 129 million. torchvision's is
 * `{ headSize: 7, hidden: [4096, 4096] }`, with its rows in another order, as channels are last here.
 *
 * @example A small one, with a head of torchvision's form
 * ```ts
 * import { models } from "@libtrain/libtrain";
 *
 * using model = new models.Vgg({ classes: 10, stages: [[8], [16, 16]], headSize: 7, hidden: [64, 64], seed: 0 });
 * ```
 */
export class Vgg extends Module {
  /** Convolutions, batch norms with their activation, and pools. */
  readonly features: Sequential;
  /** What averages their result. */
  readonly pool: AdaptiveAvgPool2d;
  /** From the averages to logits. */
  readonly classifier: Sequential;
  readonly #smallest: number;

  /** Makes the parameters. */
  constructor(options: VggOptions) {
    super();
    const filled = withVggDefaults(options);
    const { features, pool, classifier } = allOrNothing(() => layersOf(filled));
    [this.features, this.pool, this.classifier] = [features, pool, classifier];
    this.#smallest = 2 ** filled.stages.length;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    requireTensor("Vgg", "x", x);
    const [, height = 0, width = 0] = x.shape;
    if (x.rank === 4 && Math.min(height, width) < this.#smallest) {
      throw new RangeError(
        `Vgg(): Expected images from ${this.#smallest} x ${this.#smallest}, as each stage halves them, got ${height} x ` +
          `${width}: take larger images or fewer stages`,
      );
    }
    return inTurn([this.features, this.pool, this.classifier], x);
  }
}

/** The layers, with their first weights. */
function layersOf(filled: FilledVgg): Pick<Vgg, "features" | "pool" | "classifier"> {
  const { act, stages, headSize, hidden, dropout, classes, init, device, dtype } = filled;
  const place: LayerOptions = { init, device, dtype };
  let from = filled.inChannels;
  const features = stages.flatMap((widths) => [
    ...widths.flatMap((width) => {
      const conv = new Conv2d(from, width, place);
      from = width;
      return [conv, new BatchNorm2d(width, { act, device, dtype })];
    }),
    filled.pool === "maxblur"
      ? new MaxBlurPool2d({ kernel: 2, stride: 2, filter: filled.blur })
      : new MaxPool2d({ kernel: 2, stride: 2 }),
  ]);
  from *= headSize ** 2;
  const head = hidden.flatMap((width) => {
    const layer = new Linear(from, width, place);
    from = width;
    return [layer, new Activation(act), new Dropout({ p: dropout, init, device })];
  });
  return {
    features: new Sequential(...features),
    pool: new AdaptiveAvgPool2d({ size: headSize }),
    classifier: new Sequential(new Flatten(), ...head, new Linear(from, classes, place)),
  };
}

/**
 * vgg11_bn: eight 3x3 convolutions in five stages, each with a batch norm. {@linkcode Vgg} says what of it is torchvision's.
 *
 * @example
 * ```ts
 * import { models } from "@libtrain/libtrain";
 *
 * using model = models.vgg11Bn({ classes: 10, pool: "maxblur", seed: 0 });
 * console.log(String(model)); // Vgg(9,231,114 parameters, training)
 * ```
 */
export function vgg11Bn(options: VggOptions): Vgg {
  return allOrNothing(() => new Vgg(options));
}
