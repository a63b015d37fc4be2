/** The family's sizes against fastai's own. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { models, scope, type Tensor, zeros } from "../../../mod.ts";
import { fastaiEntries } from "../../../lib/models/fastai.ts";

interface Family {
  readonly counts: { arch: models.ArchName; options: Partial<models.ModelOptions>; parameters: number }[];
  readonly names: {
    arch: models.ArchName;
    options: Partial<models.ModelOptions>;
    tensors: Record<string, number[]>;
  }[];
}

const family: Family = JSON.parse(
  await Deno.readTextFile(new URL("../../fixtures/fastai/family.json", import.meta.url)),
);

function parametersOf(model: models.XResNet): number {
  return [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
}

Deno.test("family: every member has fastai's number of parameters", () => {
  assertEquals(new Set(family.counts.map(({ arch }) => arch)), new Set(Object.keys(models.archs)));
  for (const { arch, options, parameters } of family.counts) {
    using model = models.archs[arch]({ classes: 10, ...options });
    assertEquals(parametersOf(model), parameters, `${arch} ${JSON.stringify(options)}`);
  }
});

Deno.test("family: the entry's network has 25,616,155 parameters", () => {
  using model = models.xseResnext50({ classes: 10, act: "mish", sa: true, pool: "maxblur" });
  assertEquals(parametersOf(model), 25_616_155);
});

for (const { arch, options, tensors } of family.names) {
  Deno.test(`family: ${arch} ${JSON.stringify(options)} has the tensors of fastai's state dict`, () => {
    using model = models.archs[arch]({ classes: 10, ...options });
    const own = fastaiEntries(model).map(({ name, shape }) => [name, shape] as const);
    assertEquals(own.toSorted(), Object.entries(tensors).toSorted());
    const paths = fastaiEntries(model).flatMap(({ path }) => path ?? []);
    assertEquals(paths.toSorted(), [...model.state().keys()].toSorted());
  });
}

Deno.test("family: fastai has no network without the stem's pool or of another stem", () => {
  const small = { classes: 10, widen: 0.125 };
  using bare = models.xresnet18({ ...small, stemPool: false });
  assertThrows(() => fastaiEntries(bare), Error, "got 3 and no pool");
  using short = models.xresnet18({ ...small, stem: [8, 8] });
  assertThrows(() => fastaiEntries(short), Error, "got 2 and a pool");
});

Deno.test("family: self-attention ends the first of the last four stages", () => {
  using model = models.xresnet18({ classes: 2, sa: true, widen: 0.125 });
  const paths = [...model.state().keys()].filter((path) => path.endsWith("gamma"));
  assertEquals(paths, ["stages.0.1.attention.gamma"]);
  using deep = new models.XResNet({
    classes: 2,
    sa: true,
    expansion: 1,
    blocks: [1, 1, 1, 1, 1],
    widths: [8, 8, 8, 8, 8],
  });
  assertEquals([...deep.state().keys()].filter((path) => path.endsWith("gamma")), ["stages.1.0.attention.gamma"]);
});

Deno.test("family: the seed decides the weights, and sa takes nothing from the blocks before it", async () => {
  const weights = async (seed: number, sa = false): Promise<ArrayLike<number>> => {
    using model = models.xresnet18({ classes: 2, widen: 0.125, seed, sa });
    return await model.state().get("stages.0.0.convs.0.conv.weight")!.data();
  };
  assertEquals(await weights(1), await weights(1));
  assertEquals(await weights(1, true), await weights(1));
  assertNotEquals(await weights(2), await weights(1));
});

Deno.test("family: an option that is undefined is one that was not given", () => {
  const small = { classes: 2, widen: 0.5 };
  using plain = models.xresnext18(small);
  using model = models.xresnext18({ ...small, groups: undefined, act: undefined, pool: undefined, widths: undefined });
  assertEquals(parametersOf(model), parametersOf(plain));
});

Deno.test("family: zeroGamma off starts every norm at weight 1", async () => {
  const ends = async (zeroGamma: boolean): Promise<number[]> => {
    using model = models.xresnet18({ classes: 2, widen: 0.125, zeroGamma });
    const found = [...model.state()].filter(([path]) => path.endsWith("convs.1.norm.weight"));
    return await Promise.all(found.map(async ([, value]: [string, Tensor]) => (await value.data())[0]!));
  };
  assertEquals(await ends(true), Array(8).fill(0));
  assertEquals(await ends(false), Array(8).fill(1));
});

Deno.test("family: what cannot be built is named", () => {
  assertThrows(
    () => models.xseResnext50({ classes: 10, widen: 0.1 }),
    RangeError,
    "Expected an inner width from 1, got ⌊6 · 4 / 64⌋ · 32 = 0: raise baseWidth",
  );
  assertThrows(() => models.xresnet18({ classes: 10, widen: 0 }), RangeError, "Expected `widen` above 0, got 0");
  assertThrows(
    () => models.xresnet18({ classes: 10, widen: 0.01 }),
    RangeError,
    "Expected widths from 1, got 64, 128, 256, 512 times 0.01: raise widen",
  );
});

Deno.test("family: odd sizes before a blurred shortcut are refused", () => {
  using model = models.xresnet18({ classes: 2, widen: 0.125, pool: "maxblur" });
  const message = "Expected images whose size stays even until the last stride with pool maxblur";
  scope(() => void assertThrows(() => model.forward(zeros([1, 72, 72, 3])), RangeError, message));
});
