/** VGG-11 with batch norm: torchvision's size and first weights, shapes, folding, a step. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { crossEntropy, Device, models, nn, noGrad, optim, randn, recipe, scope, tensor } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";

const pools = models.vggPools;

/** Four narrow stages; it takes images from 16 x 16. */
const narrow = { classes: 3, stages: [[4], [6], [8, 8], [8]], seed: 1 } as const;

function parametersOf(model: nn.Module): number {
  return [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
}

Deno.test("vgg11_bn: torchvision's number of parameters with its head, and without", () => {
  using device = new Device("cpu", { threads: 2 });
  {
    using model = models.vgg11Bn({ classes: 10, headSize: 7, hidden: [4096, 4096], seed: 0, device });
    // Of torchvision 0.29: vgg11_bn(num_classes=10), and of its features alone.
    assertEquals(parametersOf(model), 128_812_810);
    assertEquals(parametersOf(model.features), 9_225_984);
  }
  using model = models.vgg11Bn({ classes: 10, pool: "maxblur", seed: 0, device });
  assertEquals(parametersOf(model), 9_225_984 + 512 * 10 + 10);
  const widths = [...model.modules()].flatMap(([, layer]) => layer instanceof nn.Conv2d ? [layer.weight.shape[0]] : []);
  assertEquals(widths, [64, 128, 256, 256, 512, 512, 512, 512]);
});

Deno.test("vgg11_bn: first weights are torchvision's, and follow from the seed", async () => {
  using device = new Device("cpu", { threads: 2 });
  const make = (seed: number): models.Vgg => models.vgg11Bn({ classes: 10, hidden: [64], seed, device });
  using model = make(3);
  using again = make(3);
  using other = make(4);
  const numbers = async (of: models.Vgg, path: string): Promise<Float32Array> =>
    await of.namedParameters().get(path)!.data() as Float32Array;
  const path = "features.layers.3.weight";
  assertEquals(await numbers(model, path), await numbers(again, path));
  assert((await numbers(model, path))[0] !== (await numbers(other, path))[0]);
  for (const [name, parameter] of model.namedParameters()) {
    const values = await numbers(model, name);
    const rms = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    const [out = 0, kh = 0, kw = 0] = parameter.shape;
    // Weights of norms are 1; every bias is 0; of 576 numbers and more the deviation is known to some per cent.
    if (parameter.shape.length === 4) assertAlmostEquals(rms / Math.sqrt(2 / (out * kh * kw)), 1, 0.08, name);
    else if (parameter.shape.length === 2) assertAlmostEquals(rms / 0.01, 1, 0.08, name);
    else assert(values.every((value) => value === (name.endsWith("weight") ? 1 : 0)), name);
  }
});

for (const pool of pools) {
  Deno.test(`vgg with ${pool}: shapes at 64, 96 and 128 pixels, and at odd ones`, () => {
    using device = new Device("cpu", { threads: 2 });
    using model = new models.Vgg({ ...narrow, stages: [[4], [4], [4, 4], [8, 8], [8, 8]], pool, device }).eval();
    for (const [height, width] of [[64, 64], [96, 96], [128, 128], [33, 47], [32, 32]] as const) {
      noGrad(() =>
        scope(() => {
          const x = randn([2, height, width, 3], { seed: 0, device });
          const features = model.features.forward(x);
          assertEquals(features.shape, [2, height >> 5, width >> 5, 8]);
          assertEquals(model.forward(x).shape, [2, 3]);
        })
      );
    }
    assertThrows(
      () => scope(() => void model.forward(randn([1, 64, 31, 3], { seed: 0, device }))),
      RangeError,
      "Vgg(): Expected images from 32 x 32, as each stage halves them, got 64 x 31: take larger images or fewer stages",
    );
    assertThrows(
      () => scope(() => void model.forward(randn([1, 64, 64, 1], { seed: 0, device }))),
      TypeError,
      "Conv2d(3, 4)",
    );
  });

  Deno.test(`vgg with ${pool}: twenty steps lower the loss of a fixed batch, with either head`, async () => {
    using device = new Device("cpu", { threads: 2 });
    for (const head of [{}, { headSize: 2, hidden: [16], dropout: 0 }]) {
      using model = new models.Vgg({ ...narrow, ...head, pool, device });
      const optimizer = optim.adamw({ wd: 0 }).bind(model);
      using images = randn([6, 32, 32, 3], { seed: 5, device });
      using labels = tensor(Int32Array.of(0, 1, 2, 0, 1, 2), [6], { device });
      const losses: number[] = [];
      for (let step = 0; step < 20; step++) {
        using loss = scope(() => crossEntropy(model.forward(images), labels));
        losses.push(await loss.item());
        loss.backward();
        optimizer.lr = 1e-2;
        optimizer.step();
      }
      optimizer.dispose();
      assertLess(losses.at(-1)!, 0.5 * losses[0]!, `${losses}`);
    }
  });

  Deno.test(`vgg with ${pool}: with norms folded it gives the same answers`, async () => {
    using device = new Device("cpu", { threads: 2 });
    using model = new models.Vgg({ ...narrow, hidden: [16], pool, device });
    using x = randn([2, 32, 32, 3], { seed: 6, device });
    // Statistics other than 0 and 1, and biases too.
    for (const [name, parameter] of model.namedParameters()) {
      if (!name.endsWith("bias")) continue;
      using bias = randn(parameter.shape, { seed: 7, std: 0.1, device });
      noGrad(() => parameter.assign(bias));
    }
    noGrad(() => scope(() => void model.forward(x)));
    model.eval();
    using plain = noGrad(() => model.forward(x));
    using _folded = nn.foldNorms(model);
    using folded = noGrad(() => model.forward(x));
    assertClose(await folded.data(), await plain.data(), { atol: 2e-5, rtol: 2e-5 }, "logits");
  });
}

Deno.test("vgg: options that do not fit say so", () => {
  const cases: [Partial<models.VggOptions>, string][] = [
    [{ classes: 0 }, "Vgg(): Expected `classes` as a whole number from 1, got 0"],
    [{ pool: "avg" as never }, 'Vgg(): Expected `pool` as max or maxblur, got "avg"'],
    [{ stages: [] }, "Vgg(): Expected `stages` as the channels of the convolutions of each, got []"],
    [{ stages: [[4], []] }, "Vgg(): Expected `stages[1]` with at least one convolution, got none"],
    [{ stages: [[4], [0]] }, "Vgg(): Expected `stages[1][0]` as a whole number from 1, got 0"],
    [{ headSize: 0 }, "Vgg(): Expected `headSize` as a whole number from 1, got 0"],
    [{ hidden: [1.5] }, "Vgg(): Expected `hidden[0]` as a whole number from 1, got 1.5"],
    [{ dropout: 2 }, "Vgg(): Expected `dropout` from 0 to 1, got 2"],
    [{ widths: [4] } as object, "Vgg(): Expected options among"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new models.Vgg({ ...narrow, ...options }), Error, message);
  }
});

Deno.test("vgg11_bn: a recipe chooses it, and what it has in common with the preset's network stays", () => {
  const mine = recipe.preset("imagenette-128-5", { model: { name: "vgg11_bn", act: "relu", pool: "max" } });
  assertEquals(mine.model, { name: "vgg11_bn", act: "relu", pool: "max" });
  assertEquals(recipe.preset("imagenette-128-5", { model: { name: "vgg11_bn" } }).model, {
    name: "vgg11_bn",
    act: "mish",
    pool: "maxblur",
  });
  using device = new Device("cpu", { threads: 2 });
  const model = { name: "vgg11_bn", stages: [[4], [8]], headSize: 2, hidden: [8], dropout: 0.1 };
  using made = recipe.buildModel(
    { ...recipe.preset("mnist", { model }), dtype: "f32", classes: 10, imageShape: [28, 28, 1] },
    device,
  );
  // 1 to 4 and 4 to 8 channels with their norms, then 2 · 2 · 8 to 8 to 10.
  assertEquals(parametersOf(made), 4 * 9 + 4 + 8 + 8 * 36 + 8 + 16 + 32 * 8 + 8 + 80 + 10);
});
