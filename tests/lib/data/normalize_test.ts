/** Images brought to a mean and a deviation, in batches and outside of them. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { hostDevice } from "../../../lib/data/epoch_source.ts";
import { ImageDataset } from "../../../lib/data/image_set.ts";
import { data, Device, type Tensor, tensor } from "../../../mod.ts";
import { writeFolder } from "../../support/image_files.ts";
import { tempFolder } from "../../temp_folder.ts";

/** Two images [2, 1, 3] whose bytes are 0 to 11. */
const arrays = {
  images: Uint8Array.from({ length: 12 }, (_, at) => 20 * at),
  labels: [0, 1],
  imageShape: [2, 1, 3],
  classes: 2,
} as const satisfies data.Arrays;

const stats = { mean: [0.5, 0.25, 0.125], std: [0.2, 0.4, 0.8] };

/** The same in f32, rounded after each operation as the device does. */
function wanted(values: ArrayLike<number>, { mean, std }: data.Normalization): number[] {
  const { fround } = Math;
  return Array.from(values, (value, at) => {
    const [m, s] = [mean[at % mean.length]!, std[at % std.length]!];
    return fround(fround(value - fround(m)) / fround(s));
  });
}

async function all(batches: AsyncIterable<data.Batch>): Promise<number[]> {
  const found: number[] = [];
  for await (const { images } of batches) found.push(...await images.data() as Float32Array);
  return found;
}

Deno.test("normalize: batches of arrays have each channel less its mean, divided by its deviation", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  const plain = Array.from(arrays.images, (byte) => Math.fround(byte / 255));
  assertEquals(await all(set.batches(2)), plain);
  assertEquals(await all(set.batches(2, { normalize: stats })), wanted(plain, stats));
  assertEquals(await all(set.batches(1, { normalize: stats })), wanted(plain, stats), "whatever the batches' size");
  const one = { mean: [0.5], std: [0.25] };
  assertEquals(await all(set.batches(2, { normalize: one })), wanted(plain, one), "one number is for all channels");
});

Deno.test("normalize: f64 is computed in f64", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  for await (const { images } of set.batches(2, { normalize: stats, dtype: "f64" })) {
    assertEquals(images.dtype, "f64");
    const found = await images.data();
    arrays.images.forEach((byte, at) => {
      const exact = (Math.fround(byte / 255) - stats.mean[at % 3]!) / stats.std[at % 3]!;
      assertEquals(found[at], exact);
    });
  }
});

Deno.test("normalize: images move and are mirrored before, so that what comes in is black like the rest", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  for (const options of [{ flip: 1 }, { shift: 1, seed: 3 }]) {
    const plain = await all(set.batches(2, options));
    assertEquals(await all(set.batches(2, { ...options, normalize: stats })), wanted(plain, stats));
  }
});

Deno.test("normalize: image files, samples and batches that the host makes are no others", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "pets"));
  const { train, valid } = await data.open(path, { size: 19, device, cache: join(folder.path, "cache") });
  using disposed = new DisposableStack();
  const sets = [train, valid];
  const pixels = Uint8Array.from({ length: 24 * 20 * 3 }, (_, at) => at * 7);
  sets.push(
    await data.fromSamples([{ image: { data: pixels, shape: [24, 20, 3] }, label: 0 }], { size: 8, device }),
  );
  const on = (values: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>, shape: number[], device: Device): Tensor =>
    tensor(values, shape, { device });
  const page = new Uint8Array(4096);
  page.set(pixels);
  sets.push(
    new ImageDataset({
      pixels: on(page, [1, 4096], hostDevice()),
      table: on(Int32Array.of(0, 0, 24, 20, 0, 480, 20, 16), [2, 4], hostDevice()),
      labels: on(Int32Array.of(0, 1), [2], device),
      classes: ["a", "b"],
      size: 8,
      training: false,
    }),
  );
  for (const set of sets) {
    disposed.use(set);
    const options = { shuffle: false, flip: 0.5, erase: 0.5 };
    const plain = await all(set.batches(1, options));
    const found = await all(set.batches(1, { ...options, normalize: data.imagenetStats }));
    assertEquals(found, wanted(plain, data.imagenetStats), `${set}`);
  }
});

Deno.test("normalize: is recorded where it is given, one number a channel, and leaves nothing behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  const before = device.stats().handles;
  assertEquals("normalize" in set.batches(2).config, false);
  const batches = set.batches(1, { normalize: { mean: [0.5], std: [0.25, 0.5, 1] } });
  assertEquals(batches.config.normalize, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.5, 1] });
  for await (const _ of batches) break;
  await all(batches);
  assertEquals(device.stats().handles, before);
});

Deno.test("normalize: the published statistics", () => {
  assertEquals(data.imagenetStats, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
  assertEquals(data.mnistStats, { mean: [0.1307], std: [0.3081] });
});

Deno.test("normalize: MNIST with its own statistics has mean 0 and deviation 1", async () => {
  using device = new Device("cpu", { threads: 2 });
  const { train, valid } = await data.mnist({ device, limit: 10_000 });
  using disposed = new DisposableStack();
  disposed.use(train);
  disposed.use(valid);
  let [sum, squares, n] = [0, 0, 0];
  for await (const { images } of train.batches(1000, { shuffle: false, normalize: data.mnistStats })) {
    for (const value of await images.data() as Float32Array) {
      [sum, squares, n] = [sum + value, squares + value ** 2, n + 1];
    }
  }
  assertAlmostEquals(sum / n, 0, 0.01);
  assertAlmostEquals(Math.sqrt(squares / n - (sum / n) ** 2), 1, 0.01);
});

Deno.test("normalize: images outside of batches get the bits that they get in one", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  for (const dtype of ["f32", "f64"] as const) {
    for await (const { images } of set.batches(2, { dtype })) {
      using ready = data.normalize(images, stats);
      assertEquals(ready.dtype, dtype);
      assertEquals([...await ready.data()].map(Number), await all(set.batches(2, { dtype, normalize: stats })));
    }
  }
});

Deno.test("normalize: statistics that do not fit are refused, naming both", () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(arrays, { device });
  const refused = (normalize: data.Normalization, type: typeof RangeError | typeof TypeError, text: string): void => {
    assertThrows(() => set.batches(1, { normalize }), type, text);
  };
  const three = "as 3 numbers, one a channel, or one for all";
  refused({ mean: [0, 0], std: [1] }, RangeError, `Expected \`normalize.mean\` ${three}, got 2`);
  refused({ mean: [0], std: [] }, RangeError, `Expected \`normalize.std\` ${three}, got 0`);
  refused({ mean: [0], std: [1, 0, 1] }, RangeError, "Expected `normalize.std` as finite numbers above 0, got 0");
  refused({ mean: [0], std: [-1] }, RangeError, "got -1");
  refused({ mean: [NaN], std: [1] }, RangeError, "Expected `normalize.mean` as finite numbers, got NaN");
  refused({ mean: [0], std: [Infinity] }, RangeError, "got Infinity");
  refused({ mean: 0.5, std: [1] } as unknown as data.Normalization, TypeError, "as a list, got 0.5");
  using grey = data.fromArrays({ images: new Uint8Array(4), labels: [0], imageShape: [2, 2, 1], classes: 1 }, {
    device,
  });
  assertThrows(() => grey.batches(1, { normalize: stats }), RangeError, "as one number, got 3");
  using bytes = tensor(new Uint8Array(3), [1, 1, 1, 3], { device });
  assertThrows(() => data.normalize(bytes, stats), TypeError, "Expected images in f32 or f64, from 0 to 1, got u8");
});
