/** Vectors that are learnt for numbers: words, characters, positions, categories. */
import { requireNumber, requireTensor } from "../tensor/ops/checks.ts";
import { gatherRows } from "../tensor/ops/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireCounts } from "./checks.ts";
import { UniformInit } from "./init.ts";
import { layerOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import type { LayerOptions } from "./layers.ts";
import { Module, Parameter } from "./module.ts";

/** Options of {@linkcode Embedding}. */
export interface EmbeddingOptions extends LayerOptions {
  /** Standard deviation of the initial weights; by default 1. */
  std?: number;
}

/**
 * A row of weights for each number: an index (i32) of any shape to [..index's shape, features]; weight [count, features].
 *
 * The weights start as PyTorch's, normal of mean 0 and standard deviation 1 (or `std`), drawn by `init`, whose seed they follow
 * from. A number that is not from 0 to count - 1 is a late error. The result has the weight's dtype.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using layer = new nn.Embedding(65, 8);
 * using characters = tensor([[3, 1, 4], [1, 5, 9]], { dtype: "i32" });
 * using y = layer.forward(characters);
 * console.log(y.shape); // [2, 3, 8]
 * ```
 */
export class Embedding extends Module {
  /** The weight. */
  weight: Parameter;

  /** Makes the parameters. */
  constructor(count: number, features: number, options: EmbeddingOptions = {}) {
    super();
    requireCounts("Embedding", { count, features });
    requireLayerOptions("Embedding", options, {
      known: ["std", ...layerOptions],
      example: "new Embedding(65, 32, { std: 0.02 })",
    });
    const { std = 1 } = options;
    requireNumber("Embedding", "std", std, { fits: (value) => value >= 0 && value < Infinity, wanted: "from 0" });
    const init = options.init ?? new UniformInit();
    this.weight = Parameter.of(init.normal([count, features], { ...placeOf(options), std }));
  }

  /** The rows for one batch of numbers. */
  override forward(index: Tensor): Tensor {
    const [count, features] = this.weight.shape;
    requireTensor("Embedding", "index", index);
    if (index.dtype !== "i32") {
      throw new TypeError(
        `Embedding(${count}, ${features}): Expected \`index\` of dtype i32, got ${index.dtype}: make it with ` +
          '{ dtype: "i32" }, or call to("i32") on it',
      );
    }
    return gatherRows(this.weight, index);
  }
}
