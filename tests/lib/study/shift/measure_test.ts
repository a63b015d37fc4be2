/** Several models on the same moving images. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Canvases } from "../../../../lib/study/shift/canvases.ts";
import { shiftConsistency } from "../../../../lib/study/shift/consistency.ts";
import { shiftCurve } from "../../../../lib/study/shift/curves.ts";
import { data, Device, models, nn, StateError, study, type Tensor, tensor } from "../../../../mod.ts";
import { canvases, Column } from "./column.ts";

/** Two logits, 0 and the brightness of the whole window, which no shift changes where nothing leaves the view. */
class Brightness extends nn.Module {
  readonly seen: Tensor["shape"][] = [];

  override forward(x: Tensor): Tensor {
    this.seen.push(x.shape);
    const n = x.shape[0]!;
    const sum = x.reshape([n, x.size / n]).sum(1, { keepDims: true });
    return sum.mul(tensor([0, 1], [1, 2], { device: x.device }));
  }
}

Deno.test("measureShift: what each model gives alone, on windows that all models share", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 20);
  const columns = [new Column(2), new Column(1)];
  const states: study.ShiftProgress[] = [];
  const found = await study.measureShift(
    columns.map((model) => ({ label: `column ${model.column}`, model })),
    set,
    { size: 4, images: 2, seed: 3, bs: 8, onProgress: (state) => states.push(state) },
  );
  assertEquals(found.shifts, [-2, -1, 0, 1, 2]);
  assertEquals(found.images, [{ sample: 0, class: "0" }, { sample: 10, class: "0" }]);
  for (const [at, model] of columns.entries()) {
    const { label, curves, verticalCurves, means, map, ...consistency } = found.models[at]!;
    assertEquals(label, `column ${model.column}`);
    const windows = { size: 4, margin: 4, seed: 3 };
    assertEquals(consistency, await shiftConsistency(model, set.batches(8), windows));
    for await (const { images } of set.batches(1)) {
      const curve = await shiftCurve(model, images, { ...windows, label: 0 });
      assertEquals(curves, [curve, curve]);
      const down = await shiftCurve(model, images, { ...windows, label: 0, axis: "vertical" });
      assertEquals([verticalCurves, map], [[down, down], null]);
      assertEquals(means.horizontal.n, 20);
      means.horizontal.mean.forEach((value, shift) => assertAlmostEquals(value, curve[shift]!, 1e-12));
      break;
    }
  }
  const told = (stage: study.ShiftStage): number[][] =>
    states.filter((state) => state.stage === stage).map(({ model, done, total }) => [model, done, total]);
  assertEquals(told("consistency"), [0, 1].flatMap((model) => [8, 16, 20].map((done) => [model, done, 20])));
  assertEquals(told("curves").at(-1), [1, 20, 20]);
  assertEquals(states.at(-1)!.label, "column 1");
  const options = { size: 4, images: 2, seed: 3 };
  const again = await study.measureShift([{ label: "column 1", model: columns[1]! }], set, { ...options, bs: 3 });
  assertEquals(again.models, [found.models[1]!], "neither the batch size nor the other models change anything");
  const other = await study.measureShift([{ label: "column 1", model: columns[1]! }], set, { ...options, seed: 4 });
  assert(other.models[0]!.consistency !== found.models[0]!.consistency);
});

Deno.test("measureShift: without a size the images move in black, by a quarter of their width", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 3);
  const model = new Brightness();
  const found = await study.measureShift([{ label: "sum", model }], set, { limit: 2 });
  assertEquals(found.shifts, [-1, 0, 1]);
  assertEquals([found.images.map(({ sample }) => sample), found.models[0]!.n], [[0, 1], 2]);
  // The bright pixel stays in view wherever the window is.
  assertEquals([found.models[0]!.consistency, found.models[0]!.consistencyDiagonal], [1, 1]);
  for (const value of found.models[0]!.curves.flat()) assertAlmostEquals(value, 1 / (1 + Math.E), 1e-6);
  assertEquals(
    model.seen,
    [...[1, 2, 3, 4].map(() => [3, 8, 8, 1]), [8, 8, 8, 1]],
    "two images along two axes, then pairs",
  );
  assertEquals((await study.measureShift([{ label: "sum", model }], set, { shifts: 5, images: 1 })).shifts.length, 6);
  assertEquals([8, 28, 128, 224].map(study.shiftMargin), [2, 8, 32, 56]);
});

Deno.test("Canvases: black that comes into view is normalized with the rest", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 1);
  const normalize = { mean: [0.5], std: [0.25] };
  const { image, label } = await new Canvases(set, { shifts: 2 }).one(0, { dtype: "f32", normalize });
  using canvas = image;
  assertEquals([canvas.shape, label], [[1, 10, 10, 1], 0]);
  const values = [...await canvas.data()];
  assertEquals([values[0], values[4 * 10 + 4]], [-2, 2]);
  assertEquals(values.filter((value) => value !== -2).length, 1);
  const plain = await new Canvases(set, { size: 6 }).one(0, { dtype: "f64" });
  using larger = plain.image;
  assertEquals([larger.shape, larger.dtype, (await larger.data())[3 * 8 + 3]], [[1, 8, 8, 1], "f64", 1]);
});

Deno.test("measureShift: a model gets its own normalization and dtype", async () => {
  using device = new Device("cpu", { threads: 2 });
  const { train, valid } = await data.mnist({ device, limit: 12 });
  train.dispose();
  using set = valid;
  using f32 = models.mnistNet({ seed: 1, device });
  using f64 = models.mnistNet({ seed: 1, device, dtype: "f64" });
  const options = { images: 1, shifts: 2, bs: 12 };
  const found = await study.measureShift(
    [
      { label: "f32", model: f32 },
      { label: "f64", model: f64 },
      { label: "bf16", model: f32, dtype: "bf16" },
      { label: "normalized", model: f32, normalize: data.mnistStats },
    ],
    set,
    options,
  );
  const [a, b, c, d] = found.models.map(({ curves }) => curves[0]!);
  a!.forEach((value, at) => {
    assertAlmostEquals(value, b![at]!, 1e-5);
    assertAlmostEquals(value, c![at]!, 0.05);
  });
  assert(a!.some((value, at) => Math.abs(value - d![at]!) > 1e-3));
  const svg = study.shiftSvg(study.shiftFigure(found, { title: "digits" }));
  assertStringIncludes(svg, "image 0: 7");
  const percent = (100 * found.models[3]!.consistency).toFixed(2);
  assertStringIncludes(svg, `normalized: consistency ${percent} %`);
  assertEquals(svg.match(/<polyline /g)?.length, 4);
});

Deno.test("measureShift: leaves nothing behind, and a signal ends it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 6);
  const models = [{ label: "a", model: new Column(2) }];
  await study.measureShift(models, set, { size: 4 });
  const before = device.stats().handles;
  await study.measureShift(models, set, { size: 4 });
  const stop = new AbortController();
  const options = { size: 4, bs: 2, signal: stop.signal, onProgress: (): void => stop.abort(new Error("enough")) };
  await assertRejects(() => study.measureShift(models, set, options), Error, "enough");
  assertEquals(device.stats().handles, before);
});

Deno.test("measureShift: what does not fit is refused, naming both values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 2);
  const refused = async (options: study.MeasureShiftOptions, text: string): Promise<void> => {
    await assertRejects(() => study.measureShift([{ label: "a", model: new Column(1) }], set, options), Error, text);
  };
  await refused({ size: 8 }, "measureShift(): Expected `size` below the 8 pixels of the images, got 8");
  await refused({ size: 4, shifts: 2 }, "Expected no `shifts` with `size`, got 2: windows move by the 4 pixels");
  await refused({ shifts: 0 }, "Expected `shifts` as a whole number from 1 to 4096, got 0");
  await refused({ limit: 0 }, "Expected `limit` as a whole number from 1, got 0");
  await refused({ images: 0.5 }, "Expected `images` as a whole number from 1, got 0.5");
  await refused({ pairs: 0 }, "Expected `pairs` as a whole number from 1 to 1000, got 0");
  await refused({ square: -1 }, "Expected `square` as a whole number from 0 to 2048, got -1");
  await refused({ alpha: 0 }, "measureShift(): Expected `alpha` from 0.0001 to 0.5");
  await refused({ size: 4, square: 3 }, "Expected `square` up to 2, as images move by 4 pixels");
  await refused({ kind: "rolled" as "circular" }, 'Expected `kind` as cropped, circular or padded, got "rolled"');
  await refused({ kind: "cropped" }, "Expected `size` with `kind` cropped, got none: say which part of the 8 pixels");
  await refused({ kind: "circular", size: 4 }, "Expected no `size` with `kind` circular, got 4");
  await refused({ kind: "circular", shifts: 8 }, "Expected `shifts` below the 8 pixels of the images, got 8");
  await refused({ kind: "padded", shifts: 15 }, "Expected `shifts` up to 14 for images of 8 pixels, got 15");
  await refused({ squares: 1 } as study.MeasureShiftOptions, "got `squares`: it may be square that is meant");
  await assertRejects(() => study.measureShift([], set), RangeError, "Expected at least one model, got none");
  using others = data.fromArrays(
    { images: new Uint8Array(64), labels: [2], imageShape: [8, 8, 1], classes: 3 },
    { device },
  );
  await assertRejects(
    () => study.measureShift([{ label: "a", model: new Column(1) }], others),
    RangeError,
    "Expected images of the 2 classes that the model has logits for, got class 2",
  );
  const twice = [{ label: "a", model: new Column(1) }, { label: "a", model: new Column(2) }];
  await assertRejects(() => study.measureShift(twice, set), RangeError, 'Expected each label once, got "a" twice');
  const unnamed = [{ label: "a", model: new Column(1), layers: ["colum"] }];
  await assertRejects(
    () => study.measureShift(unnamed, set),
    RangeError,
    'Expected `layers` as paths of modules, got "colum"',
  );
  using wide = data.fromArrays({ images: new Uint8Array(6), labels: [0], imageShape: [2, 3, 1], classes: 1 }, {
    device,
  });
  await assertRejects(() => study.measureShift([], wide), RangeError, "Expected square images to move, got 2 x 3");
  class Broken extends nn.Module {
    override forward(x: Tensor): Tensor {
      return new Column(1).forward(x).sub(100).log();
    }
  }
  using regression = data.fromArrays(
    { images: new Uint8Array(64), targets: new Float32Array(1), imageShape: [8, 8, 1] },
    { device },
  );
  await assertRejects(
    () => study.measureShift([{ label: "a", model: new Column(1) }], regression),
    TypeError,
    "Expected data whose targets are classes, got values",
  );
  const broken = [{ label: "a", model: new Broken() }];
  await assertRejects(() => study.measureShift(broken, set), StateError, "Expected answers that are finite");
});
