/** Random numbers that are drawn on the emulated GPU: the CPU's. */
import { assertEquals } from "@std/assert";
import { Device, sampleDraws, type SampleDrawsOptions, tensor } from "../../mod.ts";
import { uniformDraw } from "../support/sample_draws.ts";
import "./emulator.ts";

const samples = [0, 5, 5, -1, 2 ** 31 - 1, ...Array.from({ length: 2000 }, (_, i) => 7 * i)];

async function draws(device: Device, options: Omit<SampleDrawsOptions, "epoch">): Promise<Float32Array<ArrayBuffer>> {
  using index = tensor(Int32Array.from(samples), undefined, { device });
  using epoch = tensor(3, { dtype: "i32", device });
  using found = sampleDraws(index, { ...options, epoch });
  return await found.data() as Float32Array<ArrayBuffer>;
}

Deno.test("cuda (emulated): sampleDraws gives the CPU's bits", async () => {
  using cpu = new Device("cpu", { threads: 2 });
  using cuda = new Device("cuda");
  const how = { seed: 42, count: 2, first: 1 };
  const uniform = await draws(cuda, how);
  assertEquals(
    [...uniform],
    samples.flatMap((sample) => [1, 2].map((draw) => uniformDraw({ seed: 42, epoch: 3, sample, draw }))),
  );
  for (const beta of [undefined, [0.4, 0.4], [1, 1], [2.5, 0.1], [1e-4, 1e-4]] as const) {
    assertEquals(await draws(cuda, { ...how, beta }), await draws(cpu, { ...how, beta }), String(beta));
  }
});
