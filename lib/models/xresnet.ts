/** The xresnet: a ResNet with the tricks of He 2018 ("Bag of Tricks"), as in fastai. */
import { ConvNorm, inTurn } from "../nn/blocks.ts";
import type { FastaiEntry, FastaiNames } from "../nn/fastai_names.ts";
import { Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { MaxBlurPool2d, MaxPool2d } from "../nn/pools.ts";
import { allOrNothing } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fastaiEntries } from "./fastai.ts";
import { type Filled, partsOf, withDefaults, type XResNetOptions } from "./options.ts";
import { ResBlock } from "./res_block.ts";

/**
 * A residual network for images [n, h, w, c] to logits [n, classes].
 *
 * Its weights start as fastai's: those of convolutions and the head normal of standard deviation √(2 / fanIn) (He 2015),
 * biases 0, norms 1 but for the last of each block (`zeroGamma`). Single layers outside of it start as PyTorch's.
 *
 * @example
 * ```ts
 * import { models } from "@libtrain/libtrain";
 *
 * using model = new models.XResNet({ classes: 10, blocks: [1, 1], widths: [16, 32], expansion: 1, stem: [8, 8, 16], seed: 0 });
 * ```
 */
export class XResNet extends Module implements FastaiNames {
  /** The first convolutions. */
  readonly stem: ConvNorm[];
  /** The pool after the stem, where there is one. */
  readonly stemPool: Module | null;
  /** The blocks of each stage. */
  readonly stages: ResBlock[][];
  /** The classifier. */
  readonly head: Linear;

  /** Makes the parameters. */
  constructor(options: XResNetOptions) {
    super();
    const filled = withDefaults(options);
    const { stem, stemPool, stages, head } = allOrNothing(() => layersOf(filled));
    [this.stem, this.stemPool, this.stages, this.head] = [stem, stemPool, stages, head];
  }

  /** Every tensor of the state dict of fastai's XResNet of the same options. */
  fastaiEntries(): readonly FastaiEntry[] {
    return fastaiEntries(this);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const pool = this.stemPool === null ? [] : [this.stemPool];
    const mean = { forward: (y: Tensor): Tensor => y.mean([1, 2]) };
    return inTurn([...this.stem, ...pool, ...this.stages.flat(), mean, this.head], x);
  }
}

/** The layers, with their first weights. */
function layersOf(filled: Filled): Pick<XResNet, "stem" | "stemPool" | "stages" | "head"> {
  const { stem, widths, blocks, expansion } = filled;
  const first = stem.map((width, index) =>
    new ConvNorm(index === 0 ? filled.inChannels : stem[index - 1]!, width, {
      ...partsOf(filled),
      act: filled.act,
      kernel: 3,
      stride: index === 0 ? filled.stemStride : 1,
    })
  );
  const pool = filled.pool === "maxblur"
    ? new MaxBlurPool2d({ stride: 2, filter: filled.blur })
    : new MaxPool2d({ kernel: 3, stride: 2, padding: 1 });
  let from = stem.at(-1)!;
  const attended = Math.max(0, blocks.length - 4);
  const stages = blocks.map((count, stage) =>
    Array.from({ length: count }, (_, block) => {
      const width = widths[stage]!;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const attention = filled.sa && stage === attended && block === count - 1;
      const made = new ResBlock({ from, width, stride, attention }, filled);
      from = width * expansion;
      return made;
    })
  );
  const head = new Linear(from, filled.classes, partsOf(filled));
  return { stem: first, stemPool: filled.stemPool ? pool : null, stages, head };
}
