/** The xresnet family: sizes as fastai's, shapes, and options that do not fit. */
import { assertEquals, assertThrows } from "@std/assert";
import { Device, models, nn, scope, type Tensor, tensor, zeros } from "../../../mod.ts";

function count(model: nn.Module): number {
  return [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
}

Deno.test("xresnet: as many parameters as fastai's with 10 classes", () => {
  const fastai = { xresnet18: 11_200_874, xresnet34: 21_309_034, xresnet50: 23_547_754, xseResnext50: 25_550_618 };
  // A device of its own, which ends without drawing the many random numbers that are enqueued.
  using device = new Device("cpu", { threads: 1 });
  for (const [name, parameters] of Object.entries(fastai)) {
    using model = models[name as keyof typeof fastai]({ classes: 10, device });
    assertEquals(count(model), parameters, name);
  }
});

Deno.test("xresnet: logits of every kind of pool and block, in training and evaluation", () => {
  using device = new Device("cpu", { threads: 1 });
  const small = { device, stem: [4, 4, 8], widths: [16, 16], blocks: [1, 2], classes: 5 };
  const kinds: Partial<models.XResNetOptions>[] = [
    { pool: "max" },
    { pool: "avg", act: "mish" },
    { pool: "maxblur", reduction: 16, form: "se" },
    { stemPool: false, stemStride: 1 },
    { expansion: 4, form: "resnext", groups: 4, baseWidth: 32, reduction: 16 },
  ];
  for (const options of kinds) {
    using model = new models.XResNet({ ...small, expansion: 1, ...options });
    for (const training of [true, false]) {
      model.train(training);
      using y = scope(() => model.forward(zeros([2, 32, 32, 3], { device })));
      assertEquals(y.shape, [2, 5], JSON.stringify(options));
    }
  }
  assertEquals(device.stats().handles, 0);
});

Deno.test("xresnet: the seed decides the weights; the last norm of each block starts at 0", async () => {
  const make = (seed: number, zeroGamma?: boolean): models.XResNet => models.mnistNet({ seed, zeroGamma });
  using a = make(0);
  using b = make(0, false);
  using c = make(1);
  const read = async (model: models.XResNet, name: string): Promise<number[]> =>
    Array.from(await model.state().get(name)!.data());
  for (const name of ["head.weight", "stem.0.conv.weight", "stages.1.0.shortcut.conv.weight"]) {
    assertEquals(await read(a, name), await read(b, name), name);
    assertEquals(String(await read(a, name)) === String(await read(c, name)), false, name);
  }
  const last = "stages.0.0.convs.1.norm.weight";
  assertEquals(new Set(await read(a, last)), new Set([0]));
  assertEquals(new Set(await read(b, last)), new Set([1]));
});

Deno.test("xresnet: with zero norms a block without stride hands its input on through the activation", async () => {
  using device = new Device("cpu", { threads: 1 });
  const options = {
    device,
    seed: 0,
    classes: 2,
    inChannels: 1,
    stem: [4],
    stemStride: 1,
    stemPool: false,
    expansion: 1,
  };
  using model = new models.XResNet({ ...options, widths: [4], blocks: [1] });
  using x = tensor(Float32Array.from({ length: 64 }, (_, i) => i % 7 - 3), [1, 4, 4, 4], { device });
  const values = async (make: () => Tensor): Promise<number[]> => {
    using y = scope(make);
    return Array.from(await y.data());
  };
  assertEquals(await values(() => model.stages[0]![0]!.forward(x)), await values(() => x.relu()));
});

Deno.test("xresnet: options that do not fit say so", () => {
  const base = { classes: 10, blocks: [1], expansion: 1 };
  const cases: [Partial<models.XResNetOptions>, string][] = [
    [{ classes: 0 }, "XResNet(): Expected `classes` as a whole number from 1, got 0"],
    [{ classes: 2.5 }, "got 2.5"],
    [{ pool: "min" as never }, 'XResNet(): Expected `pool` as max, maxblur or avg, got "min"'],
    [{ blocks: [1, 1, 1, 1, 1] }, "XResNet: Expected a width for each of 5 stages"],
    [{ blocks: [] }, "XResNet: Expected a width for each of 0 stages"],
    [{ stem: [] }, "and a stem"],
    [
      { form: "resnext", widths: [8], baseWidth: 4 },
      "XResNet: Expected an inner width from 1, got ⌊8 · 4 / 64⌋ · 1 = 0",
    ],
    [{ groups: 3 }, "Conv2d(): Expected channels that 3 groups divide"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new models.XResNet({ ...base, ...options }), RangeError, message);
  }
  using model = models.xresnet18({ classes: 2, pool: "maxblur", stem: [4, 4, 4], widths: [4, 4, 4, 4] });
  const message = "XResNet: Expected images whose size stays even until the last stride with pool maxblur, got 7 x 7";
  assertThrows(() => scope(() => void model.forward(zeros([1, 28, 28, 3]))), RangeError, message);
});

Deno.test("xresnet: an undefined option takes the default", () => {
  using device = new Device("cpu", { threads: 1 });
  using given = models.mnistNet({ device });
  using undefinedOnes = models.mnistNet({
    device,
    pool: undefined,
    act: undefined,
    widths: undefined,
    dtype: undefined,
  });
  assertEquals([...undefinedOnes.state().keys()], [...given.state().keys()]);
  assertEquals(undefinedOnes.stemPool instanceof nn.MaxBlurPool2d, true);
});
