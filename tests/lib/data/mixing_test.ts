/** Mixup and CutMix: what they make of a batch, and what their draws follow from. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { capture, data, Device, oneHot, scope, type Tensor, tensor, Trainer } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

const [n, side] = [64, 8];

/** Images of one grey each: image i has i / 64 everywhere, so that a pixel tells whose it is. */
function greys(device: Device): { images: Tensor; labels: Tensor; index: Tensor } {
  const images = Float32Array.from({ length: n * side * side }, (_, i) => Math.floor(i / side / side) / n);
  const hold = (values: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>, shape: number[]): Tensor =>
    tensor(values, shape, { device }).detachFromScope();
  return {
    images: hold(images, [n, side, side, 1]),
    labels: hold(Int32Array.from({ length: n }, (_, i) => i % 4), [n]),
    index: hold(Int32Array.from({ length: n }, (_, i) => 3 * i), [n]),
  };
}

interface Mixed {
  images: Float32Array<ArrayBuffer>;
  targets: Float32Array<ArrayBuffer>;
}

async function mixed(
  transform: data.BatchTransform,
  device: Device,
  { seed = 1, epoch = 0, soft = false }: { seed?: number; epoch?: number; soft?: boolean } = {},
): Promise<Mixed> {
  const { images, labels, index } = greys(device);
  using at = tensor(epoch, { dtype: "i32", device });
  const made = scope(() => {
    const targets = soft ? oneHot(labels, { classes: 4 }) : labels;
    return transform({ images, inputs: images, labels: targets, targets }, { seed, epoch: at, index, classes: 4 });
  });
  const result = {
    images: await made.inputs!.data() as Float32Array<ArrayBuffer>,
    targets: await made.targets!.data() as Float32Array<ArrayBuffer>,
  };
  for (const each of [images, labels, index, made.inputs!, made.targets!]) each.dispose();
  return result;
}

Deno.test("mixup: images and targets are mixed by the same shares with one other image each, at least half of the own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { images, targets } = await mixed(data.mixup({ alpha: 1 }), device);
  const shares: number[] = [];
  for (let image = 0; image < n; image++) {
    const own = targets.subarray(4 * image, 4 * image + 4);
    assertAlmostEquals(own.reduce((sum, share) => sum + share, 0), 1, 1e-6);
    const share = own[image % 4]!;
    assert(share >= 0.5 - 1e-6 && share <= 1 + 1e-6);
    // With which image: from its grey. Where labels are the same, the targets do not tell the share.
    const partnerLabel = own.findIndex((other, label) => label !== image % 4 && other > 0);
    if (partnerLabel < 0) continue;
    const pixel = images[image * side * side]!;
    const partner = (pixel - share * image / n) / (1 - share) * n;
    if (1 - share > 0.05) {
      assertAlmostEquals(partner, Math.round(partner), 0.01);
      assertEquals(Math.round(partner) % 4, partnerLabel);
    }
    shares.push(share);
  }
  // Uniform between a half and 1 for alpha 1: the mean is 3/4, three standard errors of some 45 are 0.07.
  assertAlmostEquals(shares.reduce((sum, share) => sum + share, 0) / shares.length, 0.75, 0.07);
});

Deno.test("mixup: the partners are every image once", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { images } = await mixed(data.mixup({ alpha: 1000 }), device);
  // Half and half: own and partner's grey, so that the sum over all is that of all images twice, halved.
  const sum = Array.from({ length: n }, (_, image) => images[image * side * side]!).reduce(
    (all, grey) => all + grey,
    0,
  );
  assertAlmostEquals(sum, n * (n - 1) / 2 / n, 0.8);
});

Deno.test("cutmix: a box of another image, as large as its share of the targets", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { images, targets } = await mixed(data.cutmix({ alpha: 1 }), device);
  let cut = 0;
  for (let image = 0; image < n; image++) {
    const pixels = images.subarray(image * side * side, (image + 1) * side * side);
    const greys = [...new Set([...pixels].map((grey) => Math.round(grey * n)))];
    assert(greys.length <= 2, `${greys}`);
    const others = [...pixels].flatMap((grey, place) => Math.round(grey * n) === image ? [] : [place]);
    if (others.length === 0) continue;
    cut++;
    const [rows, columns] = [others.map((place) => place >> 3), others.map((place) => place & 7)];
    const [height, width] = [rows, columns].map((places) => Math.max(...places) - Math.min(...places) + 1);
    assertEquals(others.length, height! * width!);
    const partner = greys.find((grey) => grey !== image)!;
    const wanted = [0, 0, 0, 0];
    wanted[image % 4]! += 1 - others.length / 64;
    wanted[partner % 4]! += others.length / 64;
    wanted.forEach((share, label) => assertAlmostEquals(targets[4 * image + label]!, share, 1e-6));
  }
  assert(cut > n / 3, `${cut} of ${n}`);
});

for (const [name, make] of [["mixup", data.mixup], ["cutmix", data.cutmix]] as const) {
  Deno.test(`${name}: draws follow from seed, epoch and sample; a share of the samples stays; floats are mixed as they are`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const transform = make({ alpha: 0.4 });
    const first = await mixed(transform, device);
    assertEquals(await mixed(transform, device), first);
    for (const other of [{ seed: 2 }, { epoch: 1 }]) {
      assert((await mixed(transform, device, other)).images.some((value, i) => value !== first.images[i]));
    }
    assertEquals(await mixed(transform, device, { soft: true }), first);
    const none = await mixed(make({ alpha: 0.4, probability: 0 }), device);
    none.images.forEach((grey, i) => assertAlmostEquals(grey, Math.floor(i / 64) / n, 1e-7));
    const some = await mixed(make({ alpha: 0.4, probability: 0.5 }), device);
    const whole = Array.from({ length: n }, (_, image) =>
      some.targets[4 * image + image % 4] === 1).filter(Boolean).length;
    assert(whole > n / 4, `${whole} of ${n} stay`);
  });

  Deno.test(`${name}: a recorded training draws anew in each step as the plain one does, resumed too`, async () => {
    const ends: string[] = [];
    for (const [capture, stopAt] of [[true, 0], [false, 0], [true, 7], [false, 3]] as const) {
      using device = new Device("cpu", { threads: 1 });
      using train = tinyData(device, 32, { training: true });
      const batches = train.batches(8, { seed: 0 });
      const start = (): Trainer => tinyTrainer(model, { capture, transformBatch: make({ alpha: 1 }) });
      using model = tinyModel(device);
      using first = start();
      const stop = new AbortController();
      first.on("batchEnd", ({ step }) => step === stopAt ? stop.abort() : undefined);
      await first.fit(batches, { epochs: 3, signal: stop.signal });
      using second = start();
      second.load(await first.state());
      if (stopAt > 0) await second.fit(batches, { epochs: 3 });
      ends.push(fingerprint(await second.state()));
    }
    assertEquals(new Set(ends).size, 1);
  });
}

Deno.test("mixup: in a recording each replay's epoch and samples are its own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const transform = data.mixup({ alpha: 1 });
  const { images, labels, index } = greys(device);
  using epoch = tensor(0, { dtype: "i32", device });
  using step = capture((inputs: Tensor, targets: Tensor, index: Tensor) =>
    transform({ inputs, images: inputs, targets, labels: targets }, { seed: 1, epoch, index, classes: 4 }).inputs!
  );
  for (let at = 0; at < 4; at++) {
    epoch.fill(at);
    using made = step(images, labels, index);
    assertEquals(await made.data(), (await mixed(transform, device, { epoch: at })).images);
  }
  for (const each of [images, labels, index]) each.dispose();
});

Deno.test("mixup and cutmix: what cannot be is refused", () => {
  using device = new Device("cpu", { threads: 1 });
  assertThrows(() => data.mixup({ alpha: 0 }), RangeError, "mixup(): Expected `alpha` above 0, got 0");
  assertThrows(() => data.cutmix({ alpha: 1, probability: 2 }), RangeError, "`probability` from 0 to 1, got 2");
  const other = { alpha: 1, prob: 0.5 } as data.MixOptions;
  assertThrows(() => data.mixup(other), TypeError, "Expected options among alpha, probability, classes, got `prob`");
  const { images, labels, index } = greys(device);
  using epoch = tensor(0, { dtype: "i32", device });
  const context = { seed: 0, epoch, index, classes: undefined };
  const batch = { images, inputs: images, labels, targets: labels };
  assertThrows(() => data.mixup({ alpha: 1 })(batch, context), TypeError, "give `classes`");
  const tokens = { ...batch, inputs: labels, images: labels };
  assertThrows(
    () => data.cutmix({ alpha: 1 })(tokens, context),
    TypeError,
    "Expected inputs as one tensor of f32 or f64",
  );
  for (const each of [images, labels, index]) each.dispose();
});

Deno.test("mixup and cutmix: f64 inputs with f32 targets, and what they refuse", async () => {
  using device = new Device("cpu", { threads: 1 });
  using images = tensor(Float64Array.of(0, 1, 2, 3), [4, 1, 1, 1], { device });
  using targets = tensor([[0], [1], [2], [3]], undefined, { device });
  using index = tensor(Int32Array.of(0, 1, 2, 3), [4], { device });
  using epoch = tensor(Int32Array.of(0), [], { device });
  const batch = { inputs: images, images, targets, labels: targets };
  const context = { seed: 0, epoch, index, classes: undefined };
  for (const transform of [data.mixup({ alpha: 1 }), data.cutmix({ alpha: 1 })]) {
    const [inputs, shares] = scope(() => {
      const made = transform(batch, context);
      return [made.inputs!, made.targets!];
    });
    // Each answer is the image's own grey, and stays so.
    const [greys, answers] = [await inputs!.data(), await shares!.data()];
    greys.forEach((grey, place) => assertAlmostEquals(answers[place]!, grey, 1e-6));
    inputs!.dispose();
    shares!.dispose();
  }
  const wrong = (value: unknown): never => value as never;
  // Draws of eight bits would be equal too often.
  using coarse = scope(() => images.to("bf16"));
  const mix = data.mixup({ alpha: 1 });
  const given = { ...batch, inputs: coarse, images: coarse };
  assertThrows(() => scope(() => void mix(given, context)), TypeError, "one tensor of f32 or f64, got bf16");
  assertThrows(() => data.mixup(wrong(undefined)), TypeError, "mixup(): Expected options, got undefined");
  const options = { alpha: 1, prob: 0.5 };
  assertThrows(() => data.cutmix(options), TypeError, "Expected options among alpha, probability, classes, got `prob`");
});
