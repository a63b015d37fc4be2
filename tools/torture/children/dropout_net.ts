/** Registers `tortureNet`: small, with everything that a resume has to bring back: statistics, dropout, spectral norm's kin. */
import { nn, recipe, type Tensor } from "../../../mod.ts";

interface NetOptions extends recipe.ModelContext {
  readonly width?: number;
}

/** Convolution, batch norm, dropout, mean over the image, linear layer. */
class TortureNet extends nn.Module {
  readonly first: nn.Conv2d;
  readonly norm: nn.BatchNorm2d;
  readonly drop: nn.Dropout;
  readonly head: nn.Linear;

  constructor({ width = 8, inChannels, classes, seed, device, dtype }: NetOptions) {
    super();
    const init = new nn.KaimingInit({ seed });
    this.first = new nn.Conv2d(inChannels, width, { init, device, dtype, stride: 2 });
    this.norm = new nn.BatchNorm2d(width, { device, dtype });
    this.drop = new nn.Dropout({ p: 0.2, init, device });
    this.head = new nn.Linear(width, classes, { init, device, dtype });
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.drop.forward(this.norm.forward(this.first.forward(x)));
    return this.head.forward(hidden.mean([1, 2]));
  }
}

recipe.register({
  models: { tortureNet: { build: (options: NetOptions) => new TortureNet(options), options: ["width"] } },
});
