/** How far features are from moving with the image. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { cellShares } from "../../../../lib/study/shift/alignment.ts";
import { layersOf } from "../../../../lib/study/shift/layers.ts";
import {
  concat,
  data,
  Device,
  models,
  nn,
  noGrad,
  scope,
  StateError,
  study,
  type Tensor,
  tensor,
} from "../../../../mod.ts";
import { noise, RingNet } from "./ring.ts";

/** Whatever rounding in f32 leaves of 0. */
const ROUNDING = 1e-6;

function layerOf(model: study.ModelShift, name: string): study.LayerShift {
  return model.map!.layers.find(({ layer }) => layer === name)!;
}

Deno.test("measureShift: a network that cannot mind shifts on a torus is wholly consistent, its features move along", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 60);
  using model = new RingNet({ device });
  const options = { kind: "circular", shifts: 11, square: 5, mapImages: 6, pairs: 3, seed: 5 } as const;
  const { models: [found], shifts } = await study.measureShift([{ label: "ring", model }], set, options);
  assertEquals([found!.consistency, found!.consistencyDiagonal], [1, 1]);
  assert(found!.agreement.every((share) => share === 1));
  assertLess(found!.consistencyInterval.low, 1, "60 images are not all images");
  const answers: number[] = [];
  for await (const { images } of set.batches(60)) {
    using given = scope(() => noGrad(() => model.forward(images).argmax()));
    answers.push(...await given.data() as Int32Array);
  }
  assertGreater(new Set(answers).size, 1, "which is no merit of one that says the same of everything");
  assertEquals(shifts.length, 12, "every shift of 12 pixels");
  for (const curve of [...found!.curves, ...found!.verticalCurves]) {
    for (const value of curve) assertAlmostEquals(value, curve[0]!, 1e-3);
  }
  const { layers, probability } = found!.map!;
  assertEquals(layers.map(({ layer, kind, shape, downsampling }) => [layer, kind, shape, downsampling]), [
    ["first.conv", "Conv2d", [12, 12, 6], 1],
    ["second.conv", "Conv2d", [12, 12, 8], 1],
    ["head", "Linear", [4], null],
    ["probabilities", "softmax", [4], null],
  ]);
  for (const { layer, map, distance, between } of layers) {
    for (const value of map.flat()) assertLess(value, ROUNDING, layer);
    assertLess(distance, ROUNDING);
    assertGreater(between!, 100 * ROUNDING, "different images have different features");
  }
  for (const value of probability.flat()) assertAlmostEquals(value, probability[0]![0]!, 1e-3);
});

/** A max pool of stride 1, a blur [1 2 1] on the torus, then every second value. */
class RingBlur extends nn.Module {
  override forward(x: Tensor): Tensor {
    const moved = (y: Tensor, axis: number, by: number): Tensor => {
      const side = y.shape[axis]!;
      const part = (start: number, size: number): Tensor =>
        y.slice(y.shape.map((_, at) => at === axis ? start : 0), y.shape.with(axis, size));
      const at = (by + side) % side;
      return at === 0 ? y : concat([part(at, side - at), part(0, at)], axis);
    };
    const dense = moved(x, 1, 1).maximum(x);
    const largest = moved(dense, 2, 1).maximum(dense);
    const blurred = [1, 2].reduce(
      (y, axis) => moved(y, axis, -1).add(y.affine(2, 0)).add(moved(y, axis, 1)).affine(0.25, 0),
      largest,
    );
    const [n = 0, h = 0, w = 0, c = 0] = blurred.shape;
    return blurred.reshape([n, h / 2, 2, w / 2, 2, c]).slice([0, 0, 0, 0, 0, 0], [n, h / 2, 1, w / 2, 1, c])
      .reshape([n, h / 2, w / 2, c]);
  }
}

Deno.test("measureShift: a network that halves its maps moves with even shifts alone, less of odd ones with blur", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 24);
  using max = new RingNet({ device, pool: new nn.MaxPool2d({ kernel: 2 }) });
  using rect = new RingNet({ device, pool: new RingBlur() });
  const options = { kind: "circular", shifts: 8, square: 4, mapImages: 8 } as const;
  const { models: [plain, blurred] } = await study.measureShift(
    [{ label: "max", model: max }, { label: "blur", model: rect }],
    set,
    options,
  );
  for (const name of ["pool", "second.conv", "head", "probabilities"]) {
    const { map } = layerOf(plain!, name);
    for (const [y, row] of map.entries()) {
      for (const [x, value] of row.entries()) {
        if (x % 2 === 0 && y % 2 === 0) assertLess(value, ROUNDING, `${name}, ${y - 4} down and ${x - 4} to the right`);
        else assertGreater(value, ROUNDING, `${name}, ${y - 4} down and ${x - 4} to the right`);
      }
    }
  }
  assertLess(layerOf(plain!, "first.conv").distance, ROUNDING, "what comes before the pool moves by any shift");
  assertEquals([layerOf(plain!, "pool").downsampling, layerOf(plain!, "pool").shape], [2, [6, 6, 6]]);
  for (const name of ["pool", "second.conv", "head"]) {
    const [before, after] = [layerOf(plain!, name), layerOf(blurred!, name)];
    assertLess(after.distance / after.between!, before.distance / before.between!, name);
    assertLessOrEqual(before.interval!.low, before.distance);
    assertLessOrEqual(before.distance, before.interval!.high);
  }
  const odd = layerOf(plain!, "probabilities").map;
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertAlmostEquals(
    layerOf(plain!, "probabilities").distance,
    mean(odd.flat().filter((_, place) => place !== 40)),
    1e-7,
    "a layer's distance is the mean of its map but for the middle",
  );
});

Deno.test("measureShift: blur pools keep features of digits nearer to moving along than max pools, untrained", async () => {
  using device = new Device("cpu", { threads: 2 });
  const { train, valid } = await data.mnist({ device, limit: 96 });
  train.dispose();
  using set = valid;
  using blur = models.mnistNet({ pool: "maxblur", seed: 0, device });
  using max = models.mnistNet({ pool: "max", seed: 0, device });
  const both = [{ label: "max", model: max }, { label: "blur", model: blur }];
  const { models: [plain, blurred], comparisons } = await study.measureShift(both, set, {
    ...{ shifts: 8, square: 2, mapImages: 6, images: 1, meanImages: 2 },
  });
  assertEquals(plain!.map!.layers.map(({ layer }) => layer), [
    ...["stem.0", "stem.1", "stem.2", "stemPool", "stages.0.0", "stages.1.0", "head", "probabilities"],
  ]);
  for (const name of ["stemPool", "stages.1.0"]) {
    assertLess(layerOf(blurred!, name).distance, layerOf(plain!, name).distance, name);
  }
  for (const name of ["stem.0", "stem.2"]) {
    assertEquals(layerOf(blurred!, name).map, layerOf(plain!, name).map, "before the pools they are the same network");
  }
  assertEquals(comparisons.map(({ baseline, other, measure, n }) => [baseline, other, measure, n]), [
    ["max", "blur", "consistency", 96],
    ["max", "blur", "consistencyDiagonal", 96],
  ]);
  const [axes] = comparisons;
  assertAlmostEquals(axes!.mean, blurred!.consistency - plain!.consistency, 1e-12);
  assertGreater(blurred!.consistency, plain!.consistency);
});

/** Maps of 4 and 5 cells a side: the one does not divide every shift of 12 pixels, the other not even the pixels. */
class Coarse extends nn.Module {
  readonly four: nn.Conv2d;
  readonly five = new nn.AdaptiveAvgPool2d({ size: 5 });
  readonly head: nn.Linear;

  constructor(device: Device) {
    super();
    this.four = new nn.Conv2d(1, 3, {
      kernel: 3,
      stride: 3,
      padding: 0,
      device,
      init: new nn.KaimingInit({ seed: 3 }),
    });
    this.head = new nn.Linear(4, 4, { device, init: new nn.KaimingInit({ seed: 4 }) });
  }

  override forward(x: Tensor): Tensor {
    const means = [this.four.forward(x), this.five.forward(x)].map((y) => y.mean([1, 2]));
    return this.head.forward(concat(means, 1));
  }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, at) => sum + value * y[at]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The mean over images and pixels of 1 - cos between the moved enlarged map and the enlarged map of the moved image. */
async function byDefinition(
  layer: nn.Module,
  set: data.Dataset,
  { kind, down, right, device }: { kind: "circular" | "padded"; down: number; right: number; device: Device },
): Promise<number> {
  const side = set.imageShape[0];
  const originOf = (y: number, x: number): [number, number] | undefined => {
    const [row, column] = [y - down, x - right];
    if (kind === "circular") return [(row + side) % side, (column + side) % side];
    return row >= 0 && row < side && column >= 0 && column < side ? [row, column] : undefined;
  };
  const enlarged = async (pixels: readonly number[]): Promise<(y: number, x: number) => number[]> => {
    using given = scope(() => noGrad(() => layer.forward(tensor(pixels, [1, side, side, 1], { device }))));
    const [, h = 0, w = 0, c = 0] = given.shape;
    const values = await given.data();
    return (y, x) => {
      const cell = Math.floor(y * h / side) * w + Math.floor(x * w / side);
      return Array.from({ length: c }, (_, channel) => Number(values[cell * c + channel]));
    };
  };
  const places = Array.from({ length: side * side }, (_, place) => [Math.floor(place / side), place % side] as const);
  const distances: number[] = [];
  for await (const { images } of set.batches(1)) {
    const pixels = Array.from(await images.data());
    const moved = places.map(([y, x]) => {
      const origin = originOf(y, x);
      return origin === undefined ? 0 : pixels[origin[0] * side + origin[1]]!;
    });
    const [still, shifted] = [await enlarged(pixels), await enlarged(moved)];
    for (const [y, x] of places) {
      const origin = originOf(y, x);
      if (origin !== undefined) distances.push(1 - cosine(still(...origin), shifted(y, x)));
    }
  }
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
}

Deno.test("measureShift: features are compared as defined, by maps enlarged to the image and moved there", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 3);
  using model = new Coarse(device);
  for (const kind of ["circular", "padded"] as const) {
    const { models: [found] } = await study.measureShift([{ label: "coarse", model }], set, {
      ...{ kind, shifts: 6, square: 3, mapImages: 3, bs: 2 },
    });
    for (const [name, layer] of [["four", model.four], ["five", model.five]] as const) {
      for (const [down, right] of [[2, -1], [-3, 3], [0, 1]] as const) {
        const value = layerOf(found!, name).map[3 + down]![3 + right]!;
        assertAlmostEquals(value, await byDefinition(layer, set, { kind, down, right, device }), 1e-5);
        // A cell is three pixels wide: by so much it moves along.
        if (name === "four") assert(down === -3 ? value < ROUNDING : value > 1e-3);
      }
      const { distance, interval } = layerOf(found!, name);
      if (name === "four") assert(interval!.low < distance && distance < interval!.high);
    }
  }
});

Deno.test("measureShift: where there are no features there is no distance, and all of it from some", async () => {
  using device = new Device("cpu", { threads: 1 });
  // Black left of the middle, white right of it.
  const pixels = Uint8Array.from({ length: 64 }, (_, place) => place % 8 >= 4 ? 255 : 0);
  using set = data.fromArrays({ images: pixels, labels: [0], imageShape: [8, 8, 1], classes: 2 }, { device });
  class Same extends nn.Module {
    readonly tiny = new nn.Activation("relu");
    readonly same = new nn.Activation("relu");
    override forward(x: Tensor): Tensor {
      // Squares of what is so small are 0 in f32.
      this.tiny.forward(x.affine(1e-30, 0));
      const mean = this.same.forward(x).mean([1, 2]);
      return concat([mean, mean.affine(-1, 1)], 1);
    }
  }
  const { models: [found] } = await study.measureShift([{ label: "same", model: new Same() }], set, {
    ...{ kind: "circular", shifts: 4, square: 2 },
  });
  for (const name of ["same", "tiny"]) {
    assertEquals(layerOf(found!, name).map.flat().filter((value) => value !== 0), [], name);
  }
  assertEquals([layerOf(found!, "same").between, layerOf(found!, "same").interval], [null, null]);
  // In black that comes in, a layer that does not move with its input: what it says stands still.
  const edge = new Float32Array(64).map((_, place) => place % 8 >= 4 ? 1 : 0);
  class Still extends nn.Module {
    readonly still = new Fixed(edge, device);
    override forward(x: Tensor): Tensor {
      const mean = this.still.forward(x).mean([1, 2]);
      return concat([mean, mean], 1);
    }
  }
  const { models: [still] } = await study.measureShift([{ label: "still", model: new Still() }], set, {
    ...{ kind: "circular", shifts: 4, square: 2 },
  });
  const [middle] = [layerOf(still!, "still").map[2]!];
  // Moved by one, one column of eight on either edge is white in one of the two alone; by two, two columns.
  middle.forEach((value, at) => assertAlmostEquals(value, [0.5, 0.25, 0, 0.25, 0.5][at]!, 1e-6));
});

/** The same map whatever comes in. */
class Fixed extends nn.Module {
  readonly #map: Float32Array<ArrayBuffer>;
  readonly #device: Device;

  constructor(map: Float32Array<ArrayBuffer>, device: Device) {
    super();
    this.#map = map;
    this.#device = device;
  }

  override forward(x: Tensor): Tensor {
    return concat(Array.from({ length: x.shape[0]! }, () => tensor(this.#map, [1, 8, 8, 1], { device: this.#device })));
  }
}

Deno.test("cellShares: pixels by the cells they lie in before and after a shift", () => {
  const shares = (options: Parameters<typeof cellShares>[0]): number[] =>
    [...cellShares(options)].map((share) => Math.round(1000 * share) / 1000);
  const rows = { cells: 2, side: 4, circular: true };
  assertEquals(shares({ ...rows, shift: 0 }), [0.5, 0, 0, 0.5]);
  assertEquals(shares({ ...rows, shift: 1 }), [0.25, 0.25, 0.25, 0.25]);
  assertEquals(shares({ ...rows, shift: 2 }), [0, 0.5, 0.5, 0]);
  assertEquals(shares({ ...rows, shift: -2 }), [0, 0.5, 0.5, 0]);
  assertEquals(shares({ ...rows, shift: 2, circular: false }), [0, 0, 1, 0], "the right half shows what the left did");
  assertEquals(shares({ ...rows, shift: -3, circular: false }), [0, 1, 0, 0]);
  assertEquals(shares({ cells: 1, side: 4, shift: 3, circular: false }), [1]);
  for (const shift of [-5, -1, 0, 2, 6]) {
    const all = cellShares({ cells: 3, side: 7, shift, circular: shift > 0 });
    assertAlmostEquals(all.reduce((sum, share) => sum + share, 0), 1, 1e-6);
  }
});

Deno.test("layersOf: blocks and layers of the families, of another network what has nothing inside", () => {
  using device = new Device("cpu", { threads: 1 });
  const paths = (model: nn.Module): string[] => [...layersOf(model).keys()];
  {
    using vgg = new models.Vgg({ classes: 3, stages: [[4], [6, 6]], hidden: [5], seed: 0, device });
    const features = [1, 2, 4, 6, 7].map((at) => `features.layers.${at}`);
    assertEquals(paths(vgg), [
      ...features,
      "pool",
      "classifier.layers.1",
      "classifier.layers.2",
      "classifier.layers.4",
    ]);
    assertEquals(vgg.features.layers.map((layer) => layer.constructor.name), [
      ...["Conv2d", "BatchNorm2d", "MaxPool2d", "Conv2d", "BatchNorm2d", "Conv2d", "BatchNorm2d", "MaxPool2d"],
    ], "a convolution before its norm is no layer of its own");
    assertEquals([...layersOf(vgg, ["features", "pool"]).keys()], ["features", "pool"]);
  }
  using ring = new RingNet({ device });
  assertEquals(paths(ring), ["first.conv", "second.conv", "head"]);
});

Deno.test("measureShift: layers that are named, and one that is called twice", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 4);
  class Twice extends RingNet {
    readonly act = new nn.Activation("relu");
    override forward(x: Tensor): Tensor {
      this.act.forward(x);
      return this.act.forward(super.forward(x));
    }
  }
  using model = new Twice({ device });
  const own = Object.getOwnPropertyDescriptor(model.act, "forward");
  const options = { kind: "circular", shifts: 2, square: 1, mapImages: 2 } as const;
  const named = [{ label: "a", model, layers: ["second", "act"] }];
  const { models: [found] } = await study.measureShift(named, set, options);
  assertEquals(found!.map!.layers.map(({ layer, shape }) => [layer, shape]), [
    ["act", [12, 12, 1]],
    ["second", [12, 12, 8]],
    ["act #2", [4]],
    ["probabilities", [4]],
  ]);
  assertEquals(Object.getOwnPropertyDescriptor(model.act, "forward"), own, "each has its own forward again");
  class Several extends nn.Module {
    readonly two = new Two();
    override forward(x: Tensor): Tensor {
      const [mean] = this.two.forward(x);
      return concat([mean!, mean!, mean!, mean!], 1);
    }
  }
  await assertRejects(
    () => study.measureShift([{ label: "a", model: new Several(), layers: ["two"] }], set, options),
    TypeError,
    'Expected the layer "two" to give a tensor [n, h, w, c] or [n, k], got others: leave it out',
  );
  const { models: [several] } = await study.measureShift([{ label: "a", model: new Several() }], set, options);
  assertEquals(several!.map!.layers.map(({ layer }) => layer), ["probabilities"]);
});

/** Two tensors. */
class Two extends nn.Module<Tensor, Tensor[]> {
  override forward(x: Tensor): Tensor[] {
    return [x.mean([1, 2]), x];
  }
}

Deno.test("measureShift: features that are not finite are told, and a map leaves nothing behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 4);
  using model = new RingNet({ device });
  const options = { kind: "circular", shifts: 4, square: 1, mapImages: 3, bs: 2 } as const;
  const whole = await study.measureShift([{ label: "a", model }], set, options);
  const before = device.stats().handles;
  const again = await study.measureShift([{ label: "a", model }], set, { ...options, bs: 3 });
  assertEquals(again.models[0]!.map, whole.models[0]!.map, "to the bit, however many images are compared at a time");
  const stop = new AbortController();
  await assertRejects(
    () =>
      study.measureShift([{ label: "a", model }], set, {
        ...options,
        signal: stop.signal,
        onProgress: ({ stage }) => stage === "map" && stop.abort(new Error("enough")),
      }),
    Error,
    "enough",
  );
  assertEquals(device.stats().handles, before);
  class Broken extends RingNet {
    readonly log = new nn.Activation("relu");
    override forward(x: Tensor): Tensor {
      this.log.forward(x.affine(1, -2).log());
      return super.forward(x);
    }
  }
  using broken = new Broken({ device });
  await assertRejects(
    () => study.measureShift([{ label: "a", model: broken }], set, options),
    StateError,
    "Expected features that are finite",
  );
});
