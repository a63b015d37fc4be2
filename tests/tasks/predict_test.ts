import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { crossEntropy, data, Device, loadCheckpoint, noGrad, recipe, scope, tensor, writeTensors } from "../../mod.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { predict, train } from "../support/training.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

const images = fromFileUrl(new URL("../fixtures/images/", import.meta.url));

Deno.test("predict: gives the probabilities of the model on the middle of the image, the likeliest first", async () => {
  using folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const path = join(images, "grey.jpg");
  const [found, other] = await predict(run, [path, join(images, "png_grey.png")], { top: 10, threads: 1 });
  assertEquals([found?.image, found?.guesses.length, other?.guesses.length], [path, 10, 10]);
  const probabilities = found!.guesses.map(({ probability }) => probability);
  assertEquals(probabilities, probabilities.toSorted((a, b) => b - a));
  assertAlmostEquals(probabilities.reduce((sum, value) => sum + value, 0), 1, 1e-5);

  using device = new Device("cpu", { threads: 1 });
  const { state, config } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  using model = recipe.buildModel(config as unknown as recipe.ModelChoice, device);
  writeTensors(state.tensors, { model });
  model.eval();
  using pixels = await data.decodeImage(await Deno.readFile(path), { size: 28, device });
  const [height = 0, width = 0] = pixels.shape;
  const bytes = await pixels.data();
  const middle = Float32Array.from({ length: 784 }, (_, at) => {
    const [row, column] = [Math.floor(at / 28) + ((height - 28) >> 1), at % 28 + ((width - 28) >> 1)];
    return bytes[(row * width + column) * 3]! / 255;
  });
  const { label, probability } = found!.guesses[0]!;
  using loss = scope(() =>
    noGrad(() =>
      crossEntropy(
        model.forward(tensor(middle, [1, 28, 28, 1], { device })),
        tensor(Int32Array.of(label), [1], { device }),
      )
    )
  );
  assertAlmostEquals(Math.exp(-await loss.item()), probability, 1e-5);
});

Deno.test("predict: a line an image, one object, and what cannot be used by name", async () => {
  using folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const path = join(images, "grey.jpg");
  const command = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const streams = keptStreams();
    const code = await runCommand([...args, "--threads", "1"], predictCommand, { streams });
    return { code, ...streams.text };
  };
  const plain = await command(run, path, "--top", "2");
  assertEquals(plain.code, 0, plain.err);
  assert(/^grey\.jpg {2}\d \d+\.\d % · \d \d+\.\d %$/.test(plain.out.trimEnd().split("\n").at(-1)!), plain.out);
  const json = await command(run, path, path, "--json");
  const { predictions } = JSON.parse(json.out);
  assertEquals([predictions.length, predictions[0].guesses.length], [2, 3]);
  assertEquals(Object.keys(predictions[0].guesses[0]), ["label", "class", "probability"]);

  const damaged = join(images, "damaged_cut_50.jpg");
  const told = await command(run, path, damaged, "--json");
  assertEquals(told.code, 0);
  assertStringIncludes(told.err, `warning: "${damaged}" is damaged, and was decoded as far as it goes: `);
  const [whole, part] = JSON.parse(told.out).predictions;
  assertEquals([whole.damage, typeof part.damage], [null, "string"]);
  const strict = await command(run, path, damaged, "--strict", "--json");
  const answers = JSON.parse(strict.out);
  assertEquals([strict.code, answers.predictions.length, answers.failures[0].image], [1, 1, damaged]);

  const broken = join(folder.path, "broken.jpg");
  await Deno.writeFile(broken, (await Deno.readFile(path)).subarray(0, 200));
  const text = join(folder.path, "text.png");
  await Deno.writeTextFile(text, "no image");
  for (
    const [args, code, message] of [
      [[run], 2, "Expected a run's folder or a checkpoint, and images after it"],
      [[run, join(folder.path, "none.jpg")], 2, `Cannot find the image "${join(folder.path, "none.jpg")}"`],
      [[run, folder.path], 2, "got a folder"],
      [[join(folder.path, "none"), path], 2, "Cannot find "],
      [[run, path, broken], 1, `Cannot use the image "${broken}"`],
      [[run, text], 1, `Cannot use the image "${text}"`],
    ] as const
  ) {
    const ended = await command(...args);
    assertEquals(ended.code, code, ended.err);
    assertStringIncludes(ended.err, message);
    assertEquals(ended.err.trimEnd().split("\n").length, 1, ended.err);
  }
  // One that cannot be used takes no answer from the others.
  const some = await command(run, path, broken, join(folder.path, "none.jpg"), path, text);
  assertEquals(some.code, 1);
  assertEquals(some.out.split("\n").filter((line) => line.startsWith("grey.jpg  ")).length, 2);
  assertEquals(some.err.trimEnd().split("\n").length, 3, some.err);
  const answered = await command(run, path, broken, join(folder.path, "none.jpg"), path, text, "--json");
  assertEquals(answered.code, 1);
  const object = JSON.parse(answered.out);
  assertEquals(object.predictions.map(({ image }: { image: string }) => image), [path, path]);
  assertEquals(object.failures.map(({ image }: { image: string }) => image), [
    broken,
    join(folder.path, "none.jpg"),
    text,
  ]);
  assertStringIncludes(object.failures[1].error, "Cannot find the image");
  assertEquals([object.unanswered, object.exitCode], [3, 1]);
  await assertRejects(() => predict(run, [path], { ema: true }), recipe.RecipeError, "leave out `ema`");
});
