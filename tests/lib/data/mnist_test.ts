import { assertEquals, assertRejects } from "@std/assert";
import { data, Device } from "../../../mod.ts";
import { readMnist } from "../../../lib/data/mnist_files.ts";

Deno.test("mnist: the device's images and labels are the files' own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ device });
  using disposed = new DisposableStack();
  disposed.use(train);
  disposed.use(valid);
  assertEquals([train.length, valid.length, train.imageShape, train.classes.length], [60_000, 10_000, [28, 28, 1], 10]);
  const files = await readMnist();
  for await (const { images, labels, index } of train.batches(500, { seed: 4 })) {
    const [pixels, classes] = [await images.data(), await labels.data()];
    for (const [place, image] of index.entries()) assertEquals(classes[place], files.train.labels[image]);
    const [first = 0] = index;
    const bytes = files.train.images.subarray(784 * first, 784 * (first + 1));
    assertEquals(pixels.slice(0, 784), Float32Array.from(bytes, (byte) => byte / 255));
    break;
  }
});

Deno.test("mnist: limit takes the first images of both parts", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ device, limit: 3 });
  using disposed = new DisposableStack();
  disposed.use(train);
  disposed.use(valid);
  for await (const { labels } of train.batches(3, { shuffle: false })) {
    assertEquals([...await labels.data()], [5, 0, 4]);
  }
  for await (const { labels } of valid.batches(3)) assertEquals([...await labels.data()], [7, 2, 1]);
  await assertRejects(() => data.mnist({ device, limit: 0 }), RangeError, "Expected `limit`");
});
