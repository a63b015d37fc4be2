/**
 * A network of one's own under a name, trained as a recipe. Commands open its run once they have registered it too:
 *
 *     deno task example own_network                              # 2,048 digits, 2 epochs; prints the run's folder
 *     deno task evaluate RUN --register examples/own_network.ts
 *     deno task predict RUN photo.jpg --register examples/own_network.ts
 *     deno task train --register examples/own_network.ts --arch tiny --width 24
 *
 * Prints a line an epoch, then the folder and the top-1. Takes about 5 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { nn, recipe, type Tensor } from "@libtrain/libtrain";

/** The network's options in a recipe, beside what every network is told. */
interface TinyOptions extends recipe.ModelContext {
  /** Channels of the first convolution; by default 16. */
  width?: number;
}

/** Two strided convolutions, a mean over the image, a linear layer. */
class Tiny extends nn.Module {
  readonly stem: nn.ConvNorm;
  readonly body: nn.ConvNorm;
  readonly head: nn.Linear;

  constructor({ width = 16, classes, inChannels, seed, device, dtype }: TinyOptions) {
    super();
    // One source of initial weights, so that they follow from the recipe's seed.
    const options = { init: new nn.KaimingInit({ seed }), device, dtype };
    const act = "mish" as const;
    this.stem = new nn.ConvNorm(inChannels, width, { ...options, stride: 2, act });
    this.body = new nn.ConvNorm(width, 2 * width, { ...options, stride: 2, act });
    this.head = new nn.Linear(2 * width, classes, options);
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.body.forward(this.stem.forward(x)).mean([1, 2]));
  }
}

recipe.register({
  models: { tiny: { build: (options: TinyOptions) => new Tiny(options), options: ["width"] } },
  // A row of the settings table: `--width 24`, its limits and its line in `--help`.
  settings: [{ path: "model.width", flag: "width", kind: "integer", min: 1, max: 512, help: "Channels of tiny" }],
});

/** What the script does itself, where it is not imported for what it registers. */
export async function main(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["limit", "epochs"], default: { limit: "2048", epochs: "2" } });
  const mine = recipe.preset("mnist", {
    data: { limit: Number(args["limit"]) },
    model: { name: "tiny", width: 24 },
    epochs: Number(args["epochs"]),
  });
  const training = recipe.train(mine);
  for await (const event of training) {
    if (event.type === "epochEnd") console.log(`epoch ${event.epoch}: loss ${event.trainLoss.toFixed(4)}`);
  }
  const { folder, top1 } = await training.result;
  console.log(`run ${folder}`);
  console.log(`top-1 ${(100 * top1!).toFixed(2)} %`);
}

if (import.meta.main) await main();
