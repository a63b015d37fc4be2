/** Layers without parameters that change the shape, or single values. */
import { kindOf, requireTensor } from "../tensor/ops/checks.ts";
import { leakyRelu } from "../tensor/ops/unary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireLayerOptions } from "./known_options.ts";
import { Module } from "./module.ts";

/**
 * Everything of a sample in one row: [n, ..] to [n, size of a sample].
 *
 * Images are [n, h, w, c] here, so the values of a pixel stay together; PyTorch's `Flatten` of [n, c, h, w] gives those of
 * a channel together. Weights of a Linear behind it have their columns in another order.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@libtrain/libtrain";
 *
 * using y = new nn.Flatten().forward(zeros([2, 4, 4, 3]));
 * console.log(y.shape); // [2, 48]
 * ```
 */
export class Flatten extends Module {
  /** Takes no settings. */
  constructor(...none: []) {
    super();
    if (none.length === 0) return;
    throw new TypeError("Flatten(): Expected no arguments, got some: it makes a row of all axes but the first");
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    requireTensor("Flatten", "x", x);
    const [n, ...rest] = x.shape;
    if (n === undefined) throw new TypeError("Flatten(): Expected `x` as [n, ..], got shape []");
    return x.reshape([n, rest.reduce((product, size) => product * size, 1)]);
  }
}

/**
 * Leaky ReLU as a layer: x where x > 0, else negativeSlope · x, by default 0.01 x (Maas 2013).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using y = new nn.LeakyReLU({ negativeSlope: 0.5 }).forward(tensor([-2, 3]));
 * console.log(await y.data()); // Float32Array [-1, 3]
 * ```
 */
export class LeakyReLU extends Module {
  /** What negative values are multiplied by. */
  readonly negativeSlope: number;

  /** Takes its settings. */
  constructor(options: { negativeSlope?: number } = {}) {
    super();
    requireLayerOptions("LeakyReLU", options, {
      known: ["negativeSlope"],
      example: "new LeakyReLU({ negativeSlope: 0.2 })",
    });
    this.negativeSlope = options.negativeSlope ?? 0.01;
    if (!Number.isFinite(this.negativeSlope)) {
      throw new RangeError(
        `LeakyReLU(): Expected \`negativeSlope\` as a finite number, got ${kindOf(this.negativeSlope)}`,
      );
    }
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return leakyRelu(x, { negativeSlope: this.negativeSlope });
  }
}
