/** Losses and metrics of a recipe that are not for what its data are to be answered with. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { data, type Device, nn, optim, recipe, Trainer } from "../../../mod.ts";
import { runCommand } from "../../../lib/cli/command.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { keptStreams } from "../cli/streams.ts";
import { tempFolder } from "../../temp_folder.ts";

const n = 32;
const images = Uint8Array.from({ length: n * 28 * 28 }, (_, pixel) => Math.imul(pixel, 0x9e3779b1) >>> 24);

/** Both halves of the image are asked about: whether each is there. */
function set(device: Device, kind: "labels" | "values", training = false): data.Dataset {
  const targets = Array.from(
    { length: 2 * n },
    (_, place) => kind === "labels" ? (place * 7 % 3 > 0 ? 1 : 0) : place / n,
  );
  const classes = kind === "labels" ? ["left", "right"] : undefined;
  return data.fromArrays({ images, imageShape: [28, 28, 1], targets, classes }, { device, training });
}

recipe.register({
  dataSets: {
    halves: (_, { device }) => ({ train: set(device, "labels", true), valid: set(device, "labels") }),
    heights: (_, { device }) => ({ train: set(device, "values", true), valid: set(device, "values") }),
  },
  metrics: {
    choosy: () => () => {
      throw new TypeError("not today");
    },
  },
});

const short: recipe.RecipeChanges = { epochs: 1, bs: 16, threads: 1, data: { limit: 32 } };

/** Refuses a recipe at a setting, and makes no folder. */
async function refused(changes: recipe.RecipeChanges, path: string, message: string): Promise<void> {
  using folder = tempFolder();
  const { result } = recipe.train(recipe.preset("mnist", { ...short, ...changes }), { out: folder.path });
  const error = await assertRejects(() => result, recipe.SettingError, message);
  assertEquals(error.path, path);
  assertEquals([...Deno.readDirSync(folder.path)], []);
}

Deno.test("train(): metrics that are not for the data's targets are refused before a folder is made", async () => {
  const wanted = "Expected `metrics` for one class a sample, got ";
  const cure = ": leave it out, accuracy is measured anyway";
  await refused({ metrics: ["labelAccuracy"] }, "metrics", `${wanted}labelAccuracy, which is for any number of labels`);
  await refused(
    { metrics: ["meanAbsoluteError"] },
    "metrics",
    `${wanted}meanAbsoluteError, which is for values to predict${cure}`,
  );
  await refused({ metrics: ["choosy"] }, "metrics", `${wanted}choosy: not today`);
});

Deno.test("train(): class weights of other classes, or with a loss that has none, are refused before a folder is made", async () => {
  const weights = "Expected `loss.weights` as 10 numbers, one for each class of the data, got 2";
  await refused({ loss: { name: "crossEntropy", weights: [1, 2] } }, "loss.weights", weights);
  assertThrows(
    () => recipe.preset("mnist", { loss: { name: "mse", weights: [1, 2] } }),
    recipe.SettingError,
    "Expected settings that mse has, none beside its name, got `loss.weights`: leave it out",
  );
});

Deno.test("train(): values are refused with what to use, several labels with the loss that is for them", async () => {
  await refused({ data: { name: "heights" } }, "data.name", "a Trainer trains on values in a script");
  await refused({ data: { name: "halves" } }, "loss.name", "bceWithLogits asks for each label by itself");
});

Deno.test("train(): of several labels each is predicted by itself, and so are those of a script's run", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", {
    ...short,
    data: { name: "halves" },
    loss: { name: "bceWithLogits", labelSmoothing: 0 },
    metrics: ["labelAccuracy"],
  });
  const { folder: run, metrics, top1 } = await recipe.train(mine, { out: folder.path }).result;
  assert(metrics["labelAccuracy"]! > 0 && top1 === null);
  const image = new URL("../../fixtures/images/grey.jpg", import.meta.url).pathname;
  const sums: number[] = [];
  const sumOf = async (path: string): Promise<number> => {
    using trained = await recipe.open(path, { device: "cpu", threads: 1 });
    // Far from even: both labels are there.
    for (const [name, parameter] of trained.model.namedParameters()) {
      if (name.startsWith("head") && name.endsWith("bias")) parameter.fill(8);
      else if (name.startsWith("head")) parameter.fill(0);
    }
    const { predictions: [{ guesses } = { guesses: [] }] } = await trained.predict([image]);
    return guesses.reduce((sum, { probability }) => sum + probability, 0);
  };
  sums.push(await sumOf(run));
  assertEquals((await recipe.resume(run).result).folder, run);
  {
    const model = { name: "mnistNet", stem: [4, 4, 8], widths: [8, 16], reduction: 4 };
    using trained = await recipe.open(run, { device: "cpu", threads: 1 });
    using labelled = set(trained.device, "labels", true);
    using network = recipe.buildModel({ ...trained.config, model }, trained.device);
    const loss: nn.Loss = (output, { targets }) => nn.bceWithLogits(output, targets);
    using trainer = new Trainer(network, { optimizer: optim.adamw(), schedule: optim.constant({ lr: 1e-3 }), loss });
    const batches = labelled.batches(16);
    using own = await recipe.createRun(trainer, { model, batches, out: folder.path });
    await trainer.fit(batches, { epochs: 1, ...own });
    await assertRejects(
      () => recipe.createRun(trainer, { model, batches: [] as never }),
      TypeError,
      "createRun(): Expected `batches` as a data set gives them, say train.batches(32), got an array",
    );
    sums.push(await sumOf(own.folder));
  }
  for (const sum of sums) assertAlmostEquals(sum, 2 / (1 + Math.exp(-8)), 1e-5);
});

Deno.test("deno task train: --help lists the metrics' names, and a metric of others is refused by its flag", async () => {
  using folder = tempFolder();
  const help = keptStreams();
  assertEquals(await runCommand(["--help"], trainCommand, { streams: help }), 0);
  assertStringIncludes(help.text.out, "with commas between: meanAbsoluteError, rootMeanSquareError, labelAccuracy");
  const streams = keptStreams();
  const args = ["--limit", "32", "--bs", "16", "--metrics", "labelAccuracy", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 2);
  assertStringIncludes(streams.text.err, "Expected --metrics for one class a sample, got labelAccuracy");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});
