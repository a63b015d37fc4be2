/** What batches of image files do to the images. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { data, Device } from "../../../mod.ts";
import { readSamples, sameImage } from "../../support/batches.ts";
import { copies, middle, pixelsOf, small, square, writeFolder } from "../../support/image_files.ts";
import { type TempFolder, tempFolder } from "../../temp_folder.ts";

/** Opens a layout's training set at 45 pixels, which the files of 67 x 45 have as their height. */
async function open(
  folder: TempFolder,
  device: Device,
  options: { layout?: typeof small; size?: number; keep?: "source" } = {},
): Promise<data.Dataset> {
  const { layout = small, size = 45, keep } = options;
  const path = await writeFolder(join(folder.path, "set"), layout);
  const { train, valid } = await data.open(path, { size, keep, device, cache: join(folder.path, "cache") });
  valid.dispose();
  return train;
}

/** One class of copies, to train on and to measure with. */
function twice(count: number, image: string): typeof small {
  return { ...copies(count, image, "train/a"), ...copies(1, image) };
}

function mirrored(image: Float32Array, size: number): Float32Array {
  return image.map((_, at) => {
    const [row, column, channel] = [Math.floor(at / size / 3), Math.floor(at / 3) % size, at % 3];
    return image[(row * size + size - 1 - column) * 3 + channel]!;
  });
}

Deno.test("image batches: flip 1 mirrors every image, 0.5 about half of them, each epoch others", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = await open(folder, device, { layout: twice(40, "baseline_420.jpg") });
  const plain = middle(await pixelsOf("baseline_420.jpg"));
  const turned = mirrored(plain, 45);
  const options = { crop: "centre", shuffle: false } as const;
  for (const { image } of await readSamples(set.batches(16, { ...options, flip: 1 }))) assert(sameImage(image, turned));
  const epochs: boolean[][] = [];
  for (const epoch of [0, 1]) {
    const samples = await readSamples(set.batches(16, { ...options, flip: 0.5, epoch }));
    const flips = samples.map(({ image }) => sameImage(image, turned));
    samples.forEach(({ image }, at) => assert(flips[at] || sameImage(image, plain)));
    const count = flips.filter(Boolean).length;
    assert(count > 8 && count < 32, `${count} of 40 mirrored`);
    epochs.push(flips);
  }
  assertNotEquals(epochs[0], epochs[1]);
});

Deno.test("image batches: the crop random takes squares from all along the longer side", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = await open(folder, device, { layout: twice(20, "baseline_420.jpg") });
  const pixels = await pixelsOf("baseline_420.jpg");
  const windows = Array.from({ length: 23 }, (_, left) => square(pixels, { top: 0, left, size: 45 }));
  const places = new Set<number>();
  const batches = set.batches(20, { seed: 3 });
  for (let epoch = 0; epoch < 10; epoch++) {
    for (const { image } of await readSamples(batches)) {
      const left = windows.findIndex((window) => sameImage(window, image));
      assert(left >= 0, "a square of the image");
      places.add(left);
    }
  }
  assert(places.has(0) && places.has(22), "both ends come up");
  assert(places.size > 18, `${places.size} of 23 places`);
});

Deno.test("image batches: the crop resized takes the whole of a square image at scale 1, else parts of it", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const layout = twice(8, "baseline_411.jpg");
  using set = await open(folder, device, { layout, size: 64, keep: "source" });
  const whole = middle(await pixelsOf("baseline_411.jpg"));
  for (const { image } of await readSamples(set.batches(8, { crop: "resized", minScale: 1 }))) {
    assert(sameImage(image, whole));
  }
  const seen = new Set<string>();
  for (const epoch of [0, 1]) {
    for (const { image } of await readSamples(set.batches(8, { crop: "resized", minScale: 0.1, epoch }))) {
      assert(image.every((value) => value >= 0 && value <= 1));
      seen.add(String(image.subarray(0, 300)));
    }
  }
  assert(seen.size >= 15, `${seen.size} different parts in 16`);
});

Deno.test("image batches: erase lays a box of noise over an image and leaves the rest of it", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = await open(folder, device, { layout: twice(20, "baseline_420.jpg") });
  const plain = middle(await pixelsOf("baseline_420.jpg"));
  const options = { crop: "centre", shuffle: false } as const;
  const areas: number[][] = [];
  for (const epoch of [0, 1]) {
    const samples = await readSamples(set.batches(20, { ...options, erase: 1, epoch }));
    areas.push(samples.map(({ image }) => {
      const changed = [...image.keys()].filter((at) => image[at] !== plain[at]).map((at) => Math.floor(at / 3));
      const [rows, columns] = [changed.map((at) => Math.floor(at / 45)), changed.map((at) => at % 45)];
      const side = (places: number[]): number => places.length && Math.max(...places) - Math.min(...places) + 1;
      const area = side(rows) * side(columns);
      assertEquals(new Set(changed).size, area, "the box is full");
      return area;
    }));
  }
  const largest = Math.max(...areas.flat());
  assert(largest > 0.1 * 45 ** 2 && largest <= 0.31 * 45 ** 2, `the largest has ${largest} pixels`);
  assertNotEquals(areas[0], areas[1]);
  const rare = await readSamples(set.batches(20, { ...options, erase: 0.3 }));
  const left = rare.filter(({ image }) => sameImage(image, plain)).length;
  assert(left > 6 && left < 20, `${left} of 20 without a box`);
});

Deno.test("image batches: seed and epoch decide what happens to a sample, not the batch that it comes in", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 2 });
  using set = await open(folder, device);
  const augmentation = { flip: 0.5, erase: 0.5, eraseCount: 3, dropLast: false } as const;
  const bySample = async (size: number, options: data.BatchOptions): Promise<Float32Array[]> => {
    const samples = await readSamples(set.batches(size, { ...augmentation, ...options }));
    assertEquals(samples.length, 6);
    return samples.toSorted((a, b) => a.index - b.index).map(({ image }) => image);
  };
  const wanted = await bySample(6, { seed: 7, epoch: 2 });
  const same = (found: Float32Array[]): boolean[] => found.map((image, at) => sameImage(image, wanted[at]!));
  const yes = Array(6).fill(true);
  assertEquals(same(await bySample(1, { seed: 7, epoch: 2 })), yes);
  assertEquals(same(await bySample(4, { seed: 7, epoch: 2, shuffle: false })), yes);
  assert(same(await bySample(6, { seed: 7, epoch: 3 })).includes(false));
  assert(same(await bySample(6, { seed: 8, epoch: 2 })).includes(false));
});

Deno.test("image batches: epochs follow each other, and any position can be had at once", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = await open(folder, device);
  const batches = set.batches(4, { seed: 1, flip: 0.5 });
  assertEquals([batches.length, batches.samples], [1, 4], "a last batch that is not full is left out");
  const [first, second] = [await readSamples(batches), await readSamples(batches)];
  assertNotEquals(first.map(({ index }) => index), second.map(({ index }) => index));
  assertEquals(await readSamples(batches.at({ epoch: 1 })), second);
  assertEquals(await readSamples(set.batches(4, { seed: 1, flip: 0.5, epoch: 1 })), second);
  assertEquals(await readSamples(batches.at({ epoch: 1, batch: 1 })), []);
  const all = set.batches(4, { seed: 1, flip: 0.5, dropLast: false });
  assertEquals([all.length, all.samples], [2, 6]);
  const whole = await readSamples(all.at({ epoch: 1 }));
  assertEquals([whole.slice(0, 4), whole.map(({ index }) => index).sort()], [second, [0, 1, 2, 3, 4, 5]]);
  const rest = set.batches(4, { seed: 1, flip: 0.5, dropLast: false, epoch: 1, from: 1 });
  assertEquals([await readSamples(rest), (await readSamples(rest)).length], [whole.slice(4), 6]);
});

Deno.test("image batches: what does not fit is refused, naming both values", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = await open(folder, device);
  for (
    const [options, error, message] of [
      [{ shift: 2 }, TypeError, "Expected no `shift` for image files, got 2"],
      [{ crop: "left" as "centre" }, TypeError, 'Expected `crop` as one of centre, random, resized, got "left"'],
      [{ minScale: 0.5 }, TypeError, "Expected `minScale` with the crop resized, got it with random"],
      [{ crop: "resized", minScale: 0 }, RangeError, "Expected `minScale` above 0 to 1, got 0"],
      [{ erase: -0.1 }, RangeError, "Expected `erase` from 0 to 1, got -0.1"],
      [{ eraseCount: 17 }, RangeError, "Expected `eraseCount` as a whole number from 1 to 16, got 17"],
    ] as const
  ) {
    assertThrows(() => set.batches(2, options), error, message);
  }
  assertEquals(set.batches(2, { crop: "resized" }).config.minScale, 0.35);
});
