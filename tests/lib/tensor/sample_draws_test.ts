import { assert, assertEquals, assertThrows } from "@std/assert";
import { capture, Device, sampleDraws, type SampleDrawsOptions, type Tensor, tensor } from "../../../mod.ts";
import { betaDraw, uniformDraw } from "../../support/sample_draws.ts";

const samples = [0, 1, 7, 7, 59_999, -1, 2 ** 31 - 1, ...Array.from({ length: 300 }, (_, i) => 3 * i)];

async function draws(
  device: Device,
  index: readonly number[],
  { epoch, ...options }: Omit<SampleDrawsOptions, "epoch"> & { epoch: number },
): Promise<Float32Array<ArrayBuffer>> {
  using numbers = tensor(Int32Array.from(index), undefined, { device });
  using epochs = tensor(epoch, { dtype: "i32", device });
  using found = sampleDraws(numbers, { ...options, epoch: epochs });
  assertEquals(found.shape, [index.length, options.count ?? 1]);
  return await found.data() as Float32Array<ArrayBuffer>;
}

Deno.test("sampleDraws: the numbers of Philox, whatever the number of threads and the batch", async () => {
  using one = new Device("cpu", { threads: 1 });
  using four = new Device("cpu", { threads: 4 });
  const how = { seed: 4_294_967_295, epoch: 12, count: 3, first: 2 };
  const found = await draws(one, samples, how);
  const wanted = samples.flatMap((sample) => [2, 3, 4].map((draw) => uniformDraw({ ...how, sample, draw })));
  assertEquals([...found], wanted);
  assertEquals(await draws(four, samples, how), found);
  const turned = await draws(one, samples.toReversed(), { ...how, count: 1 });
  assertEquals([...turned].reverse(), wanted.filter((_, i) => i % 3 === 0));
});

Deno.test("sampleDraws: beta numbers are those of the definition", async () => {
  using one = new Device("cpu", { threads: 1 });
  using four = new Device("cpu", { threads: 4 });
  for (const beta of [[0.4, 0.4], [1, 1], [2.5, 0.1], [30, 4]] as const) {
    const how = { seed: 7, epoch: 0, count: 2, beta };
    const found = await draws(one, samples, how);
    assertEquals(await draws(four, samples, how), found);
    samples.flatMap((sample) => [0, 1].map((draw) => betaDraw({ ...how, sample, draw }, beta)))
      .forEach((wanted, at) => {
        // One step of f32, as the logarithms of V8 and libm may differ in the last bit of f64.
        assert(Math.abs(found[at]! - wanted) <= 2 ** -23 * wanted, `${beta}, ${at}: ${found[at]}, expected ${wanted}`);
      });
  }
});

Deno.test("sampleDraws: a recorded step draws what its own epoch and samples say", async () => {
  using device = new Device("cpu", { threads: 2 });
  const step = capture((index: Tensor, epoch: Tensor) => sampleDraws(index, { seed: 3, epoch, beta: [0.4, 0.4] }));
  for (let epoch = 0; epoch < 5; epoch++) {
    const index = [epoch, 5, 9];
    using numbers = tensor(Int32Array.from(index), undefined, { device });
    using epochs = tensor(epoch, { dtype: "i32", device });
    using found = step(numbers, epochs);
    assertEquals(await found.data(), await draws(device, index, { seed: 3, epoch, beta: [0.4, 0.4] }));
  }
  step.dispose();
});

Deno.test("sampleDraws: wrong arguments are named", () => {
  using device = new Device("cpu", { threads: 1 });
  using index = tensor([1, 2], { dtype: "i32", device });
  using epoch = tensor(0, { dtype: "i32", device });
  const refused = (change: object, text: string): void => {
    assertThrows(() => sampleDraws(index, { seed: 0, epoch, ...change }), Error, text);
  };
  refused({ seed: 0.5 }, "Expected `seed` as a whole number, got 0.5");
  refused({ seed: undefined }, "Expected `seed` as a whole number, got undefined");
  refused({ epoch: 3 }, "Expected `epoch` as a Tensor, got 3");
  refused({ epoch: index }, "Expected `epoch` of shape []");
  refused({ count: 0 }, "Expected `count` as a whole number from 1");
  refused({ beta: [0.4, 0] }, "Expected `beta` as two numbers above 0, got [0.4, 0]");
  refused({ beta: 0.4 }, "Expected `beta` as two numbers above 0, got 0.4");
  using floats = tensor([1, 2], { device });
  assertThrows(() => sampleDraws(floats, { seed: 0, epoch }), TypeError, "Expected `index` of dtype i32, got f32");
});
