/** Weights to fastai's state dict and back. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { exportFastai, importFastai, models, nn, StateError, type Tensor } from "../../../mod.ts";
import { readFastai, readStateDict, writeFastai } from "../../../lib/checkpoint/fastai.ts";
import {
  readSafetensors,
  type SafeTensor,
  SafetensorsError,
  writeSafetensors,
} from "../../../lib/checkpoint/safetensors.ts";
import { tempFolder } from "../../temp_folder.ts";

/** Small, with every part there is: attention, squeeze-and-excitation, groups, pools in the shortcuts. */
function network(options: Partial<models.ModelOptions> = {}): models.XResNet {
  return models.xseResnet50({ classes: 3, sa: true, widen: 0.125, stem: [4, 4, 8], ...options });
}

async function stateOf(model: models.XResNet): Promise<Map<string, ArrayLike<number>>> {
  return new Map(
    await Promise.all([...model.state()].map(async ([path, value]) => [path, await value.data()] as const)),
  );
}

Deno.test("fastai: a model comes back from its file bit for bit", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = network({ seed: 1 });
  await exportFastai(model, path, { steps: 7 });
  using other = network({ seed: 2 });
  await importFastai(other, path);
  assertEquals(await stateOf(other), await stateOf(model));
  const { tensors, metadata } = await readSafetensors(path);
  assertEquals(metadata, { format: "pt" });
  assertEquals(tensors.get("0.1.num_batches_tracked"), { dtype: "I64", shape: [], data: BigInt64Array.of(7n) });
});

Deno.test("fastai: convolution weights are [out, in, kh, kw]", async () => {
  using model = network({ seed: 1 });
  const weight = model.state().get("stem.0.conv.weight")!;
  const own = await weight.data();
  const { shape, data } = (await readFastai(model)).get("0.0.weight")!;
  assertEquals([weight.shape, shape], [[4, 3, 3, 3], [4, 3, 3, 3]]);
  const at = (o: number, c: number, i: number, j: number): number => ((o * 3 + c) * 3 + i) * 3 + j;
  for (const [o, c, i, j] of [[0, 0, 0, 1], [1, 2, 0, 1], [3, 1, 2, 0]] as const) {
    assertEquals(data[at(o, c, i, j)], own[at(o, i, j, c)], `${[o, c, i, j]}`);
  }
});

Deno.test("fastai: f64 and bf16 weights are taken too", async () => {
  using model = network({ seed: 1 });
  const saved = new Map(await readFastai(model));
  const bias = saved.get("11.bias")!;
  saved.set("11.bias", { dtype: "F64", shape: bias.shape, data: Float64Array.of(1, 2, -3) });
  saved.set("0.1.weight", { dtype: "BF16", shape: [4], data: Uint16Array.of(0x3f80, 0xc000, 0x4049, 0) });
  writeFastai(model, saved);
  assertEquals(await model.head.bias!.data(), Float32Array.of(1, 2, -3));
  assertEquals(await model.stem[0]!.norm.weight.data(), Float32Array.of(1, -2, 3.140625, 0));
});

Deno.test("fastai: missing, extra and misshaped tensors are named, and nothing is written", async () => {
  using model = network({ seed: 1 });
  const before = await stateOf(model);
  using source = network({ seed: 2 });
  const saved = new Map<string, SafeTensor>(await readFastai(source));
  saved.delete("4.2.convpath.4.gamma");
  saved.delete("7.0.idpath.1.0.weight");
  saved.set("12.weight", { dtype: "F32", shape: [1], data: new Float32Array(1) });
  saved.set("11.weight", { dtype: "F32", shape: [10, 2048], data: new Float32Array(20480) });
  saved.set("11.bias", { dtype: "I32", shape: [3], data: new Int32Array(3) });
  const error = assertThrows(() => writeFastai(model, saved), StateError);
  assertEquals(
    error.message,
    'Cannot import these weights: missing "4.2.convpath.4.gamma", "7.0.idpath.1.0.weight"; not in this model "12.weight"; ' +
      'expected "11.weight" as [3, 256], got [10, 2048]; expected "11.bias" as F32, F64 or BF16, got I32. ' +
      "Build the model as it was trained (arch, sa, widths, classes)",
  );
  assertEquals(await stateOf(model), before);
});

Deno.test("fastai: a file without counts of batches is complete", async () => {
  using source = network({ seed: 1 });
  const saved = [...await readFastai(source)].filter(([name]) => !name.endsWith("num_batches_tracked"));
  using model = network({ seed: 2 });
  writeFastai(model, new Map(saved));
  assertEquals(await stateOf(model), await stateOf(source));
});

Deno.test("fastai: a symmetric attention is exported as the matrix that it uses", async () => {
  using model = network({ seed: 1, sym: true });
  const saved = await readFastai(model);
  const { shape: [size = 0], data } = saved.get("4.2.convpath.4.conv.weight_orig")!;
  const weight = await model.state().get("stages.0.2.attention.conv.weight")!.data();
  for (const [i, j] of [[0, 1], [1, 0], [5, 2]] as const) {
    assertEquals(data[i * size + j], Math.fround((weight[i * size + j]! + weight[j * size + i]!) / 2));
  }
  writeFastai(model, saved);
  using plain = network({ seed: 1 });
  const other = await readFastai(plain);
  assertThrows(() => writeFastai(model, other), StateError, "symmetric, as fastai's sym is without effect");
});

Deno.test("fastai: a file of torch.save is told from a damaged one, with what to do", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "weights.pth");
  await Deno.writeFile(path, Uint8Array.of(80, 75, 3, 4, 0, 0));
  const error = await assertRejects(() => readStateDict(path), SafetensorsError, "got one of torch.save");
  assert(error.message.includes("save_file("));
  await writeSafetensors(path, new Map());
  using model = network();
  await assertRejects(() => importFastai(model, path), StateError, 'missing "0.0.weight", "0.1.weight"');
});

Deno.test("importFastai() with strict off loads the body of a network of other classes", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using trained = network({ seed: 1 });
  await exportFastai(trained, path);
  using model = network({ seed: 2, classes: 7 });
  const head = await model.head.weight.data();
  await assertRejects(() => importFastai(model, path), StateError, "or pass strict: false to leave out");
  const left = await importFastai(model, path, { strict: false });
  assertEquals(left, { missing: [], unexpected: [], mismatched: ["11.weight", "11.bias"] });
  assertEquals(await model.stem[0]!.conv.weight.data(), await trained.stem[0]!.conv.weight.data());
  assertEquals(await model.head.weight.data(), head);
});

Deno.test("importFastai() names a prefix of all names rather than every name", async () => {
  using model = network({ seed: 1 });
  const saved = new Map([...await readFastai(model)].map(([name, value]) => [`module.${name}`, value]));
  const error = assertThrows(() => writeFastai(model, saved), StateError);
  assertEquals(
    error.message,
    'Cannot import these weights: their names begin with "module.", which fastai\'s do not: pass prefix: "module."',
  );
  assertEquals(writeFastai(model, saved, { prefix: "module." }), { missing: [], unexpected: [], mismatched: [] });
  saved.set("odd", { dtype: "F32", shape: [1], data: new Float32Array(1) });
  assertThrows(() => writeFastai(model, saved, { strict: false }), StateError, 'begin with "module."');
});

Deno.test("exportFastai() and importFastai() take any model with fastai's names, and refuse others", async () => {
  class Tiny extends nn.Module {
    readonly body = new nn.Conv2d(1, 2, { bias: false });
    override forward(x: Tensor): Tensor {
      return this.body.forward(x);
    }
  }
  class Named extends Tiny implements nn.FastaiNames {
    fastaiEntries(): readonly nn.FastaiEntry[] {
      return [{ name: "0.weight", path: "body.weight", shape: [2, 1, 3, 3], convolution: true }];
    }
  }
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using named = new Named();
  await exportFastai(named, path);
  using other = new Named();
  await importFastai(other, path);
  assertEquals(await other.body.weight.data(), await named.body.weight.data());
  using tiny = new Tiny();
  const message = "Expected a model with fastai's names, got Tiny: saveWeights() and loadWeights() take any model";
  await assertRejects(() => exportFastai(tiny, path), StateError, message);
  await assertRejects(() => importFastai(tiny, path), StateError, message);
});

Deno.test("importFastai() without the head: by the model's paths or fastai's names, all else must fit", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using trained = network({ seed: 1 });
  await exportFastai(trained, path);
  using model = network({ seed: 2, classes: 7 });
  const head = await model.head.weight.data();
  await assertRejects(() => importFastai(model, path), StateError, 'except: "head" leaves out that alone');
  for (const except of ["head", "11", /^head/]) {
    using fresh = network({ seed: 2, classes: 7 });
    assertEquals(await importFastai(fresh, path, { except }), { missing: [], unexpected: [], mismatched: [] });
    assertEquals(await fresh.stem[0]!.conv.weight.data(), await trained.stem[0]!.conv.weight.data());
    assertEquals(await fresh.head.weight.data(), head);
  }
  await assertRejects(() => importFastai(model, path, { except: "fc" }), RangeError, 'got "fc", which matches none');
  await assertRejects(
    () => importFastai(model, path, { except: "stem" }),
    StateError,
    'expected "11.weight" as [7, 256]',
  );
});
