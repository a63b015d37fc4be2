import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { shiftConsistency } from "../../../../lib/study/shift/consistency.ts";
import { meanCurve, shiftCurve } from "../../../../lib/study/shift/curves.ts";
import { cornerOf, shiftPairs, shiftsOf, widen, wrap } from "../../../../lib/study/shift/windows.ts";
import { Device, scope, study, tensor } from "../../../../mod.ts";
import { canvases, Column } from "./column.ts";

Deno.test("shiftCurve: what moves to the right is seen further right, in one batch", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 1);
  for await (const { images } of set.batches(1)) {
    const curve = await shiftCurve(new Column(2), images, { size: 4, margin: 4, label: 1 });
    const sure = 1 / (1 + Math.exp(-5));
    // Windows begin at columns 4, 3, 2, 1, 0: only in the one at 1 is the pixel of column 3 at place 2.
    [0, 0, 0, 1, 0].forEach((there, shift) => assertAlmostEquals(curve[shift]!, there ? sure : 1 - sure, 1e-6));
    await assertRejects(
      () => shiftCurve(new Column(2), images, { size: 5, margin: 4, label: 1 }),
      RangeError,
      "Expected images of 9 x 9 to move windows in, got 8 x 8",
    );
  }
});

Deno.test("shiftPairs: follow from seed and sample, fill the margin, and a diagonal pair stays on the diagonal", () => {
  const options = { margin: 6, seed: 3 };
  assertEquals(shiftPairs(5, options), shiftPairs(5, options));
  assertNotEquals(shiftPairs(5, options), shiftPairs(6, options));
  assertNotEquals(shiftPairs(5, options), shiftPairs(5, { margin: 6, seed: 4 }));
  const places = Array.from({ length: 700 }, (_, sample) => shiftPairs(sample, options));
  assert(places.every(([, diagonal]) => diagonal.every(({ x, y }) => x === y)));
  assert(places.some(([[a]]) => a.x !== a.y));
  for (let place = 0; place <= 6; place++) {
    const count = places.filter(([[a]]) => a.x === place).length;
    assert(count > 60 && count < 140, `${place}: ${count} of 700, expected about 100`);
  }
});

Deno.test("shiftConsistency: is the share of images whose two windows get one answer", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 50);
  const options = { size: 4, margin: 4, seed: 1 };
  const found = await shiftConsistency(new Column(2), set.batches(16), options);
  const answer = ({ y, x }: { y: number; x: number }): boolean => x === 1 && y <= 3;
  const places = Array.from({ length: 50 }, (_, sample) => shiftPairs(sample, options));
  const agree = (pair: 0 | 1): number[] =>
    places.map((pairs) => Number(answer(pairs[pair][0]) === answer(pairs[pair][1])));
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertEquals([found.agreement, found.agreementDiagonal], [agree(0), agree(1)]);
  assertEquals([found.consistency, found.consistencyDiagonal, found.n], [mean(agree(0)), mean(agree(1)), 50]);
  assert(found.consistency > 0.4 && found.consistency < 0.95);
  const right = places.flatMap((pairs) => pairs.flat().map((corner) => Number(!answer(corner))));
  assertEquals(found.top1, mean(right), "every image is of the first class");
  const { low, high } = study.proportion(agree(0).filter(Boolean).length, 50);
  assertAlmostEquals(found.consistencyInterval.low, low, 1e-12);
  assertAlmostEquals(found.consistencyInterval.high, high, 1e-12);
});

Deno.test("shiftConsistency: several pairs of an image are shares of it, and the first is the one alone", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 30);
  const options = { size: 4, margin: 4, seed: 1 };
  const one = await shiftConsistency(new Column(2), set.batches(7), options);
  const five = await shiftConsistency(new Column(2), set.batches(7), { ...options, pairs: 5 });
  const answer = ({ y, x }: { y: number; x: number }): boolean => x === 1 && y <= 3;
  const wanted = Array.from({ length: 30 }, (_, sample) =>
    [0, 1, 2, 3, 4].filter((pair) => {
      const [[a, b]] = shiftPairs(sample, { ...options, pair });
      return answer(a) === answer(b);
    }).length / 5);
  assertEquals(five.agreement, wanted);
  assert(wanted.some((share) => share > 0 && share < 1));
  assert(one.agreement.every((share, image) => share === 1 ? five.agreement[image]! > 0 : five.agreement[image]! < 1));
  const width = ({ low, high }: study.Interval): number => high - low;
  assert(width(five.consistencyInterval) < width(one.consistencyInterval), "more is known of each image");
  await assertRejects(
    () => shiftConsistency(new Column(2), set.batches(7), { ...options, pairs: 0 }),
    RangeError,
    "Expected `pairs` as a whole number from 1 to 1000, got 0",
  );
});

Deno.test("widen: has the images in the middle of zeros", async () => {
  using device = new Device("cpu", { threads: 1 });
  using images = tensor([1, 2, 3, 4], [1, 2, 2, 1], { device });
  using wide = scope(() => widen(images, 3));
  assertEquals(wide.shape, [1, 5, 5, 1]);
  assertEquals([...(await wide.data()).slice(5, 15)], [0, 1, 2, 0, 0, 0, 3, 4, 0, 0]);
});

Deno.test("wrap: has what leaves the images on one side on the other", async () => {
  using device = new Device("cpu", { threads: 1 });
  using images = tensor([1, 2, 3, 4], [1, 2, 2, 1], { device });
  using wide = scope(() => wrap(images, 3));
  assertEquals(wide.shape, [1, 5, 5, 1]);
  assertEquals([...await wide.data()], [
    ...[4, 3, 4, 3, 4],
    ...[2, 1, 2, 1, 2],
    ...[4, 3, 4, 3, 4],
    ...[2, 1, 2, 1, 2],
    ...[4, 3, 4, 3, 4],
  ]);
  using narrow = scope(() => wrap(images, 1));
  assertEquals([...await narrow.data()], [1, 2, 1, 3, 4, 3, 1, 2, 1]);
});

Deno.test("cornerOf: a window further left and above shows what is seen further right and below", () => {
  assertEquals(cornerOf({ dy: 0, dx: 0 }, 5), { y: 2, x: 2 });
  assertEquals(cornerOf({ dy: 2, dx: -3 }, 5), { y: 0, x: 5 });
  assertEquals(shiftsOf(5), [-3, -2, -1, 0, 1, 2]);
  assertEquals(shiftsOf(4), [-2, -1, 0, 1, 2]);
});

Deno.test("shiftCurve: down as to the right, in windows as few at a time as are wanted", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = canvases(device, 1);
  for await (const { images } of set.batches(1)) {
    using turned = scope(() => images.transpose([0, 2, 1, 3]));
    const options = { size: 4, margin: 4, label: 1 };
    // The pixel that is looked at lies in the middle row of the image and of its transpose alike, and in column 2.
    class Row extends Column {
      override forward(x: Parameters<Column["forward"]>[0]): ReturnType<Column["forward"]> {
        return super.forward(x.transpose([0, 2, 1, 3]));
      }
    }
    const right = await shiftCurve(new Column(2), images, options);
    assertEquals(await shiftCurve(new Row(2), turned, { ...options, axis: "vertical", bs: 2 }), right);
    assertEquals(await shiftCurve(new Column(2), images, { ...options, bs: 3 }), right);
    await assertRejects(
      () => shiftCurve(new Column(2), images, { ...options, axis: "sideways" as "vertical" }),
      RangeError,
      'Expected `axis` as horizontal or vertical, got "sideways"',
    );
  }
});

Deno.test("meanCurve: mean and Student's band over images, within 0 and 1", () => {
  const { mean, low, high, n } = meanCurve([[0.9, 0.2], [1, 0.4], [0.98, 0.6]], 0.05);
  assertEquals([mean.map((value) => value.toFixed(4)), n], [["0.9600", "0.4000"], 3]);
  const { t } = study.summary([0.2, 0.4, 0.6]);
  assertAlmostEquals(low![1]!, Math.max(0, t!.low), 1e-12);
  assertAlmostEquals(high![1]!, t!.high, 1e-12);
  assertEquals(high![0], 1);
  assertEquals(meanCurve([[0.5]], 0.05), { mean: [0.5], low: null, high: null, n: 1 });
});
