import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { Device, loadCheckpoint, nn, saveCheckpoint, type State, StateError, writeTensors } from "../../../mod.ts";
import { type SafeTensor, SafetensorsError, writeSafetensors } from "../../../lib/checkpoint/safetensors.ts";
import { type Counters, readTensors, startingCounters } from "../../../lib/checkpoint/state.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyModel, tinyTrainer } from "../train/tiny.ts";

async function tinyState(device: Device, seed: number): Promise<State> {
  using model = tinyModel(device, { seed });
  using trainer = tinyTrainer(model);
  return await trainer.state();
}

Deno.test("checkpoint: state and configuration come back as they were", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = join(folder.path, "a.safetensors");
  const { tensors } = await tinyState(device, 0);
  const counters = { ...startingCounters, epoch: 2, lossSum: 0.1 + 0.2, sampler: null };
  const config = { preset: "mnist", nested: { lr: 8e-3 } };
  await saveCheckpoint(path, { state: { tensors, counters }, config });
  const loaded = await loadCheckpoint(path);
  assertEquals(loaded.config, config);
  assertEquals(fingerprint(loaded.state), fingerprint({ tensors, counters }));
});

Deno.test("checkpoint: bf16 parameters keep their bits, as BF16", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = join(folder.path, "a.safetensors");
  using model = new nn.Linear(5, 3, { dtype: "bf16", device, init: new nn.KaimingInit({ seed: 1 }) });
  const tensors = await readTensors({ model });
  assertEquals([tensors.get("model.weight")!.dtype, tensors.get("model.weight")!.data.length], ["BF16", 15]);
  await saveCheckpoint(path, { state: { tensors, counters: startingCounters }, config: {} });
  using other = new nn.Linear(5, 3, { dtype: "bf16", device, init: new nn.KaimingInit({ seed: 2 }) });
  writeTensors((await loadCheckpoint(path)).state.tensors, { model: other });
  assertEquals(await other.weight.data(), await model.weight.data());
  using single = new nn.Linear(5, 3, { device });
  assertThrows(
    () => writeTensors(tensors, { model: single }),
    StateError,
    'Expected "model.weight" as F32 [3, 5], got BF16',
  );
});

Deno.test("checkpoint: what does not fit is refused by name, and nothing is changed", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = tinyModel(device, { seed: 1 });
  using trainer = tinyTrainer(model);
  const before = fingerprint(await trainer.state());
  const { tensors, counters } = await tinyState(device, 0);
  const [first] = tensors.values();
  const load = (change: (changed: Map<string, SafeTensor>) => void): void => {
    const changed = new Map(tensors);
    change(changed);
    trainer.load({ tensors: changed, counters });
  };
  const refuse = (change: (changed: Map<string, SafeTensor>) => void, message: string): void =>
    void assertThrows(() => load(change), StateError, message);
  refuse((state) => state.delete("model.head.bias"), 'Expected "model.head.bias", which it lacks');
  refuse((state) => state.set("model.tail", first!), 'Got "model.tail", which nothing here has');
  refuse(
    (state) => state.set("model.head.bias", { dtype: "F32", shape: [5], data: new Float32Array(5) }),
    'Expected "model.head.bias" as F32 [4], got F32 [5]',
  );
  refuse(
    (state) => state.set("optimizer.steps", { dtype: "F32", shape: [1], data: new Float32Array(1) }),
    'Expected "optimizer.steps" as I32 [1], got F32 [1]',
  );
  refuse((state) => state.clear(), "and ");
  assertEquals(fingerprint(await trainer.state()), before);
  load(() => {});
  assertEquals(fingerprint(await trainer.state()), fingerprint({ tensors, counters }), "unchanged, it does load");
});

Deno.test("checkpoint: a model alone takes only its own part", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = tinyModel(device, { seed: 1 });
  const { tensors } = await tinyState(device, 0);
  writeTensors(tensors, { model });
  for (const [path, value] of model.state()) {
    assertEquals(await value.data(), tensors.get(`model.${path}`)!.data as Float32Array<ArrayBuffer>, path);
  }
});

Deno.test("checkpoint: other files are refused, naming them", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "b.safetensors");
  const refuse = (message: string): Promise<unknown> =>
    assertRejects(() => loadCheckpoint(path), SafetensorsError, message);
  await writeSafetensors(path, new Map(), { metadata: {} });
  await refuse("got another safetensors file");
  await writeSafetensors(path, new Map(), { metadata: { format: "libtrain-state-9" } });
  await refuse("of format libtrain-state-3, got libtrain-state-9: another version of libtrain saved it, train it anew");
  await writeSafetensors(path, new Map(), { metadata: { format: "libtrain-weights-1" } });
  await refuse("got libtrain-weights-1: loadWeights() reads it");
  const tensors = new Map<string, SafeTensor>();
  await saveCheckpoint(path, { state: { tensors, counters: 3 as never }, config: {} });
  await refuse("to hold its counters as JSON, got 3");
  await saveCheckpoint(path, { state: { tensors, counters: startingCounters }, config: "text" as never });
  await refuse('to hold its config as JSON, got "text"');
  await saveCheckpoint(path, { state: { tensors, counters: { ...startingCounters, step: -1 } }, config: {} });
  await refuse("the counter step, got -1");
  await Deno.writeFile(path, new Uint8Array(20));
  await assertRejects(() => loadCheckpoint(path), SafetensorsError);
});

Deno.test("checkpoint: one without a counter is refused, naming it", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "old.safetensors");
  const { epochSeconds: _, ...counters } = startingCounters;
  await saveCheckpoint(path, { state: { tensors: new Map(), counters: counters as Counters }, config: {} });
  await assertRejects(() => loadCheckpoint(path), SafetensorsError, "to hold the counter epochSeconds, got undefined");
});

Deno.test("checkpoint: any bit that flips and any end that is cut off is noticed", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "c.safetensors");
  const tensors = new Map<string, SafeTensor>([
    ["model.a", { dtype: "F32", shape: [3, 5], data: Float32Array.from({ length: 15 }, (_, i) => i / 7) }],
    ["model.b", { dtype: "I32", shape: [2], data: Int32Array.of(1, 2) }],
  ]);
  await saveCheckpoint(path, { state: { tensors, counters: startingCounters }, config: { lr: 0.1 } });
  const good = await Deno.readFile(path);
  await loadCheckpoint(path);
  // A prime step visits the length, every part of the header and the data.
  for (let bit = 0; bit < 8 * good.length; bit += 29) {
    const bad = good.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    await Deno.writeFile(path, bad);
    await assertRejects(() => loadCheckpoint(path), SafetensorsError, "", `bit ${bit}`);
  }
  for (let length = 0; length < good.length; length += 13) {
    await Deno.writeFile(path, good.subarray(0, length));
    await assertRejects(() => loadCheckpoint(path), SafetensorsError, "", `${length} bytes`);
  }
});
