import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { shiftConsistency, shiftCurve, shiftPairs, widened } from "../../../lib/study/shift.ts";
import { data, Device, nn, scope, type Tensor, tensor } from "../../../mod.ts";

/** Two classes by a column of the window: the second where its pixel in the middle row is bright. */
class Column extends nn.Module {
  readonly column: number;

  constructor(column: number) {
    super();
    this.column = column;
  }

  override forward(x: Tensor): Tensor {
    const [n = 0, height = 0, width = 0] = x.shape;
    const rows = x.reshape([n * height, width]).transpose().narrow(this.column, 1).reshape([n, height]);
    const bright = rows.sum(1, { keepDims: true });
    // Logits 0 and 10 · (brightness - 0.5).
    return bright.sub(0.5).mul(10).mul(tensor([0, 1], [1, 2], { device: x.device }));
  }
}

/** One bright pixel in each image, at row and column 3 of 8. */
function canvases(device: Device, n: number): data.Dataset {
  const images = new Uint8Array(64 * n);
  for (let image = 0; image < n; image++) images[64 * image + 3 * 8 + 3] = 255;
  return data.fromArrays({ images, labels: new Uint8Array(n), imageShape: [8, 8, 1], classes: 2 }, { device });
}

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

Deno.test("widened: has the images in the middle of zeros", async () => {
  using device = new Device("cpu", { threads: 1 });
  using images = tensor([1, 2, 3, 4], [1, 2, 2, 1], { device });
  using wide = scope(() => widened(images, 3));
  assertEquals(wide.shape, [1, 5, 5, 1]);
  assertEquals([...(await wide.data()).slice(5, 15)], [0, 1, 2, 0, 0, 0, 3, 4, 0, 0]);
});
