/**
 * A training as plain data: a preset with changed settings, followed through its events, stopped, gone on with, opened
 * again, and used on an image file.
 *
 *     deno task example recipe_run
 *     deno task example recipe_run --limit 60000 --image photo.jpg
 *
 * Prints where the training was stopped, a line an epoch, and what the image shows. Takes about 8 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { recipe } from "@libtrain/libtrain";

const args = parseArgs(Deno.args, {
  string: ["limit", "image"],
  default: { limit: "2048", image: "tests/fixtures/images/grey.jpg" },
});

// Plain JSON, checked here: a setting that cannot be is an error that names it.
const mine = recipe.preset("mnist", {
  data: { limit: Number(args["limit"]) },
  model: { act: "relu" },
  optimizer: { name: "adamw", wd: 0.05 },
  schedule: { name: "oneCycle", lr: 3e-3 },
  epochs: 2,
});
console.log(`recipe: ${JSON.stringify(mine.model)} with ${mine.optimizer.name}, ${mine.epochs} epochs`);

// Stopped after the 20th step, as a deadline or a signal of the process would: the state is saved.
const stop = new AbortController();
const training = recipe.train(mine, { signal: stop.signal });
for await (const event of training) {
  if (event.type === "ready") console.log(`training ${event.parameters} parameters into ${event.folder}`);
  if (event.type === "batchEnd" && event.step === 20) stop.abort();
}
const { folder, stopped, steps } = await training.result;
console.log(`stopped: ${stopped}, after ${steps} steps`);

// Gone on with: the bits are those of a training that was never stopped.
const rest = recipe.resume(folder);
for await (const event of rest) {
  if (event.type !== "epochEnd") continue;
  console.log(`epoch ${event.epoch}: loss ${event.trainLoss.toFixed(4)}, top-1 ${event.evaluation?.top1?.toFixed(4)}`);
}
const { top1 } = await rest.result;

await using trained = await recipe.open(folder);
const { predictions: [prediction] } = await trained.predict([String(args["image"])], { top: 3 });
const guesses = prediction!.guesses.map((guess) => `${guess.class} ${(100 * guess.probability).toFixed(1)} %`);
console.log(`${trained}: top-1 ${(100 * top1!).toFixed(2)} %`);
console.log(`${prediction!.image} shows ${guesses.join(", ")}`);
