/** Layers of noise: masks, modes, and the counter as part of the state. */
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import {
  capture,
  Device,
  gradCheck,
  loadWeights,
  nn,
  ones,
  saveWeights,
  scope,
  StateError,
  type Tensor,
} from "../../../mod.ts";
import { readSafetensors } from "../../../lib/checkpoint/safetensors.ts";
import { tempFolder } from "../../temp_folder.ts";

const layers = { Dropout: nn.Dropout, StochasticDepth: nn.StochasticDepth };

/** What is left of ones, as text of 0 and 1. */
async function mask(layer: nn.Module, x: Tensor): Promise<string> {
  using y = scope(() => layer.forward(x));
  return [...await y.data()].map((value) => value === 0 ? "0" : "1").join("");
}

for (const [name, Layer] of Object.entries(layers)) {
  Deno.test(`${name}: masks differ by step, layer and seed, and are those of any dtype and number of threads`, async () => {
    const seen = new Set<string>();
    const draw = async (threads: number, dtype: "f32" | "f64" | "bf16"): Promise<string[]> => {
      using device = new Device("cpu", { threads });
      const init = new nn.KaimingInit({ seed: 5 });
      using first = new Layer({ p: 0.4, init, device });
      using second = new Layer({ p: 0.4, init, device });
      using other = new Layer({ p: 0.4, seed: 6, device });
      using x = ones([50_000, 1], { device, dtype });
      const masks: string[] = [];
      for (const layer of [first, first, second, other]) masks.push(await mask(layer, x));
      return masks;
    };
    const masks = await draw(1, "f32");
    for (const each of masks) seen.add(each);
    assertEquals(seen.size, 4);
    for (const [threads, dtype] of [[3, "f32"], [1, "f64"], [2, "bf16"]] as const) {
      assertEquals(await draw(threads, dtype), masks, dtype);
    }
    // Three standard errors.
    for (const each of masks) {
      const kept = each.replaceAll("0", "").length;
      assert(Math.abs(kept - 30_000) < 3 * Math.sqrt(50_000 * 0.4 * 0.6), `${kept} kept`);
    }
  });

  Deno.test(`${name}: the mean stays, whole values are kept or dropped, and the ends are right`, async () => {
    using device = new Device("cpu", { threads: 1 });
    using layer = new Layer({ p: 0.75, seed: 1, device });
    using x = ones([4000, 3], { device });
    using y = layer.forward(x);
    const values = await y.data() as Float32Array;
    assertEquals(new Set(values), new Set([0, 4]));
    if (name === "StochasticDepth") { for (let i = 0; i < 12_000; i += 3) assertEquals(values[i], values[i + 2]); }
    layer.p = 1;
    using none = layer.forward(x);
    assertEquals(new Set(await none.data()), new Set([0]));
    layer.p = 0;
    assertEquals(layer.forward(x), x);
    layer.p = 0.75;
    assertEquals(layer.eval().forward(x), x);
    // Neither p = 0 nor evaluation mode has drawn.
    assertEquals([...await layer.counter.data()], [1, 0, 2, 0]);
    for (const p of [-0.1, 1.1, Number.NaN, "0.5"]) {
      assertThrows(() => (layer.p = p as number), RangeError, `${name}(): Expected \`p\` from 0 to 1, got`);
      assertThrows(() => new Layer({ p: p as number, device }), RangeError, `${name}(): Expected \`p\` from 0 to 1`);
    }
    assertThrows(() => new Layer({ seed: 1.5, device }), RangeError, "Expected `seed` as a whole number");
    assertEquals(device.stats().handles, 4);
  });

  Deno.test(`${name}: gradients, first and through a recorded step`, async () => {
    using device = new Device("cpu", { threads: 1 });
    using layer = new Layer({ p: 0.5, seed: 2, device });
    // Each evaluation must have the same mask.
    const fixed = (x: Tensor): Tensor => {
      layer.counter.recovered();
      return layer.forward(x).mul(x);
    };
    using x = ones([6, 5], { device, dtype: "f64" });
    await gradCheck(fixed, [x]);
    using w = ones([40, 2], { device }).requireGrad();
    using step = capture((_: Tensor) => {
      const y = layer.forward(w);
      y.sum().backward();
      const gradient = w.grad!.clone();
      w.takeGrad()?.dispose();
      return { y, gradient };
    });
    const masks = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const { y, gradient } = step(w);
      assertEquals(await gradient.data(), await y.data());
      masks.add(String(await y.data()));
      y.dispose();
      gradient.dispose();
    }
    assertEquals([masks.size, step.recordings], [5, 1]);
  });
}

Deno.test("Dropout: a mode or probability that changes is recorded anew, with the draws going on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.Dropout({ p: 0.5, seed: 0, device });
  using x = ones([64], { device });
  using step = capture((x: Tensor) => layer.forward(x).mul(1));
  const run = async (): Promise<number[]> => {
    using y = step(x);
    return [...await y.data()].map(Number);
  };
  for (let i = 0; i < 4; i++) assert((await run()).includes(2));
  layer.p = 0.75;
  for (let i = 0; i < 4; i++) assert((await run()).includes(4));
  layer.eval();
  for (let i = 0; i < 4; i++) assertEquals(new Set(await run()), new Set([1]));
  assertEquals((await layer.counter.data())[2], 8);
});

Deno.test("RandomCounter: rand and randn of a recorded step are the eager ones, and refused where they would freeze", async () => {
  const run = async (recorded: boolean): Promise<unknown[]> => {
    using device = new Device("cpu", { threads: 2 });
    using counter = nn.RandomCounter.make({ seed: 4_294_967_295, stream: 3, device });
    const body = (x: Tensor): Tensor[] => [
      x.add(counter.rand(x.shape, { low: -1, high: 1 })),
      x.add(counter.randn(x.shape, { mean: 2, std: 0.5 })),
      counter.randn([3], { dtype: "bf16" }),
    ];
    const step = capture(body);
    using x = ones([500], { device });
    const found: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const results = recorded ? step(x) : scope(() => body(x));
      for (const result of results) found.push(await result.data());
      for (const result of results) result.dispose();
    }
    step.dispose();
    return found;
  };
  const eager = await run(false);
  assertEquals(await run(true), eager);
  assertEquals(new Set(eager.map(String)).size, 12);
  const [uniform, normal] = eager as Float32Array[];
  assert(uniform!.every((value) => value >= 0 && value < 2));
  const mean = normal!.reduce((sum, value) => sum + value, 0) / 500;
  assert(Math.abs(mean - 3) < 0.1, `${mean}`);
});

/** A network with dropout between its layers, or none. */
class Small extends nn.Module {
  readonly first: nn.Linear;
  readonly dropout: nn.Dropout | undefined;
  readonly last: nn.Linear;

  constructor(device: Device, { seed = 0, dropout = true } = {}) {
    super();
    const init = new nn.UniformInit({ seed });
    this.first = new nn.Linear(4, 8, { init, device });
    if (dropout) this.dropout = new nn.Dropout({ p: 0.5, init, device });
    this.last = new nn.Linear(8, 2, { init, device });
  }

  override forward(x: Tensor): Tensor {
    const y = this.first.forward(x);
    return this.last.forward(this.dropout?.forward(y) ?? y);
  }
}

Deno.test("Dropout: files of weights have no counters, and weights do not depend on the layer", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using device = new Device("cpu", { threads: 1 });
  using model = new Small(device);
  using plain = new Small(device, { dropout: false });
  assertEquals([...model.state().keys()].filter((name) => name.includes("counter")), ["dropout.counter"]);
  assertEquals(await model.last.weight.data(), await plain.last.weight.data());
  await saveWeights(model, path);
  assertEquals([...(await readSafetensors(path)).tensors.keys()].sort(), [...plain.state().keys()].sort());
  using other = new Small(device, { seed: 9 });
  using x = ones([2, 4], { device });
  other.forward(x).dispose();
  await loadWeights(other, path);
  await loadWeights(plain, path);
  assertEquals(await other.last.weight.data(), await model.last.weight.data());
  assertEquals([...await other.dropout!.counter.data()], [9, 0, 1, 0]);
  using wider = new nn.Linear(4, 8, { device });
  await assertRejects(() => loadWeights(wider, path), StateError, "first.");
});

Deno.test("summary: layers of noise are there, without parameters, and nothing is drawn", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Small(device);
  const row = nn.summaryRows(model, [3, 4]).find(({ kind }) => kind === "Dropout");
  assertEquals(row, {
    path: "dropout",
    kind: "Dropout",
    outputShape: [3, 8],
    outputShapes: [[3, 8]],
    parameters: 0,
    macs: 0,
  });
  assertEquals([...await model.dropout!.counter.data()], [0, 0, 0, 0]);
  assertNotEquals(model.training, false);
});

Deno.test("layers of noise and counters refuse options that they have not", () => {
  const wrong = (value: unknown): never => value as never;
  using device = new Device("cpu", { threads: 1 });
  using counter = nn.RandomCounter.make({ seed: 0, device });
  const cases: [() => unknown, string][] = [
    [
      () => new nn.Dropout(wrong({ rate: 0.1 })),
      "Dropout(): Expected options among p, seed, stream, init, device, dtype",
    ],
    [() => new nn.StochasticDepth(wrong({ P: 0.1 })), "StochasticDepth(): Expected options among p,"],
    [() => nn.RandomCounter.make(wrong(null)), "RandomCounter(): Expected options, got null"],
    [() => counter.rand([2], wrong({ min: 1 })), "rand(): Expected options among low, high, dtype, got `min`"],
    [() => counter.randn([2], wrong(null)), "randn(): Expected options, got null"],
  ];
  for (const [call, message] of cases) assertThrows(call, TypeError, message);
});
