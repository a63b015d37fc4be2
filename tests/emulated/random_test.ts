/** Random numbers that are drawn on the emulated GPU: the CPU's. */
import { assertEquals } from "@std/assert";
import {
  capture,
  Device,
  LateError,
  nn,
  ones,
  optim,
  sampleDraws,
  type SampleDrawsOptions,
  scope,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { uniformDraw } from "../support/sample_draws.ts";
import { closedTo, emulator } from "./emulator.ts";

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

for (const [name, Layer] of Object.entries({ Dropout: nn.Dropout, StochasticDepth: nn.StochasticDepth })) {
  Deno.test(`cuda (emulated): ${name} gives the CPU's masks, call by call and recorded, and nothing is left`, async () => {
    const start = emulator.live();
    const masks = async (kind: "cpu" | "cuda", dtype: "f32" | "bf16", recorded: boolean): Promise<string[]> => {
      using device = new Device(kind);
      using layer = new Layer({ p: 0.4, seed: 5, device });
      // Of odd sizes, whole and from a row on that begins at no multiple of 16 bytes.
      const body = (x: Tensor): Tensor[] => [layer.forward(x), layer.forward(x.narrow(1, 6))];
      using step = capture(body);
      using x = ones([7, 5003], { device, dtype });
      const found: string[] = [];
      for (let i = 0; i < 4; i++) {
        for (const y of recorded ? step(x) : scope(() => body(x))) {
          found.push(String(await y.data()));
          y.dispose();
        }
      }
      found.push(String(await layer.counter.data()));
      return found;
    };
    for (const dtype of ["f32", "bf16"] as const) {
      const wanted = await masks("cpu", dtype, false);
      assertEquals(new Set(wanted).size, 9);
      assertEquals(await masks("cuda", dtype, false), wanted);
      assertEquals(await masks("cuda", dtype, true), wanted);
    }
    await closedTo(start);
  });
}

Deno.test("cuda (emulated): RandomCounter's uniform numbers are the CPU's bits; a failed step draws nothing", async () => {
  const run = async (kind: "cpu" | "cuda"): Promise<unknown[]> => {
    using device = new Device(kind);
    using model = new Noisy(device);
    using optimizer = optim.sgd().bind(model, { lr: 0.1 });
    using step = capture((x: Tensor) => {
      const y = x.mul(model.weight).add(model.counter.rand(x.shape, { low: -1 }));
      y.sum().backward();
      optimizer.step();
      return y;
    });
    using good = ones([100], { device });
    using bad = tensor([...Array<number>(99).fill(1), Number.NaN], undefined, { device });
    const found: unknown[] = [];
    for (const x of [good, good, good, bad, good]) {
      using y = step(x);
      try {
        found.push(String(await y.data()));
        await device.synchronize();
      } catch (error) {
        if (!(error instanceof LateError)) throw error;
        await device.recover();
        found.push("failed");
      }
      found.push(String(await model.counter.data()), String(await model.weight.data()));
    }
    return found;
  };
  const found = await run("cuda");
  assertEquals(found, await run("cpu"));
  assertEquals(found.filter((_, i) => i % 3 === 1), [1, 2, 3, 3, 4].map((draws) => `8,0,${draws},${draws}`));
});

class Noisy extends nn.Module {
  readonly counter: nn.RandomCounter;
  readonly weight: nn.Parameter;

  constructor(device: Device) {
    super();
    this.counter = nn.RandomCounter.make({ seed: 8, device });
    this.weight = nn.Parameter.of(ones([1], { device }));
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}
