import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { Device, loadCheckpoint, saveCheckpoint, type State, StateError, writeTensors } from "../../../mod.ts";
import { type SafeTensor, SafetensorsError, writeSafetensors } from "../../../lib/train/safetensors.ts";
import { startingCounters } from "../../../lib/train/state.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyModel, tinyTrainer } from "./tiny.ts";

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
  const refuse = async (metadata: Record<string, string>, message: string): Promise<void> => {
    await writeSafetensors(path, new Map(), { metadata });
    await assertRejects(() => loadCheckpoint(path), SafetensorsError, message);
  };
  const format = "libtrain-state-1";
  const counters = JSON.stringify(startingCounters);
  await refuse({}, "got another safetensors file");
  await refuse({ format: "libtrain-state-9" }, "of format libtrain-state-1, got libtrain-state-9");
  await refuse({ format, config: "{}" }, "to hold its counters as JSON, got undefined");
  await refuse({ format, counters, config: "{" }, "to hold its config as JSON, got {");
  const wrong = JSON.stringify({ ...startingCounters, step: -1 });
  await refuse({ format, counters: wrong, config: "{}" }, "the counter step, got -1");
  await Deno.writeFile(path, new Uint8Array(20));
  await assertRejects(() => loadCheckpoint(path), SafetensorsError);
});
