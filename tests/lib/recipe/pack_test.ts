import { assert, assertEquals, assertLess, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  Device,
  loadCheckpoint,
  loadWeights,
  type nn,
  readSafetensors,
  recipe,
  SafetensorsError,
  saveCheckpoint,
  StateError,
} from "../../../mod.ts";
import { type TempFolder, tempFolder } from "../../temp_folder.ts";
import { train } from "../../support/training.ts";

const image = "tests/fixtures/images/grey.jpg";

/** A small run with an average of its weights. */
async function trained(folder: TempFolder): Promise<string> {
  return (await train({ epochs: 1, limit: 256, bs: 32, threads: 1, ema: 0.9, out: folder.path })).run;
}

/** What a model answers: to the bit. */
async function answersOf(path: string, options: recipe.OpenRunOptions = {}): Promise<unknown> {
  using opened = await recipe.open(path, { threads: 1, ...options });
  const { predictions: [prediction] } = await opened.predict([image], { top: 10 });
  const { loss, top1 } = await opened.evaluate();
  const { classes, size, steps, config: { transforms, imageShape } } = opened;
  return { guesses: prediction!.guesses, loss, top1, classes, size, steps, transforms, imageShape };
}

async function stateOf(model: nn.Module): Promise<[string, unknown][]> {
  return await Promise.all(
    [...model.state()].map(async ([name, value]): Promise<[string, unknown]> => [name, await value.data()]),
  );
}

/** Every byte of a model's state, by name. */
async function bitsOf(path: string, options: recipe.OpenRunOptions = {}): Promise<[string, unknown][]> {
  using opened = await recipe.open(path, { threads: 1, ...options });
  return await stateOf(opened.model);
}

Deno.test("pack(): one file with the model's bits and answers, and nothing that only training needs", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const { path, bytes, sha256, model, steps } = await recipe.pack(run);
  assertEquals([path, model, steps], [join(run, "model.safetensors"), "mnistNet", 8]);
  assertEquals(bytes, (await Deno.stat(path)).size);
  assertEquals(await bitsOf(path), await bitsOf(run));
  assertEquals(await answersOf(path), await answersOf(run));
  const { tensors, metadata } = await readSafetensors(path);
  assertEquals([metadata["format"], metadata["sha256"], metadata["weights"]], ["libtrain-model-1", sha256, "last"]);
  assert(![...tensors.keys()].some((name) => /^(model|optimizer|ema)\./.test(name)), [...tensors.keys()].join());
  const config = JSON.parse(metadata["config"]!);
  assertEquals([config.classes.length, config.model.name, "rows" in config, "logs" in config], [
    10,
    "mnistNet",
    false,
    false,
  ]);
  // The weights, and a header.
  const weights = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  assertLess(bytes - weights, 10_000);
  const whole = await Deno.stat(join(run, "checkpoint", "state.safetensors"));
  assertLess(4 * bytes, whole.size);
});

Deno.test("pack(): the average of the weights, which opens with and without `ema`", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const out = join(folder.path, "deep", "average.safetensors");
  await recipe.pack(run, { out, ema: true });
  const wanted = await answersOf(run, { ema: true });
  assertEquals(await answersOf(out), wanted);
  assertEquals(await answersOf(out, { ema: true }), wanted);
  assertEquals(await bitsOf(out), await bitsOf(run, { ema: true }));
  const last = await recipe.pack(run);
  const error = await assertRejects(() => recipe.open(last.path, { ema: true }), recipe.SettingError);
  assertStringIncludes(error.message, "Expected a run with an average of its weights");
});

Deno.test("pack(): the same bytes from a run, its checkpoint's file and a file that was packed; each call writes the whole", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const [first, second, third] = ["a", "b", "c"].map((name) => join(folder.path, `${name}.safetensors`));
  await recipe.pack(run, { out: first! });
  await recipe.pack(join(run, "checkpoint", "state.safetensors"), { out: second! });
  await recipe.pack(second!, { out: third! });
  const bytes = await Deno.readFile(first!);
  assertEquals(await Deno.readFile(second!), bytes);
  assertEquals(await Deno.readFile(third!), bytes);
  await Deno.writeFile(first!, bytes.subarray(0, 100));
  await recipe.pack(run, { out: first! });
  assertEquals(await Deno.readFile(first!), bytes);
  await assertRejects(() => recipe.pack(second!), TypeError, "Expected `out` with");
  await assertRejects(() => recipe.pack(join(folder.path, "none")), recipe.RunNotFoundError);
});

Deno.test("pack(): whatever byte is another one, the file is refused by its name", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const { path } = await recipe.pack(run);
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder("latin1").decode(bytes);
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const places = [
    8 + header + 5,
    bytes.length - 1,
    text.indexOf("mnistNet"),
    text.indexOf('"steps":"8"') + 9,
    text.indexOf('"weights":"last"') + 12,
    text.indexOf("imageShape"),
    ...Array.from({ length: 20 }, () => 8 + header + Math.floor(Math.random() * (bytes.length - header - 8))),
  ];
  for (const place of places) {
    const damaged = bytes.slice();
    damaged[place]! ^= 1;
    await Deno.writeFile(path, damaged);
    const error = await assertRejects(() => recipe.open(path), SafetensorsError, undefined, `byte ${place}`);
    assertStringIncludes(error.message, `"${path}"`);
    assertMatch(error.message, /damaged|SHA-256/);
  }
  for (const length of [0, 7, 100, header, bytes.length - 1]) {
    await Deno.writeFile(path, bytes.subarray(0, length));
    await assertRejects(() => recipe.open(path), SafetensorsError, `"${path}"`);
  }
});

Deno.test("pack(): other readers: loadWeights() takes it, fine-tuning begins with it, loadCheckpoint() says what it is", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const { path } = await recipe.pack(run);
  using device = new Device("cpu", { threads: 1 });
  const choice = { model: recipe.preset("mnist").model, classes: 10, seed: 1, dtype: "f32" } as const;
  using model = recipe.buildModel({ ...choice, imageShape: [28, 28, 1] }, device);
  await loadWeights(model, path);
  assertEquals(await stateOf(model), await bitsOf(run));
  const tuned = recipe.preset("mnist", { weights: { from: path }, epochs: 1, data: { limit: 64 }, threads: 1 });
  assertEquals((await recipe.rehearse(tuned)).weights, { from: path });
  await assertRejects(() => loadCheckpoint(path), SafetensorsError, "got libtrain-model-1: recipe.open() reads it");
  const exported = await recipe.exportWeights(path, { out: join(folder.path, "fastai.safetensors") }).catch((error) =>
    error
  );
  // A network that fastai has not is refused as it is of its run.
  const wanted = await recipe.exportWeights(run, { out: join(folder.path, "other.safetensors") }).catch((error) =>
    error
  );
  assertEquals(exported.constructor, wanted.constructor);
});

Deno.test("pack(): weights that are not finite never take the place of a file's that are", async () => {
  using folder = tempFolder();
  const run = await trained(folder);
  const { path } = await recipe.pack(run);
  const before = await Deno.readFile(path);
  const { state, config } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  const tensors = new Map(state.tensors);
  const name = [...tensors.keys()].find((name) => name.startsWith("model.") && name.endsWith("weight"))!;
  const broken = structuredClone(tensors.get(name)!);
  (broken.data as Float32Array)[0] = NaN;
  tensors.set(name, broken);
  const other = join(folder.path, "broken.safetensors");
  await saveCheckpoint(other, { state: { ...state, tensors }, config });
  await assertRejects(() => recipe.pack(other, { out: path }), StateError, "is not finite");
  assertEquals(await Deno.readFile(path), before);
});
