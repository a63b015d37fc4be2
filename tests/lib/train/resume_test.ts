import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { Device, loadCheckpoint, saveCheckpoint, type State, StateError } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";
import { tempFolder } from "../../temp_folder.ts";

const epochs = 2;
/** Eight steps an epoch. */
const samples = 70;

interface Options {
  seed?: number;
  capture?: boolean;
  dtype?: "f32" | "bf16";
  threads?: number;
  /** Goes on from this state. */
  from?: State;
  /** Stops after so many steps. */
  steps?: number;
}

/** The state at the end of a training, or of a part of one. */
async function trained(
  { seed = 0, capture = true, threads = 1, dtype, from, steps = Infinity }: Options,
): Promise<State> {
  using device = new Device("cpu", { threads });
  using set = tinyData(device, samples, { training: true });
  using model = tinyModel(device, { seed });
  using trainer = tinyTrainer(model, { capture, dtype });
  if (from !== undefined) trainer.load(from);
  const stop = new AbortController();
  trainer.on("batchEnd", ({ step }) => step === steps ? stop.abort() : undefined);
  await trainer.fit(set.batches(8, { seed: 1, shift: 1, flip: 0.5 }), { epochs, signal: stop.signal });
  return await trainer.state();
}

/** As after a restart: written to a file and read back. */
async function throughFile(state: State): Promise<State> {
  using folder = tempFolder();
  const path = join(folder.path, "state.safetensors");
  await saveCheckpoint(path, { state, config: { a: 1 } });
  const loaded = await loadCheckpoint(path);
  assertEquals(loaded.config, { a: 1 });
  return loaded.state;
}

Deno.test("resume: stopped at any of several steps, saved and loaded, it ends as if it had not stopped, bit for bit", async () => {
  const whole = await trained({});
  assertEquals([whole.counters.step, whole.counters.epoch], [16, 2]);
  // In an epoch, just before its end, at its end, just after it, and one step before the last.
  for (const steps of [1, 5, 7, 8, 9, 15]) {
    const part = await trained({ steps });
    assertEquals(part.counters.step, steps);
    assertNotEquals(fingerprint(part), fingerprint(whole));
    // The model begins with other weights: everything that counts must come from the state.
    const rest = await trained({ seed: 99, from: await throughFile(part) });
    assertEquals(fingerprint(rest), fingerprint(whole), `stopped after step ${steps}`);
  }
});

Deno.test("resume: recorded steps, steps call by call, one thread and two give the same bits", async () => {
  const whole = fingerprint(await trained({}));
  assertEquals(fingerprint(await trained({ capture: false })), whole);
  assertEquals(fingerprint(await trained({ threads: 2 })), whole);
  assertEquals(fingerprint(await trained({ from: await trained({ steps: 6, capture: false, threads: 2 }) })), whole);
  assertNotEquals(fingerprint(await trained({ seed: 1 })), whole);
});

Deno.test("resume: in bf16 too, bit for bit; the state is of f32, so that f32 goes on with it", async () => {
  const whole = await trained({ dtype: "bf16" });
  for (const { dtype } of whole.tensors.values()) assert(dtype === "F32" || dtype === "I32", dtype);
  const part = await throughFile(await trained({ dtype: "bf16", steps: 5 }));
  assertEquals(fingerprint(await trained({ dtype: "bf16", seed: 99, from: part })), fingerprint(whole));
  assertEquals(fingerprint(await trained({ dtype: "bf16", capture: false, threads: 2 })), fingerprint(whole));
  const other = await trained({ dtype: "f32", from: part });
  assertEquals(other.counters.step, 16);
  assertNotEquals(fingerprint(other), fingerprint(whole));
});

Deno.test("state: has every parameter, buffer and optimizer state under its name, all finite", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = tinyModel(device);
  const { tensors, counters } = await trained({ steps: 3 });
  for (const [path, { shape }] of model.state()) assertEquals(tensors.get(`model.${path}`)?.shape, shape, path);
  for (const [path, { shape }] of model.namedParameters()) {
    for (const state of ["average", "averageSquare", "slow"]) {
      assertEquals(tensors.get(`optimizer.${state}.${path}`)?.shape, shape, `${state}.${path}`);
    }
  }
  assertEquals([...tensors.get("optimizer.steps")!.data].map(Number), [3]);
  assertEquals([counters.step, counters.batch, counters.optimizerSteps, counters.seen], [3, 3, 3, 24]);
  assertEquals(counters.sampler?.seed, 1);
  for (const { data } of tensors.values()) for (const value of data) assert(Number.isFinite(Number(value)));
});

Deno.test("Trainer: load() takes nothing over where the device refuses the state's plan", async () => {
  const { tensors, counters } = await trained({ steps: 3 });
  using device = new Device("cpu", { threads: 1 });
  using model = tinyModel(device, { seed: 7 });
  using trainer = tinyTrainer(model);
  const before = fingerprint(await trainer.state());
  const refuse = (): never => {
    throw new StateError("Cannot take a plan over: something was chosen already");
  };
  Object.defineProperty(device, "usePlan", { value: refuse, configurable: true });
  assertThrows(() => trainer.load({ tensors, counters: { ...counters, plan: "conv 1" } }), StateError, "a plan over");
  assertEquals(fingerprint(await trainer.state()), before);
  assertEquals(trainer.counters.step, 0);
});
