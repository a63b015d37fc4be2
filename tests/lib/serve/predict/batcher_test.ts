import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Batcher, QueueFullError } from "../../../../lib/serve/predict/batcher.ts";
import { Device, recipe } from "../../../../mod.ts";
import { train } from "../../../support/training.ts";
import { tempFolder } from "../../../temp_folder.ts";

const images = fromFileUrl(new URL("../../../fixtures/images/", import.meta.url));
const names = ["grey.jpg", "png_grey.png", "baseline_420.jpg", "progressive_444.jpg"];

/** A small trained model, on a device of its own. */
async function opened(): Promise<AsyncDisposable & { readonly trained: recipe.Trained; readonly device: Device }> {
  const folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const device = new Device("cpu", { threads: 1 });
  const trained = await recipe.open(run, { device });
  return {
    trained,
    device,
    [Symbol.asyncDispose]: (): Promise<void> => {
      trained.dispose();
      device.dispose();
      folder[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

function files(): Uint8Array<ArrayBuffer>[] {
  return names.map((name) => Deno.readFileSync(join(images, name)));
}

Deno.test("Batcher: images of many callers share batches, and have the answers that each has alone", async () => {
  await using model = await opened();
  const { trained, device } = model;
  const given = Array.from({ length: 24 }, (_, at) => files()[at % names.length]!);
  const { predictions } = await trained.predict(given, { top: 10 });
  const before = device.stats().bytes;
  {
    await using batcher = new Batcher(trained, { largest: 8, window: 50 });
    const answers = await Promise.all(given.map((bytes, at) => batcher.predict(bytes, { top: 1 + at % 10 })));
    for (const [at, { guesses, damage }] of answers.entries()) {
      const alone = predictions[at]!;
      assertEquals([guesses.length, damage], [1 + at % 10, alone.damage]);
      guesses.forEach(({ label, probability }, place) => {
        assertEquals(label, alone.guesses[place]!.label);
        assertAlmostEquals(probability, alone.guesses[place]!.probability, 1e-6);
      });
    }
    const { answered, batches, queued } = batcher.stats;
    assertEquals([answered, queued], [24, 0]);
    assert(batches >= 3 && batches < 12, `${batches} batches`);
  }
  assertEquals(device.stats().bytes, before, "nothing stays behind");
});

Deno.test("Batcher: what is no image fails by itself, beside others of its batch", async () => {
  await using model = await opened();
  await using batcher = new Batcher(model.trained, { window: 20 });
  const [first, second] = files();
  const results = await Promise.allSettled([
    batcher.predict(first!),
    batcher.predict(Uint8Array.of(1, 2, 3)),
    batcher.predict(second!),
    batcher.predict(new Uint8Array()),
  ]);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "rejected"]);
  assertEquals((results[1] as PromiseRejectedResult).reason.name, "DataError");
  assertEquals(batcher.stats, { answered: 2, batches: batcher.stats.batches, queued: 0 });
});

Deno.test("Batcher: one too many is refused, one given up has its reason, and a closed one takes no more", async () => {
  await using model = await opened();
  const batcher = new Batcher(model.trained, { queued: 2, window: 0 });
  const [bytes] = files();
  const stop = new AbortController();
  const kept = batcher.predict(bytes!);
  const left = assertRejects(() => batcher.predict(bytes!, { signal: stop.signal }), Error, "gone");
  await assertRejects(
    () => batcher.predict(bytes!),
    QueueFullError,
    "Expected at most 2 images that wait, got one more",
  );
  stop.abort(new Error("gone"));
  const closing = batcher[Symbol.asyncDispose]();
  await assertRejects(() => batcher.predict(bytes!), TypeError, "got one that is closed");
  await Promise.all([kept, left, closing]);
  assertEquals(batcher.stats.queued, 0);
  await assertRejects(() => batcher.predict(bytes!, { signal: AbortSignal.abort(new Error("late")) }), Error, "late");
});

Deno.test("Batcher: a batch that memory does not hold is halved, and each image has its answer", async () => {
  using folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const [bytes] = files();
  /** Answers of 32 images at once in so much memory; what the device held for one alone and for all. */
  const answered = async (memory?: number): Promise<{ guesses: unknown[]; batches: number; held: number[] }> => {
    using device = new Device("cpu", { threads: 1, memory });
    using trained = await recipe.open(run, { device });
    await using batcher = new Batcher(trained, { largest: 32, window: 1000 });
    await batcher.predict(bytes!);
    const alone = device.stats().reservedBytes;
    const found = await Promise.all(Array.from({ length: 32 }, () => batcher.predict(bytes!)));
    const guesses = found.map(({ guesses: [first] }) => first!.label);
    return { guesses, batches: batcher.stats.batches, held: [alone, device.stats().reservedBytes] };
  };
  const whole = await answered();
  assertEquals(whole.batches, 2);
  const [alone, all] = whole.held;
  const halved = await answered(Math.ceil((alone! + all!) / 2));
  assert(halved.batches > 2, `${halved.batches} batches`);
  assertEquals(halved.guesses, whole.guesses);
});

Deno.test("Batcher: wrong settings are refused in words", async () => {
  await using model = await opened();
  const { trained } = model;
  const make = (options: object) => (): Batcher => new Batcher(trained, options);
  assertThrows(make({ largest: 0 }), RangeError, "largest");
  assertThrows(make({ window: -1 }), RangeError, "Expected `window` as milliseconds from 0 to 1000, got -1");
  assertThrows(make({ queud: 3 }), TypeError, "queued");
  assertThrows(make({ size: 0 }), Error, "size");
  await using batcher = new Batcher(trained);
  await assertRejects(() => batcher.predict("a.jpg" as never), TypeError, "as a file's bytes (Uint8Array), got");
  await assertRejects(() => batcher.predict(files()[0]!, { top: 0 }), RangeError, "`top`");
});
