import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { data, Device, DisposedError } from "../../../mod.ts";

const n = 10;

/** Ten images [2, 2, 1], all pixels of image i being 10 i; the label of image i is i modulo 3. */
function open(device: Device, training = false): data.Dataset {
  const images = Uint8Array.from({ length: n * 4 }, (_, byte) => 10 * Math.floor(byte / 4));
  const labels = Array.from({ length: n }, (_, image) => image % 3);
  return data.fromArrays({ images, labels, imageShape: [2, 2, 1], classes: 3 }, { device, training });
}

/** The samples' numbers, batch by batch, of one epoch. */
async function indexes(batches: AsyncIterable<data.Batch>): Promise<number[][]> {
  const found: number[][] = [];
  for await (const { index } of batches) found.push([...index]);
  return found;
}

Deno.test("fromArrays: batches hold the images as 0 to 1, with their labels and numbers", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  assertEquals([set.length, set.imageShape, set.classes], [n, [2, 2, 1], ["0", "1", "2"]]);
  let next = 0;
  for await (const { images, labels, index, epoch } of set.batches(4)) {
    assertEquals(epoch, 0);
    assertEquals([images.shape, images.dtype, labels.shape, labels.dtype], [[index.length, 2, 2, 1], "f32", [
      index.length,
    ], "i32"]);
    const pixels = await images.data();
    for (const [place, image] of index.entries()) {
      assertEquals(image, next++);
      for (const pixel of pixels.slice(4 * place, 4 * place + 4)) assertEquals(pixel, Math.fround(10 * image / 255));
    }
    assertEquals([...await labels.data()], [...index].map((image) => image % 3));
  }
  assertEquals(next, n);
});

Deno.test("fromArrays: batches in f64 hold the f32 values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  for await (const { images } of set.batches(10, { dtype: "f64" })) {
    assertEquals(images.dtype, "f64");
    assertEquals((await images.data())[4], Math.fround(10 / 255));
  }
});

Deno.test("batches: a set to measure with goes in order and leaves nothing out", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  const batches = set.batches(4);
  assertEquals([batches.length, batches.samples], [3, 10]);
  assertEquals(await indexes(batches), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
});

Deno.test("batches: a set to train on is shuffled anew each epoch and drops what does not fill a batch", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device, true);
  const batches = set.batches(4, { seed: 1 });
  assertEquals([batches.length, batches.samples], [2, 8]);
  const [first, second] = [await indexes(batches), await indexes(batches)];
  assertEquals(first.map((batch) => batch.length), [4, 4]);
  assertEquals(new Set(first.flat()).size, 8);
  assertNotEquals(first, second);
  assertEquals(await indexes(set.batches(4, { seed: 1 })), first, "the same seed gives the same order");
  assertEquals(await indexes(set.batches(4, { seed: 1, epoch: 1 })), second, "the second iteration is epoch 1");
  assertNotEquals(await indexes(set.batches(4, { seed: 2 })), first);
});

Deno.test("batches: any position can be had at once", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device, true);
  const batches = set.batches(2, { seed: 5, shift: 1, flip: 0.5 });
  const whole: [number[], number[]][] = [];
  for await (const { images, index } of batches.at({ epoch: 3 })) whole.push([[...index], [...await images.data()]]);
  const rest: typeof whole = [];
  for await (const { images, index, epoch } of set.batches(2, { seed: 5, shift: 1, flip: 0.5, epoch: 3, from: 2 })) {
    assertEquals(epoch, 3);
    rest.push([[...index], [...await images.data()]]);
  }
  assertEquals(rest, whole.slice(2));
  assertEquals(await indexes(batches.at({ epoch: 3, batch: 5 })), []);
});

Deno.test("batches: shift and flip move images, each epoch otherwise", async () => {
  using device = new Device("cpu", { threads: 1 });
  // One image of 8 x 8 with a single bright pixel at row 3, column 2.
  const images = new Uint8Array(64);
  images[3 * 8 + 2] = 255;
  using set = data.fromArrays({ images, labels: [0], imageShape: [8, 8, 1], classes: 1 }, { device });
  const places = new Set<number>();
  for (let epoch = 0; epoch < 60; epoch++) {
    for await (const batch of set.batches(1, { shift: 1, epoch, flip: 0 })) {
      const pixels = await batch.images.data();
      const place = pixels.indexOf(1);
      assertEquals(pixels.filter((pixel) => pixel !== 0).length, 1);
      places.add(place);
    }
  }
  const expected = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => (3 + dy) * 8 + 2 + dx));
  assertEquals([...places].sort((a, b) => a - b), expected, "every shift by up to a pixel comes up, and no other");
  for await (const batch of set.batches(1, { flip: 1 })) {
    assertEquals((await batch.images.data()).indexOf(1), 3 * 8 + 5, "flip 1 mirrors every image");
  }
});

Deno.test("batches: a batch lives until the next is asked for, clone() keeps it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  const before = device.stats().handles;
  const seen: data.Batch[] = [];
  let kept: data.Batch | undefined;
  for await (const batch of set.batches(4)) {
    assert(!batch.images.disposed);
    if (seen.length > 0) assert(seen.at(-1)!.images.disposed && seen.at(-1)!.labels.disposed);
    seen.push(batch);
    kept ??= batch.clone();
  }
  assert(seen.at(-1)!.images.disposed, "the last goes when the loop ends");
  assertEquals([...await kept!.labels.data()], [0, 1, 2, 0]);
  assertEquals((await kept!.images.data())[4], Math.fround(10 / 255));
  assertEquals([...kept!.index], [0, 1, 2, 3]);
  kept!.dispose();
  assertEquals(device.stats().handles, before);
});

Deno.test("batches: break and throw dispose of the batch too", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = open(device);
  const before = device.stats().handles;
  let last: data.Batch | undefined;
  for await (const batch of set.batches(2)) {
    last = batch;
    break;
  }
  assert(last!.images.disposed);
  await assertRejects(
    async () => {
      for await (const batch of set.batches(2)) {
        last = batch;
        throw new Error("on purpose");
      }
    },
    Error,
    "on purpose",
  );
  assert(last!.images.disposed);
  assertEquals(device.stats().handles, before);
});

Deno.test("batches: after dispose() the set refuses", async () => {
  using device = new Device("cpu", { threads: 1 });
  const set = open(device);
  set.dispose();
  await assertRejects(() => indexes(set.batches(2)), DisposedError, "after it was disposed");
});

Deno.test("fromArrays and batches: what does not fit is refused, naming both values", () => {
  using device = new Device("cpu", { threads: 1 });
  const arrays = { images: new Uint8Array(8), labels: [0, 1], imageShape: [2, 2, 1], classes: 2 } as const;
  const from = (other: Partial<data.Arrays>): data.Dataset => data.fromArrays({ ...arrays, ...other }, { device });
  assertThrows(() => from({ images: new Uint8Array(7) }), TypeError, "Expected 8 bytes for 2 images [2, 2, 1], got 7");
  assertThrows(() => from({ labels: [0, 2] }), RangeError, "Expected labels from 0 to 1, got 2 for image 1");
  assertThrows(() => from({ labels: [0, 0.5] }), RangeError, "got 0.5 for image 1");
  using set = from({});
  assertThrows(() => set.batches(0), RangeError, "Expected `size` as a whole number from 1 to 2, got 0");
  assertThrows(() => set.batches(3), RangeError, "got 3");
  assertThrows(() => set.batches(1, { seed: -1 }), RangeError, "Expected `seed`");
  assertThrows(() => set.batches(1, { flip: 1.5 }), RangeError, "Expected `flip` from 0 to 1, got 1.5");
  assertThrows(() => set.batches(1, { from: 3 }), RangeError, "Expected `from` as a whole number from 0 to 2, got 3");
});

Deno.test("fromArrays: values to predict come in rows of f32, or of f64 with the images, and are printed", async () => {
  using device = new Device("cpu", { threads: 1 });
  const arrays = { images: new Uint8Array(3 * 4), imageShape: [2, 2, 1] as const };
  using values = data.fromArrays({ ...arrays, targets: [0, 0.5, 1, -1, 2, 3] }, { device });
  assertEquals(`${values}`, "Dataset(3 images [2, 2, 1], 2 values each, cpu)");
  assertEquals([values.targets, values.classes], ["values", []]);
  for (const dtype of ["f32", "f64"] as const) {
    for await (const batch of values.batches(2, { dtype, from: 1 })) {
      assertEquals([batch.targets.dtype, batch.targets.shape], [dtype, [1, 2]]);
      assertEquals([...await batch.targets.data()], [2, 3]);
      assertEquals([batch.labels === batch.targets, batch.inputs === batch.images], [true, true]);
    }
  }
  using labels = data.fromArrays({ ...arrays, targets: Uint8Array.of(0, 1, 1, 1, 0, 0), classes: ["a", "b"] }, {
    device,
  });
  assertEquals(`${labels}`, "Dataset(3 images [2, 2, 1], any of 2 labels each, cpu)");
  for await (const { targets } of labels.batches(3)) assertEquals([...await targets.data()], [0, 1, 1, 1, 0, 0]);
});

Deno.test("fromArrays: targets that do not fit are refused, naming both values", () => {
  const arrays = { images: new Uint8Array(8), imageShape: [2, 2, 1] as const };
  const refused = (parts: Partial<data.Arrays>, message: string): void => {
    assertThrows(() => data.fromArrays({ ...arrays, ...parts }), Error, message);
  };
  refused({}, "Expected `labels` or `targets`, got none");
  refused({ labels: [0, 1], classes: 2, targets: [1, 2] }, "Expected `labels` or `targets`, got both");
  refused({ labels: [0, 1] }, "Expected `classes` with `labels`, got none");
  refused({ targets: [1, 2, 3] }, "Expected `targets` as rows of 2 images, got 3 numbers");
  refused({ targets: [1, NaN] }, "Expected `targets` as finite numbers, got NaN for image 1");
  refused({ targets: [0, 1, 2, 0], classes: 2 }, "Expected `targets` as 0 or 1 for each class, got 2 for image 1");
  refused({ targets: [0, 1, 0], classes: 2 }, "Expected `targets` as 4 numbers, 2 for each of 2 images, got 3 numbers");
});

Deno.test("fromArrays() says that channels come last", () => {
  using device = new Device("cpu", { threads: 1 });
  const of = (imageShape: [number, number, number]): data.Dataset =>
    data.fromArrays({
      images: new Uint8Array(imageShape.reduce((product, size) => product * size, 1)),
      labels: [0],
      imageShape,
      classes: 1,
    }, { device });
  assertThrows(
    () => of([3, 32, 32]),
    TypeError,
    "fromArrays(): Expected `imageShape` as [h, w, c], got [3, 32, 32], which looks like channels first: images are " +
      "[n, h, w, c] here, so that of these is [32, 32, 3]; with more than one channel, the bytes are in another order too",
  );
  // A signal of one row, and small images of many channels.
  of([1, 40, 8])[Symbol.dispose]();
  of([3, 4, 4])[Symbol.dispose]();
});
