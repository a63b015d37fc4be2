/** The blur filters of anti-aliased pools (Zhang 2019): what each does to one bright pixel, and that networks get them. */
import { assertEquals } from "@std/assert";
import { nn, recipe, tensor } from "../../../mod.ts";
import { Device } from "../../../lib/tensor/device.ts";

/** Each filter by its outer product, and how many taps lie before the pixel itself. */
const filters: readonly { filter: "rect2" | "tri3" | "bin5"; taps: readonly number[]; sum: number }[] = [
  { filter: "rect2", taps: [1, 1], sum: 2 },
  { filter: "tri3", taps: [1, 2, 1], sum: 4 },
  { filter: "bin5", taps: [1, 4, 6, 4, 1], sum: 16 },
];

Deno.test("blur: one bright pixel becomes the filter, of Rect-2, Tri-3 and Bin-5, by blur and by max blur pool", async () => {
  using device = new Device("cpu", { threads: 1 });
  const [size, at] = [9, 4];
  for (const { filter, taps, sum } of filters) {
    const pixels = new Float64Array(size * size);
    pixels[at * size + at] = 1;
    using x = tensor(pixels, [1, size, size, 1], { device, dtype: "f64" });
    using blur = new nn.BlurPool2d({ filter, stride: 1 });
    using y = blur.forward(x);
    // Output o sees inputs from o - (k - 1) / 2 on, so the filter stands around the pixel, mirrored.
    const before = taps.length - 1 - Math.floor((taps.length - 1) / 2);
    const tap = (place: number): number => taps[taps.length - 1 - (place - at + before)] ?? 0;
    const wanted = (row: number, column: number): number => tap(row) * tap(column) / (sum * sum);
    const rows = y.shape[1]!;
    const got = await y.data();
    const expected = Array.from({ length: rows * rows }, (_, place) => wanted(Math.floor(place / rows), place % rows));
    assertEquals([...got], expected, filter);
    assertEquals(expected.reduce((all, each) => all + each, 0), 1, `${filter}: nothing is lost`);
    // Where all is equal a max pool changes nothing, so the middle of the blurred image is as bright as before.
    using flat = tensor(new Float64Array(size * size).fill(0.75), [1, size, size, 1], { device, dtype: "f64" });
    using pool = new nn.MaxBlurPool2d({ stride: 2, filter });
    using pooled = pool.forward(flat);
    const [height = 0, width = 0] = pooled.shape.slice(1);
    assertEquals((await pooled.data())[Math.floor(height / 2) * width + Math.floor(width / 2)], 0.75, filter);
  }
});

Deno.test("blur: the setting model.blur reaches every pool of a network", () => {
  using device = new Device("cpu", { threads: 1 });
  for (const { filter } of filters) {
    const mine = recipe.preset("imagenette-128-5", { model: { name: "xresnet18", blur: filter } });
    const config = { ...mine, dtype: "f32", classes: 10, imageShape: [64, 64, 3] } as const;
    using model = recipe.buildModel(config, device);
    const pools = [...model.modules()].flatMap(([, module]) =>
      module instanceof nn.MaxBlurPool2d || module instanceof nn.BlurPool2d ? [module.filter] : []
    );
    assertEquals(pools, Array(4).fill(filter));
  }
});
