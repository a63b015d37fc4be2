import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { shiftConsistency, shiftCurve, shiftPairs, widen } from "../../../lib/study/shift.ts";
import { Device, scope, tensor } from "../../../mod.ts";
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
  const agree = (pair: 0 | 1): number =>
    Array.from({ length: 50 }, (_, sample) => shiftPairs(sample, options)[pair])
      .filter(([a, b]) => answer(a) === answer(b)).length / 50;
  assertEquals(found, { consistency: agree(0), consistencyDiagonal: agree(1), n: 50 });
  assert(found.consistency > 0.4 && found.consistency < 0.95);
});

Deno.test("widen: has the images in the middle of zeros", async () => {
  using device = new Device("cpu", { threads: 1 });
  using images = tensor([1, 2, 3, 4], [1, 2, 2, 1], { device });
  using wide = scope(() => widen(images, 3));
  assertEquals(wide.shape, [1, 5, 5, 1]);
  assertEquals([...(await wide.data()).slice(5, 15)], [0, 1, 2, 0, 0, 0, 3, 4, 0, 0]);
});
