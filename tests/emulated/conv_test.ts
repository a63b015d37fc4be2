/** Who computes a convolution on the emulated GPU: every engine gives the values, and a plan makes the same choice again. */
import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { applyOne } from "../../lib/tensor/apply.ts";
import { conv2d, Device, randn, scope, type Tensor, zeros } from "../../mod.ts";
import { opRows, readOpCases } from "../support/op_cases.ts";
import { runFixtures, throwFailures } from "../support/op_fixtures.ts";
import { emulator } from "./emulator.ts";

const FORCED = "LIBTRAIN_CUDA_CONV";

/** Runs a body with an engine forced. */
async function forced<T>(engine: string, body: () => T | Promise<T>): Promise<T> {
  Deno.env.set(FORCED, engine);
  try {
    return await body();
  } finally {
    Deno.env.delete(FORCED);
  }
}

/** What launches tell of each engine. */
const LAUNCHED: Readonly<Record<string, RegExp>> = {
  cudnn: /^cudnn_/,
  gemm: /^cublaslt_matmul$/,
  own: /^cudnn_/, // the stored cases have no shape of the own kernels
  direct: /^conv2d_direct_/,
};

for (const [engine, launched] of Object.entries(LAUNCHED)) {
  Deno.test(`cuda (emulated): convolutions by ${engine}, as PyTorch's`, async () => {
    await forced(engine, async () => {
      for (const row of opRows.filter(({ name }) => name.startsWith("conv2d"))) {
        emulator.reset();
        const variant = `cuda by ${engine}`;
        const under = { name: "cuda", variant, dtypes: ["f32", "bf16"], open: () => new Device("cuda") } as const;
        throwFailures(await runFixtures(row, await readOpCases(row.name), under));
        const names = Object.keys(emulator.launchesByName());
        assert(names.some((name) => launched.test(name)), `${row.name}() by ${engine} launched ${names}`);
      }
    });
  });
}

interface Shape {
  n: number;
  h: number;
  w: number;
  c: number;
  groups: number;
  stride: number;
}

/** A 3x3 convolution and both gradients, as values in f32. */
async function passes(device: Device, dtype: FloatName, shape: Shape): Promise<Float32Array[]> {
  const { n, h, w, c, groups, stride } = shape;
  const [height, width] = [h, w];
  const window = { strideH: stride, strideW: stride, paddingH: 1, paddingW: 1, groups };
  const [oh, ow] = [Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1];
  const results = scope(() => {
    const given = (sizes: number[], seed: number): Tensor => randn(sizes, { device, seed }).to(dtype);
    const [x, weight, dy] = [given([n, h, w, c], 1), given([c, 3, 3, c / groups], 2), given([n, oh, ow, c], 3)];
    return [
      applyOne("conv2d", [x, weight], window).to("f32"),
      applyOne("conv2d_backward_input", [dy, weight], { height, width, ...window }).to("f32"),
      applyOne("conv2d_backward_weight", [x, dy], { kernelH: 3, kernelW: 3, ...window }).to("f32"),
    ];
  });
  const values: Float32Array[] = [];
  for (const result of results) {
    values.push(await result.data() as Float32Array);
    result.dispose();
  }
  return values;
}

/** Channels a group from 4 to 32; images that fill a tile, that do not, and of which a tile has several. */
const GROUPED: readonly Shape[] = [
  { n: 2, h: 16, w: 16, c: 32, groups: 8, stride: 1 },
  { n: 3, h: 9, w: 7, c: 32, groups: 4, stride: 2 },
  { n: 1, h: 18, w: 35, c: 32, groups: 2, stride: 1 },
  { n: 9, h: 4, w: 4, c: 64, groups: 2, stride: 1 },
  { n: 2, h: 33, w: 17, c: 32, groups: 1, stride: 2 },
];

for (const shape of GROUPED) {
  const { n, h, w, c, groups, stride } = shape;
  const name = `${n} x ${h} x ${w}, ${c / groups} of ${c} channels a group, stride ${stride}`;
  Deno.test(`cuda (emulated): own kernels for grouped convolutions: ${name}`, async () => {
    using cpu = new Device("cpu", { threads: 1 });
    const expected = await passes(cpu, "bf16", shape);
    using device = new Device("cuda");
    emulator.reset();
    const got = await forced("own", () => passes(device, "bf16", shape));
    const kernels = Object.keys(emulator.launchesByName()).filter((name) => name.startsWith("conv2d_grouped"));
    assertEquals(kernels.length, 4, `${kernels}`);
    for (const [pass, values] of got.entries()) {
      const wanted = expected[pass]!;
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // One rounding to bf16 on either side, and sums in another order.
      const wrong = values.findIndex((value, i) =>
        !(Math.abs(value - wanted[i]!) <= Math.abs(wanted[i]!) / 120 + largest * 1e-5)
      );
      assertEquals(wrong, -1, `pass ${pass}: ${values[wrong]} for ${wanted[wrong]} at ${wrong}`);
    }
    const again = await forced("own", () => passes(device, "bf16", shape));
    assertEquals(again, got);
  });
}

Deno.test("cuda (emulated): a plan that was taken over is used, and nothing is timed again", async () => {
  const shape = { n: 2, h: 8, w: 8, c: 16, groups: 1, stride: 1 };
  const searches = (): number =>
    Object.entries(emulator.callsByName()).filter(([name]) => name.startsWith("cudnnFind"))
      .reduce((sum, [, count]) => sum + count, 0);
  emulator.reset();
  using first = new Device("cuda");
  assertEquals(first.plan(), "");
  const values = await passes(first, "bf16", shape);
  assertEquals(searches(), 3);
  const plan = first.plan();
  assertStringIncludes(
    plan,
    "\nconvolution input bf16 image 2 8 8 16 weight 16 3 3 stride 1 1 padding 1 1 groups 1 = ",
  );
  emulator.reset();
  using second = new Device("cuda");
  second.usePlan(plan);
  assertEquals(await passes(second, "bf16", shape), values);
  assertEquals(searches(), 0);
  assertEquals(second.plan(), plan);
  // Of another kind of GPU: left alone.
  using third = new Device("cuda");
  third.usePlan(plan.replace("cuDNN ", "cuDNN 1"));
  assertEquals(third.plan(), "");
  assertThrows(() => third.usePlan(`${plan}and more\n`), RangeError, 'got the line "and more" in it');
});

Deno.test("cuda (emulated): the own kernels, cuDNN and products are timed where several can compute", async () => {
  using device = new Device("cuda");
  emulator.reset();
  await passes(device, "bf16", GROUPED[0]!);
  const launches = emulator.launchesByName();
  assertGreater(launches["cudnn_forward"] ?? 0, 1);
  assertGreater(launches["conv2d_grouped_forward_16_1_bf16"] ?? 0, 1);
  using x = zeros([2, 4, 4, 8], { device });
  using weight = zeros([8, 1, 1, 8], { device });
  using y = conv2d(x, weight);
  await y.data();
  assertGreater(emulator.launchesByName()["cublaslt_matmul"] ?? 0, 1);
});

const SEARCH = "cudnnFindConvolutionForwardAlgorithmEx";

Deno.test("cuda (emulated): a search that fails means that cuDNN has none, and the plan says why", async () => {
  const shape = { n: 1, h: 10, w: 3, c: 8, groups: 1, stride: 1 };
  using cpu = new Device("cpu", { threads: 1 });
  const [expected] = await passes(cpu, "f32", shape);
  using device = new Device("cuda");
  emulator.reset();
  emulator.failFunction(SEARCH, 1);
  const [got] = await passes(device, "f32", shape);
  emulator.reset();
  for (const [i, value] of got!.entries()) assert(Math.abs(value - expected![i]!) < 1e-4, `${value} at ${i}`);
  const lines = device.plan().split("\n").filter((line) => line.includes("convolution forward"));
  assertEquals(lines.length, 2);
  assertStringIncludes(lines.join("\n"), "padding 1 1 groups 1: the search failed: CUDNN_STATUS_");
  assertStringIncludes(lines.join("\n"), "padding 1 1 groups 1 = direct");
  // What was chosen is read again, with the remarks left aside.
  using other = new Device("cuda");
  other.usePlan(device.plan());
  assertStringIncludes(other.plan(), "= direct");
  // A device that is lost is no refusal.
  using lost = new Device("cuda");
  emulator.failFunction(SEARCH, 1, { code: 700, forever: true });
  const error = await assertRejects(() => passes(lost, "f32", { ...shape, h: 11 }));
  emulator.reset();
  assert(lost.plan() === "" && error instanceof Error, `${lost.plan()}`);
  assertStringIncludes(`${error}`, "CUDA_ERROR_ILLEGAL_ADDRESS");
});

Deno.test("cuda (emulated): what one device has chosen, the next of the process takes over", async () => {
  const shape = { n: 2, h: 11, w: 5, c: 16, groups: 1, stride: 1 };
  using first = new Device("cuda");
  const values = await passes(first, "bf16", shape);
  emulator.reset();
  using second = new Device("cuda");
  assertEquals(second.plan(), "");
  assertEquals(await passes(second, "bf16", shape), values);
  assertEquals(Object.keys(emulator.callsByName()).filter((name) => name.startsWith("cudnnFind")), []);
  assertEquals(second.plan(), first.plan());
  // An earlier run's choice comes before.
  const plan = first.plan().replaceAll(/= .*$/gm, "= direct");
  using third = new Device("cuda");
  third.usePlan(plan);
  await passes(third, "bf16", shape);
  assertEquals(third.plan(), plan);
});
