/** A model's weights in a file of their own. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  Device,
  loadWeights,
  models,
  nn,
  readSafetensors,
  type SafeTensor,
  saveCheckpoint,
  saveWeights,
  StateError,
  type Tensor,
  writeSafetensors,
} from "../../../mod.ts";
import { startingCounters } from "../../../lib/checkpoint/state.ts";
import { tempFolder } from "../../temp_folder.ts";

/** Weights, a bias, running statistics, and one kind of number. */
class Net extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly norm: nn.BatchNorm2d;
  readonly head: nn.Linear;

  constructor({ classes = 3, ...options }: nn.ModuleOptions & { classes?: number }) {
    super();
    this.conv = new nn.Conv2d(1, 4, options);
    this.norm = new nn.BatchNorm2d(4, options);
    this.head = new nn.Linear(4, classes, options);
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(this.conv.forward(x)).mean([1, 2]));
  }
}

async function stateOf(model: nn.Module): Promise<Record<string, number[]>> {
  const read = [...model.state()].map(async (
    [path, value],
  ): Promise<[string, number[]]> => [path, [...await value.data()]]);
  return Object.fromEntries(await Promise.all(read));
}

/** A file with other names. */
async function renamed(path: string, name: (path: string) => string): Promise<void> {
  const { tensors } = await readSafetensors(path);
  await writeSafetensors(path, new Map([...tensors].map(([own, value]) => [name(own), value])));
}

for (const dtype of ["f32", "f64", "bf16"] as const) {
  Deno.test(`saveWeights() and loadWeights() give the same bits again in ${dtype}`, async () => {
    using device = new Device("cpu", { threads: 1 });
    using folder = tempFolder();
    const path = join(folder.path, "weights.safetensors");
    using model = new Net({ device, dtype });
    model.norm.runningMean.fill(0.5);
    await saveWeights(model, path);
    using other = new Net({ device, dtype });
    assertEquals(await loadWeights(other, path), { missing: [], unexpected: [], mismatched: [] });
    assertEquals(await stateOf(other), await stateOf(model));
    const { tensors } = await readSafetensors(path);
    assertEquals(tensors.get("head.weight")!.dtype, dtype.toUpperCase());
    assertEquals(new Set(tensors.keys()), new Set(model.state().keys()));
  });
}

Deno.test("loadWeights() rounds floats of another width to the model's own", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using wide = new Net({ device, dtype: "f64" });
  await saveWeights(wide, path);
  using model = new Net({ device });
  await loadWeights(model, path);
  const { ["head.weight"]: weight } = await stateOf(wide);
  assertEquals((await stateOf(model))["head.weight"], weight!.map(Math.fround));
});

Deno.test("saveWeights() leaves the old file or the new one, and nothing beside it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = new Net({ device });
  await saveWeights(model, path);
  const before = await Deno.readFile(path);
  model.head.weight.fill(1);
  await Promise.all([saveWeights(model, path), saveWeights(model, path)].map((each) => each.catch(() => {})));
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["weights.safetensors"]);
  assert(String(await Deno.readFile(path)) !== String(before));
  await assertRejects(() => saveWeights(model, join(folder.path, "none", "weights.safetensors")));
});

Deno.test("loadWeights() names a few of what does not fit, and changes nothing", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = new Net({ device, classes: 5 });
  await saveWeights(model, path);
  await renamed(path, (name) => name.replace("conv.", "body."));
  using other = new Net({ device });
  const before = await stateOf(other);
  const error = await assertRejects(() => loadWeights(other, path), StateError);
  assertEquals(
    error.message,
    `Cannot load the weights of "${path}": missing "conv.weight", "conv.bias"; not in this model "body.bias", ` +
      '"body.weight"; expected "head.weight" as f32 [3, 4], got F32 [5, 4]; expected "head.bias" as f32 [3], got F32 [5]: ' +
      "build the model as it was saved, or pass strict: false to load what fits",
  );
  assertEquals(await stateOf(other), before);
});

Deno.test("loadWeights() with strict off loads what fits and tells the rest", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = new Net({ device, classes: 5 });
  await saveWeights(model, path);
  await renamed(path, (name) => name === "conv.bias" ? "conv.shift" : name);
  using other = new Net({ device });
  const before = await stateOf(other);
  assertEquals(await loadWeights(other, path, { strict: false }), {
    missing: ["conv.bias"],
    unexpected: ["conv.shift"],
    mismatched: ["head.weight", "head.bias"],
  });
  const [after, saved] = [await stateOf(other), await stateOf(model)];
  assertEquals(after["conv.weight"], saved["conv.weight"]);
  assertEquals([after["head.weight"], after["conv.bias"]], [before["head.weight"], before["conv.bias"]]);
  using stranger = new nn.Sequential(new nn.Linear(1, 1, { device }));
  await assertRejects(() => loadWeights(stranger, path, { strict: false }), StateError, "missing");
});

Deno.test("loadWeights() names a prefix of all names briefly, and takes it away when asked", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = models.xresnet50({ classes: 3, widen: 0.0625, device, seed: 0 });
  await saveWeights(model, path);
  await renamed(path, (name) => `module.${name}`);
  using other = models.xresnet50({ classes: 3, widen: 0.0625, device, seed: 1 });
  for (const strict of [true, false]) {
    const error = await assertRejects(() => loadWeights(other, path, { strict }), StateError);
    assertEquals(
      error.message,
      `Cannot load the weights of "${path}": its names begin with "module.", those of the model do not: ` +
        'pass prefix: "module."',
    );
  }
  await assertRejects(
    () => loadWeights(other, path, { prefix: "net." }),
    StateError,
    'Expected names that begin with "net.", got "module.',
  );
  await loadWeights(other, path, { prefix: "module." });
  assertEquals(await stateOf(other), await stateOf(model));
});

Deno.test("loadWeights() takes the model's weights out of a checkpoint", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "state.safetensors");
  const one = (value: number): SafeTensor => ({ dtype: "F32", shape: [1, 1], data: Float32Array.of(value) });
  const tensors = new Map([["model.weight", one(3)], ["optimizer.average.weight", one(4)]]);
  await saveCheckpoint(path, { state: { tensors, counters: startingCounters }, config: {} });
  using model = new nn.Linear(1, 1, { device, bias: false });
  await assertRejects(() => loadWeights(model, path), StateError, 'pass prefix: "model."');
  await loadWeights(model, path, { prefix: "model." });
  assertEquals(await model.weight.item(), 3);
});

Deno.test("loadWeights() without a head: the rest must fit, and the head keeps its values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = new Net({ device, classes: 5 });
  await saveWeights(model, path);
  using other = new Net({ device });
  const before = await stateOf(other);
  const refused = await assertRejects(() => loadWeights(other, path), StateError);
  assertEquals(
    refused.message,
    `Cannot load the weights of "${path}": expected "head.weight" as f32 [3, 4], got F32 [5, 4]; expected "head.bias" as ` +
      'f32 [3], got F32 [5]: build the model as it was saved, or pass except: "head" to leave that out',
  );
  assertEquals(await stateOf(other), before);
  for (const except of ["head", /^head\./, ["head.weight", /bias$/g]] as const) {
    using fresh = new Net({ device });
    const own = await stateOf(fresh);
    await loadWeights(fresh, path, { except });
    const [after, saved] = [await stateOf(fresh), await stateOf(model)];
    assertEquals(after["conv.weight"], saved["conv.weight"]);
    assertEquals([after["head.weight"], after["head.bias"]], [own["head.weight"], own["head.bias"]]);
  }
  // A part of a name is no part of the model, and what else does not fit is refused all the same.
  const typo = await assertRejects(() => loadWeights(other, path, { except: ["head", "hea"] }), RangeError);
  assertEquals(
    typo.message,
    'loadWeights(): Expected `except` to match a name of the model or the file, got "hea", which matches none: their ' +
      'parts are "conv", "norm", "head"',
  );
  await assertRejects(
    () => loadWeights(other, path, { except: "head.bias" }),
    StateError,
    '"head.weight" as f32 [3, 4]',
  );
  await assertRejects(() => loadWeights(other, path, { except: /./ }), StateError, "`except` leaves nothing of it");
  await assertRejects(
    () => loadWeights(other, path, { except: 3 as never }),
    TypeError,
    "Expected `except` as a pattern",
  );
  assertEquals(await stateOf(other), before);
});

Deno.test("loadWeights() without a head whose names differ: those of both sides are left out", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = new Net({ device, classes: 5 });
  await saveWeights(model, path);
  await renamed(path, (name) => name.replace("head.", "fc."));
  using other = new Net({ device });
  await assertRejects(() => loadWeights(other, path), StateError, 'pass except: ["head", "fc"]');
  await loadWeights(other, path, { except: ["head", "fc"] });
  assertEquals((await stateOf(other))["conv.weight"], (await stateOf(model))["conv.weight"]);
});

Deno.test("loadWeights() reads a run's folder: the newest checkpoint that is whole, its weights or their averages", async () => {
  using device = new Device("cpu", { threads: 1 });
  using folder = tempFolder();
  const one = (value: number): SafeTensor => ({ dtype: "F32", shape: [1, 1], data: Float32Array.of(value) });
  const tensors = new Map([["model.weight", one(3)], ["ema.model.weight", one(5)], [
    "optimizer.average.weight",
    one(4),
  ]]);
  using model = new nn.Linear(1, 1, { device, bias: false });
  await assertRejects(() => loadWeights(model, folder.path), StateError, "it is a folder without a checkpoint");
  await Deno.mkdir(join(folder.path, "checkpoint"));
  const checkpoint = { state: { tensors, counters: startingCounters }, config: {} };
  await saveCheckpoint(join(folder.path, "checkpoint", "previous.safetensors"), checkpoint);
  await Deno.writeTextFile(join(folder.path, "checkpoint", "state.safetensors"), "cut");
  await loadWeights(model, folder.path);
  assertEquals(await model.weight.item(), 3);
  await loadWeights(model, folder.path, { prefix: "ema.model." });
  assertEquals(await model.weight.item(), 5);
  await assertRejects(() => loadWeights(model, join(folder.path, "none")), StateError, "it is not there: give a ");
});
