import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  Device,
  exportFastai,
  loadCheckpoint,
  loadWeights,
  models,
  nn,
  NonFiniteError,
  optim,
  recipe,
  RunFolder,
  saveCheckpoint,
  saveWeights,
  StateError,
  study,
  type Tensor,
  tensor,
  Trainer,
} from "../../../mod.ts";
import { countNonFinite, firstNonFiniteOf } from "../../../lib/checkpoint/finite.ts";
import type { SafeTensor } from "../../../lib/checkpoint/safetensors.ts";
import { tempFolder } from "../../temp_folder.ts";
import { tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

Deno.test("countNonFinite: NaN and both infinities of every float, and nothing else", () => {
  const odd = [NaN, Infinity, -Infinity];
  const usual = [0, -0, 1, -1, 3.4e38, 1e-45];
  const floats: SafeTensor[] = [
    { dtype: "F32", shape: [9], data: Float32Array.from([...usual, ...odd]) },
    { dtype: "F64", shape: [9], data: Float64Array.from([...usual, ...odd]) },
    { dtype: "BF16", shape: [6], data: Uint16Array.of(0, 0x8000, 0x7f7f, 0x7f80, 0xff80, 0x7fc0) },
  ];
  for (const each of floats) assertEquals(countNonFinite(each), 3, each.dtype);
  const whole: SafeTensor[] = [
    { dtype: "I32", shape: [1], data: Int32Array.of(0x7f800000) },
    { dtype: "I64", shape: [1], data: BigInt64Array.of(1n) },
    { dtype: "U8", shape: [1], data: Uint8Array.of(255) },
  ];
  for (const each of whole) assertEquals(countNonFinite(each), 0, each.dtype);
});

/** Small at first, so that something finite is saved; then near the largest number. */
const jump = optim.defineSchedule({ name: "jump", lr: 1e-3 }, (position) => position < 3 / 16 ? 1e-3 : 3e38);

/** Trains by a rate near the largest number, saving at each step; gives the error and the folder. */
async function overflowing(
  root: string,
  { ema, epochs = 4 }: { ema?: number; epochs?: number } = {},
): Promise<{ error: NonFiniteError; folder: RunFolder }> {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 32, { training: true });
  using model = tinyModel(device);
  using trainer = new Trainer(model, {
    optimizer: optim.sgd({ mom: 0.9 }),
    schedule: jump,
    ema,
  });
  const folder = await RunFolder.create({ root, name: "tiny", config: {} });
  const error = await assertRejects(
    () => trainer.fit(set.batches(8), { epochs, runFolder: folder, saveEvery: 0 }),
    NonFiniteError,
  );
  return { error, folder };
}

for (const ema of [undefined, 0.9]) {
  Deno.test(`what is not finite is not saved over what is${ema === undefined ? "" : ", averages neither"}`, async () => {
    using folder = tempFolder();
    const { error, folder: run } = await overflowing(folder.path, { ema });
    for (const name of ["state", "previous"]) {
      const { state } = await loadCheckpoint(join(run.path, "checkpoint", `${name}.safetensors`));
      assertEquals(firstNonFiniteOf(state.tensors), undefined, name);
    }
    const { state } = await loadCheckpoint(run.checkpoint);
    assertEquals([state.counters.step, run.savedStep], [3, 3]);
    assertStringIncludes(error.message, "The steps so far have left it so, and the weights are lost");
    assertStringIncludes(error.message, "the state that was saved last, of step 3, is kept");
    assertEquals([error.step, error.index.length], [4, 0]);
  });
}

Deno.test("an error that finds the weights lost says so, and tells nothing of weights as before the step", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 32, { training: true });
  using model = tinyModel(device);
  using trainer = new Trainer(model, { optimizer: optim.sgd({ mom: 0.9 }), schedule: jump });
  const error = await assertRejects(() => trainer.fit(set.batches(8), { epochs: 4 }), NonFiniteError);
  assertStringIncludes(error.message, "the weights are lost: no state was saved");
  assertEquals(error.message.includes("those before the step"), false);
});

Deno.test("a mask of -Infinity, which was there before, is saved and goes on", async () => {
  class Masked extends nn.Module {
    readonly net: models.XResNet;
    readonly mask: nn.Buffer;
    constructor(device: Device) {
      super();
      this.net = tinyModel(device);
      this.mask = nn.Buffer.of(tensor([0, 0, 0, -Infinity], undefined, { device }));
    }
    override forward(x: Tensor): Tensor {
      return this.net.forward(x).add(this.mask.maximum(-1));
    }
  }
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 16, { training: true });
  using model = new Masked(device);
  using trainer = tinyTrainer(model as unknown as models.XResNet);
  const run = await RunFolder.create({ root: folder.path, name: "tiny", config: {} });
  await trainer.fit(set.batches(8), { epochs: 1, runFolder: run, saveEvery: 0 });
  assertEquals((await run.load())!.counters.step, 2);
  const path = join(folder.path, "w.safetensors");
  await saveWeights(model, path);
  await saveWeights(model, path);
});

Deno.test("saveWeights() and saveCheckpoint() refuse to take the place of what is finite, and exportFastai() at all", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using model = models.xresnet18({ classes: 2, widen: 0.125, seed: 0, device });
  using trainer = new Trainer(model, { optimizer: optim.sgd(), schedule: optim.constant({ lr: 0.1 }) });
  const [weights, state] = ["w", "s"].map((name) => join(folder.path, `${name}.safetensors`)) as [string, string];
  await saveWeights(model, weights);
  await saveCheckpoint(state, { state: await trainer.state(), config: {} });
  using bad = tensor([1, Infinity], undefined, { device });
  using good = tensor([1, 2], undefined, { device });
  model.head.bias!.assign(bad);
  const save = (path: string): Promise<void> => saveWeights(model, path);
  const error = await assertRejects(() => save(weights), StateError);
  assertStringIncludes(
    error.message,
    '"head.bias" is not finite in 1 of 2 numbers. What was saved there before is finite',
  );
  const broken = await trainer.state();
  await assertRejects(() => saveCheckpoint(state, { state: broken, config: {} }), StateError, '"model.head.bias"');
  assertEquals(firstNonFiniteOf((await loadCheckpoint(state)).state.tensors), undefined);
  // Beside it, for who wants to look at it; and over what is no better.
  const other = join(folder.path, "other.safetensors");
  await save(other);
  await save(other);
  await assertRejects(() => exportFastai(model, join(folder.path, "e.safetensors")), StateError, "Cannot export");
  model.head.bias!.assign(good);
  await save(weights);
  await loadWeights(model, weights);
});

Deno.test("an answer that is not finite is an error: of predict, evaluate, shift and export", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 });
  const { folder: run } = await recipe.train(mine, { out: folder.path }).result;
  const { state, config } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  const [name, saved] = [...state.tensors].find(([name]) => /bias$/.test(name) && name.startsWith("model."))!;
  const data = Float32Array.from(saved.data as Float32Array).fill(NaN, 0, 1);
  const tensors = new Map([...state.tensors, [name, { ...saved, data } as SafeTensor]]);
  const path = join(folder.path, "broken.safetensors");
  await saveCheckpoint(path, { state: { ...state, tensors }, config });
  await assertRejects(
    () => study.shiftRuns([path], { limit: 8, images: 1, out: join(folder.path, "s.svg") }),
    StateError,
  );
  using trained = await recipe.open(path, { threads: 1 });
  await assertRejects(() => trained.evaluate(), StateError, "Expected a finite loss");
  const { predictions, failures } = await trained.predict(["tests/fixtures/images/grey.jpg"]);
  assertEquals(predictions, []);
  assertStringIncludes(failures[0]!.error.message, "Expected finite probabilities");
});
