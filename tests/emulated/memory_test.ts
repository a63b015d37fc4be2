/** Device memory on the emulated GPU: nothing leaks, and what is not there is said in numbers. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Device, OutOfMemoryError, zeros } from "../../mod.ts";
import { tinyData, tinyModel, tinyTrainer } from "../lib/train/tiny.ts";
import { closedTo, emulator } from "./emulator.ts";

async function training(epochs: number): Promise<void> {
  using device = new Device("cuda");
  using train = tinyData(device, 48, { training: true });
  using valid = tinyData(device, 16);
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  await trainer.fit(train.batches(8, { seed: 0 }), { epochs, valid: valid.batches(8) });
}

Deno.test("cuda (emulated): a training leaves nothing on the device", async () => {
  const before = emulator.live();
  await training(1);
  await training(3);
  await closedTo(before);
});

Deno.test("cuda (emulated): from the fourth step on memory is asked for losses alone, and at last for nothing", async () => {
  using device = new Device("cuda");
  using train = tinyData(device, 48, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const bytes: number[] = [];
  trainer.on("batchEnd", () => void bytes.push(emulator.live()["bytes"]!));
  await trainer.fit(train.batches(4, { seed: 0 }), { epochs: 3 });
  assertEquals(bytes.length, 36);
  // Up to twenty losses stay until they are read together, each in a block of 64 bytes where none is free.
  assert(bytes[35]! - bytes[3]! <= 20 * 64, `${bytes}`);
  assertEquals(new Set(bytes.slice(24)).size, 1, `${bytes}`);
});

Deno.test("cuda (emulated): memory that is not there: asked, free and held, and the device goes on", async () => {
  using device = new Device("cuda");
  using held = zeros([1024], { device });
  await device.synchronize();
  const capacity = emulator.live()["bytes"]! + (8 << 20);
  emulator.setCapacity(capacity);
  try {
    const error = assertThrows(() => zeros([16 << 20], { device }), OutOfMemoryError);
    assertMatch(
      error.message,
      /^full\(\): Expected to allocate 67108864 bytes, the system refused \(\d+ bytes are free, \d+ bytes are held by this device\)/,
    );
    const free = Number(/(\d+) bytes are free/.exec(error.message)![1]);
    assert(free > 0 && free <= 8 << 20, error.message);
    using fits = zeros([1024], { device });
    assertEquals((await fits.data())[1023], 0);
    assertEquals(held.shape, [1024]);
  } finally {
    emulator.setCapacity(2 ** 34);
  }
});
