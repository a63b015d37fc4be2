/** Data sets from iterators. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { data, DataError, Device } from "../../../mod.ts";
import { readSamples, sameImage } from "../../support/batches.ts";
import { fixture, middle, type Pixels, pixelsOf } from "../../support/image_files.ts";

/** Pixels that differ everywhere. */
function raw(height: number, width: number): data.RawImage {
  const bytes = Uint8Array.from({ length: height * width * 3 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24);
  return { data: bytes, shape: [height, width, 3] };
}

function pixels({ data, shape: [height, width] }: data.RawImage): Pixels {
  return { data, height, width };
}

/** Images of 45 pixels' height, encoded and raw, with the squares that a batch of 45 pixels must hold. */
async function samples(): Promise<{ samples: data.Sample[]; wanted: Float32Array[] }> {
  const [tall, square] = [raw(60, 45), raw(45, 45)];
  return {
    samples: [
      { image: await fixture("baseline_420.jpg"), label: "b" },
      { image: tall, label: "a" },
      { image: await fixture("grey.jpg"), label: "b" },
      { image: square, label: "c" },
    ],
    wanted: [
      middle(await pixelsOf("baseline_420.jpg")),
      middle(pixels(tall)),
      middle(await pixelsOf("grey.jpg")),
      middle(pixels(square)),
    ],
  };
}

function* each(list: readonly data.Sample[]): Generator<data.Sample> {
  yield* list;
}

async function* later(list: readonly data.Sample[]): AsyncGenerator<data.Sample> {
  for (const sample of list) {
    await Promise.resolve();
    yield sample;
  }
}

Deno.test("fromSamples: arrays, generators and async generators give the same images, encoded and raw", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { samples: list, wanted } = await samples();
  for (const source of [list, each(list), later(list)]) {
    using set = await data.fromSamples(source, { size: 45, device });
    assertEquals([set.length, set.imageShape, set.classes], [4, [45, 45, 3], ["a", "b", "c"]]);
    assertEquals([set.names, set.source], [undefined, undefined]);
    const found = await readSamples(set.batches(3));
    assertEquals(found.map(({ index, label }) => [index, label]), [[0, 1], [1, 0], [2, 1], [3, 2]]);
    found.forEach(({ image }, at) => assert(sameImage(image, wanted[at]!), `image ${at}`));
  }
  assertEquals(device.stats().handles, 0);
});

Deno.test("fromSamples: encoded images are resized to their shorter side as decodeImage does, raw ones in the batch", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = await fixture("baseline_420.jpg");
  using decoded = await data.decodeImage(bytes, { size: 16, device });
  const [height = 0, width = 0] = decoded.shape;
  const small = { data: await decoded.data() as Uint8Array<ArrayBuffer>, height, width };
  // All of one colour: whatever their size, a resized one is of that colour too.
  const grey: data.RawImage = { data: new Uint8Array(40 * 90 * 3).fill(51), shape: [40, 90, 3] };
  using set = await data.fromSamples([{ image: bytes, label: 0 }, { image: grey, label: 0 }], { size: 16, device });
  const [first, second] = await readSamples(set.batches(2));
  assert(sameImage(first!.image, middle(small)));
  assertEquals(new Set(second!.image), new Set([Math.fround(0.2)]));
});

Deno.test("fromSamples: numbers are places among the classes, which are named or counted", async () => {
  using device = new Device("cpu", { threads: 1 });
  const list = (labels: (string | number)[]): data.Sample[] => labels.map((label) => ({ image: raw(4, 4), label }));
  const open = async (labels: (string | number)[], classes?: string[]): Promise<[readonly string[], number[]]> => {
    using set = await data.fromSamples(list(labels), { size: 4, classes, device });
    return [set.classes, (await readSamples(set.batches(1))).map(({ label }) => label)];
  };
  assertEquals(await open([2, 0]), [["0", "1", "2"], [2, 0]]);
  assertEquals(await open([2, 0], ["a", "b", "c", "d"]), [["a", "b", "c", "d"], [2, 0]]);
  assertEquals(await open(["b", "a", "b"]), [["a", "b"], [1, 0, 1]]);
  assertEquals(await open(["b", "a"], ["b", "a"]), [["b", "a"], [0, 1]], "in the order given");
  assertEquals(await open(["b", 0], ["a", "b"]), [["a", "b"], [1, 0]], "both kinds");
});

Deno.test("fromSamples: a set to train on is shuffled and cut at random", async () => {
  using device = new Device("cpu", { threads: 1 });
  const list = Array.from({ length: 8 }, (): data.Sample => ({ image: raw(4, 40), label: 0 }));
  using set = await data.fromSamples(list, { size: 4, training: true, device });
  const found = await readSamples(set.batches(8, { seed: 1 }));
  assert(found.some(({ index }, at) => index !== at));
  assert(new Set(found.map(({ image }) => String(image))).size > 2);
});

Deno.test("fromSamples: what cannot be used is refused, naming the sample", async () => {
  using device = new Device("cpu", { threads: 1 });
  const good: data.Sample = { image: raw(4, 4), label: 0 };
  const shape = (data: Uint8Array<ArrayBuffer>, shape: number[]): data.Sample => ({
    image: { data, shape: shape as [number, number, 3] },
    label: 0,
  });
  for (
    const [list, options, error, message] of [
      [[], {}, DataError, "fromSamples(): Expected at least one sample, got none"],
      [
        [shape(new Uint8Array(47), [4, 4, 3])],
        {},
        TypeError,
        "fromSamples(): Expected image 0 as [h, w, 3] with as many bytes, got 47 bytes for [4, 4, 3]",
      ],
      [[good, shape(new Uint8Array(16), [4, 4, 1])], {}, TypeError, "Expected image 1 as [h, w, 3]"],
      [[shape(new Uint8Array(0), [0, 4, 3])], {}, TypeError, "got 0 bytes for [0, 4, 3]"],
      [
        [good, { ...good, label: "z" }],
        { classes: ["a", "b"] },
        RangeError,
        'fromSamples(): Expected labels among a, b, got "z" for image 1',
      ],
      [[{ ...good, label: 2 }], { classes: ["a", "b"] }, RangeError, "Expected labels from 0 to 1, got 2 for image 0"],
      [[good, { ...good, label: -1 }], {}, RangeError, "got -1 for image 1"],
      [[{ ...good, label: 0.5 }], {}, RangeError, "got 0.5 for image 0"],
      [
        [good, { ...good, label: "a" }],
        {},
        TypeError,
        "Expected `classes` where some labels are names and some numbers",
      ],
      [[good], { size: 0 }, RangeError, "Expected `size` as a whole number from 1 to 4096, got 0"],
    ] as [data.Sample[], Partial<data.SamplesOptions>, typeof DataError, string][]
  ) {
    await assertRejects(() => data.fromSamples(list, { size: 4, device, ...options }), error, message);
  }
  assertEquals(device.stats().handles, 0);
});

Deno.test("fromSamples: bytes that are no image are refused, naming the sample and why", async () => {
  using device = new Device("cpu", { threads: 1 });
  const good = await fixture("grey.jpg");
  const refused = async (image: Uint8Array<ArrayBuffer>): Promise<string> => {
    const list = [good, image].map((image) => ({ image, label: 0 }));
    return (await assertRejects(() => data.fromSamples(list, { size: 4, device }), DataError)).message;
  };
  assertMatch(await refused(good.subarray(0, 300)), /^fromSamples\(\): Cannot use image 1: .*Truncated/);
  assertMatch(await refused(new Uint8Array(9)), /^fromSamples\(\): Cannot use image 1: .*Neither a JPEG nor a PNG/);
  assertEquals(device.stats().handles, 0);
});

Deno.test("fromSamples: an error of the iterator is passed on, and ends it", async () => {
  using device = new Device("cpu", { threads: 1 });
  let ended = false;
  async function* broken(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<data.Sample> {
    try {
      yield { image: bytes, label: 0 };
      await Promise.resolve();
      throw new Error("the database is gone");
    } finally {
      ended = true;
    }
  }
  const good = await fixture("grey.jpg");
  await assertRejects(() => data.fromSamples(broken(good), { size: 4, device }), Error, "the database is gone");
  assertEquals(ended, true);
  ended = false;
  await assertRejects(() => data.fromSamples(broken(good.subarray(0, 99)), { size: 4, device }), DataError);
  assertEquals(ended, true);
});

Deno.test("fromSamples: any number of labels, and values to predict", async () => {
  using device = new Device("cpu", { threads: 1 });
  const image = { data: new Uint8Array(12), shape: [2, 2, 3] as const };
  const many = [{ image, labels: ["cat", "dog"] }, { image, labels: [] }, { image, labels: ["dog"] }];
  using labels = await data.fromSamples(many, { size: 2, device });
  assertEquals([labels.targets, labels.classes], ["labels", ["cat", "dog"]]);
  for await (const { targets } of labels.batches(3)) assertEquals([...await targets.data()], [1, 1, 0, 0, 0, 1]);
  using values = await data.fromSamples([{ image, target: [1, 2] }, { image, target: [3, 4] }], { size: 2, device });
  for await (const { targets } of values.batches(2)) assertEquals([...await targets.data()], [1, 2, 3, 4]);
  const unlike = [{ image, target: 1 }, { image, label: "a" }];
  await assertRejects(() => data.fromSamples(unlike, { size: 2 }), TypeError, "got another for image 1");
  const uneven = [{ image, target: 1 }, { image, target: [1, 2] }];
  await assertRejects(
    () => data.fromSamples(uneven, { size: 2 }),
    TypeError,
    "Expected 1 values a sample, got 2 for image 1",
  );
});

Deno.test("fromSamples and fromArrays name arguments of another type", async () => {
  const wrong = (value: unknown): never => value as never;
  const image = "fromSamples(): Expected image 0 as the bytes of a file or as { data, shape }, got";
  const cases: [() => unknown, string][] = [
    [() => data.fromSamples([], wrong(undefined)), "fromSamples(): Expected options, got undefined"],
    [() => data.fromSamples([wrong(null)], { size: 8 }), `${image} undefined`],
    [() => data.fromSamples([{ image: wrong(3), label: 0 }], { size: 8 }), `${image} 3`],
    [() => data.fromArrays(wrong(undefined)), "fromArrays(): Expected options, got undefined"],
    [
      () => data.fromArrays(wrong({ images: [0], imageShape: [1, 1, 1] })),
      "Expected `images` as a Uint8Array, got [0]",
    ],
    [() => data.fromArrays(wrong({ images: new Uint8Array(1), imageShape: 1 })), "`imageShape` as an array of numbers"],
  ];
  for (const [call, message] of cases) await assertRejects(() => Promise.try(call), TypeError, message);
});

Deno.test("fromSamples: a damaged image is told, or refused by strict", async () => {
  using device = new Device("cpu", { threads: 1 });
  const list = [
    { image: await fixture("grey.jpg"), label: "a" },
    { image: await fixture("damaged_cut_50.jpg"), label: "a" },
  ];
  const told: string[] = [];
  using set = await data.fromSamples(each(list), { size: 24, device, onWarning: (message) => told.push(message) });
  assertEquals([set.length, told.length], [2, 1]);
  assertMatch(told[0]!, /^1 of 2 images are damaged, and were decoded as far as they go; the first, image 1: /);
  await assertRejects(
    () => data.fromSamples(each(list), { size: 24, device, strict: true }),
    DataError,
    "fromSamples(): Cannot use image 1: Damaged: ",
  );
});
