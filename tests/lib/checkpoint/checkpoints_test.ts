import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { SafetensorsError } from "../../../lib/checkpoint/safetensors.ts";
import { startingCounters, type State } from "../../../lib/checkpoint/state.ts";
import { tempFolder } from "../../temp_folder.ts";

/** A state of one number, told apart by its step. */
function state(step: number): State {
  const data = Float32Array.of(step);
  return {
    tensors: new Map([["model.x", { dtype: "F32", shape: [1], data }]]),
    counters: { ...startingCounters, step },
  };
}

async function made(folder: string, steps: number): Promise<Checkpoints> {
  const checkpoints = new Checkpoints(folder);
  await checkpoints.prepare();
  for (let step = 1; step <= steps; step++) await checkpoints.save({ state: state(step), config: {} });
  return checkpoints;
}

async function stepIn(checkpoints: Checkpoints): Promise<number | undefined> {
  return (await checkpoints.load())?.state.counters.step;
}

function files(folder: string): string[] {
  return [...Deno.readDirSync(join(folder, "checkpoint"))].map(({ name }) => name).sort();
}

Deno.test("Checkpoints: the newest and the one before it are kept", async () => {
  using folder = tempFolder();
  assertEquals(await stepIn(await made(folder.path, 0)), undefined);
  const checkpoints = await made(folder.path, 3);
  assertEquals([await stepIn(checkpoints), files(folder.path)], [3, ["previous.safetensors", "state.safetensors"]]);
  await Deno.remove(checkpoints.newest);
  assertEquals(await stepIn(checkpoints), 2);
});

Deno.test("Checkpoints: a damaged newest one is told, the one before it is taken, and stays until a good one is there", async () => {
  using folder = tempFolder();
  const checkpoints = await made(folder.path, 3);
  const bytes = await Deno.readFile(checkpoints.newest);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(checkpoints.newest, bytes);
  const found = await checkpoints.load();
  assertEquals([found?.state.counters.step, found?.path], [2, join(folder.path, "checkpoint", "previous.safetensors")]);
  assertStringIncludes(found!.damage!, `"${checkpoints.newest}"`);
  await checkpoints.save({ state: state(4), config: {} });
  assertEquals(await stepIn(checkpoints), 4);
  await Deno.remove(checkpoints.newest);
  assertEquals(await stepIn(checkpoints), 2, "the damaged one did not take the good one's place");
});

Deno.test("Checkpoints: two damaged ones are an error that names the newest", async () => {
  using folder = tempFolder();
  const checkpoints = await made(folder.path, 2);
  for (const name of files(folder.path)) await Deno.writeTextFile(join(folder.path, "checkpoint", name), "no tensors");
  await assertRejects(() => checkpoints.load(), SafetensorsError, checkpoints.newest);
});

Deno.test("Checkpoints: what a killed writer left is brought to an end or removed", async () => {
  using folder = tempFolder();
  const checkpoints = await made(folder.path, 2);
  const inside = join(folder.path, "checkpoint");
  // Killed after the third was written whole, before anything was renamed; and in the middle of the fourth.
  using other = tempFolder();
  await Deno.copyFile((await made(other.path, 3)).newest, join(inside, "next.safetensors"));
  await Deno.writeTextFile(join(inside, "next.safetensors.partial"), "half");
  assertEquals(await stepIn(checkpoints), 2);
  await checkpoints.prepare();
  assertEquals([await stepIn(checkpoints), files(folder.path)], [3, ["previous.safetensors", "state.safetensors"]]);
  await Deno.remove(checkpoints.newest);
  assertEquals(await stepIn(checkpoints), 2);
});

Deno.test("Checkpoints: where nothing can be written, both stay as they are", async () => {
  using folder = tempFolder();
  const checkpoints = await made(folder.path, 2);
  // A folder in the way, as good as a full disk.
  const partial = join(folder.path, "checkpoint", "next.safetensors.partial");
  await Deno.mkdir(join(partial, "x"), { recursive: true });
  await assertRejects(() => checkpoints.save({ state: state(3), config: {} }), Error, "Cannot write");
  assertEquals(await stepIn(checkpoints), 2);
  await Deno.remove(partial, { recursive: true });
  await checkpoints.save({ state: state(3), config: {} });
  assertEquals(await stepIn(checkpoints), 3);
});
