/**
 * An optimizer of one's own: Lion (Chen 2023) for matrices, SGD for the rest, in recipes and commands under a name.
 *
 *     deno task example own_optimizer                     # 1,024 digits, 2 epochs, three times
 *     deno task train --register examples/own_optimizer.ts --opt lion --lr 1e-2 --mom 0.9
 *
 * Trains op by op, recorded and replayed, and stopped in the middle and gone on with: the loss is the same to the last bit.
 * Takes about 20 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { optim, recipe } from "@libtrain/libtrain";

/** Steps by the sign of an average of gradients; what it keeps is another average of them. */
const lion = optim.defineOptimizer({
  name: "lion",
  states: ["average"],
  options: { mom: 0.9, sqrMom: 0.99, wd: 0.1 },
  limits: { mom: [0, 1], sqrMom: [0, 1] },
  takes: (parameter) => parameter.rank > 1,
  // Ops alone: this is recorded once, so the rate is a scalar on the device, and so would be the number of the step.
  update: ({ value, gradient, states: { average }, lr, wd }, { mom, sqrMom }) => {
    const direction = average.mul(mom).add(gradient.mul(1 - mom)).sign();
    value.assign(value.sub(direction.add(value.mul(wd)).mul(lr)));
    average.assign(average.mul(sqrMom).add(gradient.mul(1 - sqrMom)));
  },
});

recipe.register({
  optimizers: {
    lion: {
      // Biases and norms go to the second, at ten times the rate.
      build: (options) => optim.together(lion(options), { optimizer: optim.sgd({ mom: 0.9 }), lrScale: 10 }),
      options: ["mom", "sqrMom", "wd"],
    },
  },
});

/** Trains a recipe, and where `stopAt` is given stops after that step and goes on; gives the result. */
async function trained(mine: recipe.Recipe, stopAt?: number): Promise<recipe.TrainResult> {
  const stop = new AbortController();
  const training = recipe.train(mine, { signal: stop.signal });
  for await (const event of training) if (event.type === "batchEnd" && event.step === stopAt) stop.abort();
  const result = await training.result;
  console.log(`run ${result.folder}`);
  return result.stopped ? await recipe.resume(result.folder).result : result;
}

/** What the script does itself, where it is not imported for what it registers. */
export async function main(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["limit", "epochs"], default: { limit: "1024", epochs: "2" } });
  const mine = recipe.preset("mnist", {
    data: { limit: Number(args["limit"]) },
    optimizer: { name: "lion", mom: 0.9, wd: 0.1 },
    schedule: { name: "stepDecay", lr: 1e-2, every: 0.75 },
    bs: 32,
    epochs: Number(args["epochs"]),
  });
  const show = (how: string, { trainLoss, top1 }: recipe.TrainResult): void =>
    console.log(`${how}: loss ${trainLoss}, top-1 ${(100 * top1!).toFixed(2)} %`);
  show("op by op", await trained(recipe.change(mine, { capture: false })));
  show("recorded", await trained(mine));
  show("stopped", await trained(mine, 9));
}

if (import.meta.main) await main();
