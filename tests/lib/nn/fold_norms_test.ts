/** Batch norms folded into the convolutions before them: the same answers in fewer passes, always of the weights as they are. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  type Captured,
  crossEntropy,
  Device,
  evaluate,
  type FloatName,
  LateError,
  models,
  nn,
  noGrad,
  optim,
  randn,
  scope,
  StateError,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { conv2dBiasAct } from "../../../lib/tensor/ops/conv2d_bias_act.ts";
import { timedCalls } from "../../../lib/tensor/profile.ts";

/** Gives every norm weights and statistics as a training leaves them. */
function trained<Model extends nn.Module>(model: Model): Model {
  let seed = 1;
  const put = (target: Tensor, mean: number, spread: number): void => {
    const { device, shape } = target;
    const dtype = target.dtype as FloatName;
    noGrad(() =>
      scope(() => void target.assign(randn(shape, { seed: seed++, device, dtype }).tanh().affine(spread, mean)))
    );
  };
  for (const [, module] of model.modules()) {
    if (module instanceof nn.SimpleSelfAttention) module.gamma.fill(0.5);
    if (!(module instanceof nn.BatchNorm2d)) continue;
    put(module.weight, 1, 0.5);
    put(module.bias, 0, 0.3);
    put(module.runningMean, 0.1, 0.3);
    put(module.runningVariance, 1, 0.8);
  }
  return model.eval();
}

async function answers(model: nn.Module, x: Tensor): Promise<Float64Array> {
  using y = noGrad(() => scope(() => model.forward(x).to("f32")));
  return Float64Array.from(await y.data());
}

/** The largest difference over the largest value. */
function distance(a: Float64Array, b: Float64Array): number {
  assertEquals(a.length, b.length);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0) / largest;
}

/** How often ops of a name run in a body. */
async function calls(device: Device, op: string, body: () => void): Promise<number> {
  return (await timedCalls(device, body)).filter((call) => call.op === op).length;
}

const small = { stem: [4, 4, 8], widths: [16, 16], blocks: [1, 2], classes: 5, expansion: 1, seed: 0 };

const kinds: Readonly<Record<string, Partial<models.XResNetOptions>>> = {
  "max pools": { pool: "max", act: "relu" },
  "average pools": { pool: "avg", act: "mish" },
  "blur pools and squeeze-and-excitation": { pool: "maxblur", reduction: 16, form: "se", act: "silu" },
  "no stem pool": { stemPool: false, stemStride: 1, act: "gelu" },
  "self-attention": { sa: true, act: "mish" },
  "groups": { expansion: 4, form: "resnext", groups: 4, baseWidth: 32, act: "mish" },
  "groups and squeeze-and-excitation": { expansion: 4, form: "resnext", groups: 4, baseWidth: 32, reduction: 16 },
};

for (const [kind, options] of Object.entries(kinds)) {
  Deno.test(`foldNorms: a network with ${kind} gives the answers of separate passes, in one pass a norm`, async () => {
    using device = new Device("cpu", { threads: 2 });
    using model = trained(new models.XResNet({ ...small, ...options, device }));
    using x = randn([3, 33, 32, 3], { seed: 7, device });
    using even = randn([3, 32, 32, 3], { seed: 7, device });
    const images = options.pool === "maxblur" ? even : x;
    const norms = [...model.modules()].filter(([, module]) => module instanceof nn.BatchNorm2d).length;
    const separate = await answers(model, images);
    using narrow = images.to("bf16");
    const separateNarrow = await answers(model, narrow);
    const before = device.stats().handles;
    {
      using _folded = nn.foldNorms(model);
      assert(distance(await answers(model, images), separate) < 2e-5, "f32");
      assertEquals(device.stats().handles, before + 2 * norms);
      // Each of the two rounds on its own; where fewer passes round, it is no further from the f32 answers.
      const error = distance(await answers(model, narrow), separate);
      assert(error < 2 * distance(separateNarrow, separate) + 0.01, `bf16: ${error}`);
      assertEquals(device.stats().handles, before + 2 * norms);
      const forward = (): void => noGrad(() => scope(() => void model.forward(images)));
      forward();
      assertEquals(await calls(device, "conv2d_bias_act", forward), norms);
      assertEquals(await calls(device, "batch_norm_eval", forward), 0);
    }
    assertEquals(device.stats().handles, before);
    assertEquals(await answers(model, images), separate, "to the bit, once nothing is folded");
  });
}

Deno.test("foldNorms: in f64 the answers agree to f64", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = trained(new models.XResNet({ ...small, device, dtype: "f64", act: "mish" }));
  using x = randn([2, 16, 16, 3], { seed: 7, device, dtype: "f64" });
  const read = async (): Promise<Float64Array> => {
    using y = noGrad(() => scope(() => model.forward(x)));
    return Float64Array.from(await y.data());
  };
  const separate = await read();
  using _folded = nn.foldNorms(model);
  assert(distance(await read(), separate) < 1e-12);
});

/** A convolution with a bias, a norm and what follows, one behind the other. */
function chain(device: Device): nn.Sequential {
  return trained(
    new nn.Sequential(
      new nn.Conv2d(3, 8, { stride: 2, device, init: new nn.UniformInit({ seed: 1 }) }),
      new nn.BatchNorm2d(8, { act: "relu", device }),
      new nn.Conv2d(8, 8, { groups: 4, device, init: new nn.UniformInit({ seed: 2 }) }),
      new nn.BatchNorm2d(8, { device, eps: 1e-3 }),
      new nn.Activation("tanh"),
      new nn.Conv2d(8, 4, { device, init: new nn.UniformInit({ seed: 3 }) }),
    ),
  );
}

Deno.test("foldNorms: a convolution right before a norm in a Sequential, its bias with it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  const separate = await answers(model, x);
  using _folded = nn.foldNorms(model);
  const forward = (): void => noGrad(() => scope(() => void model.forward(x)));
  forward();
  assertEquals(await calls(device, "conv2d_bias_act", forward), 2);
  assertEquals(await calls(device, "conv2d", forward), 1);
  assert(distance(await answers(model, x), separate) < 1e-5);
});

Deno.test("foldNorms: what is written, replaced or stepped is folded anew, and nothing else", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  const [conv, norm] = model.layers as [nn.Conv2d, nn.BatchNorm2d];
  const forward = (): void => noGrad(() => scope(() => void model.forward(x)));
  const changes: [string, number, () => void][] = [
    ["nothing", 0, () => {}],
    ["a weight", 1, () => conv.weight.assign(conv.weight.mul(0.5))],
    ["a bias of the convolution", 1, () => conv.bias!.fill(0.25)],
    ["a weight of the norm", 1, () => norm.weight.fill(0.75)],
    ["a bias of the norm", 1, () => norm.bias.fill(-0.5)],
    ["a mean", 1, () => norm.runningMean.fill(0.5)],
    ["a variance", 1, () => norm.runningVariance.fill(0.3)],
    ["another parameter in the place", 1, () => {
      conv.weight.dispose();
      conv.weight = nn.Parameter.of(randn([8, 3, 3, 3], { seed: 9, device }));
    }],
    ["a forward in training mode, which moves the statistics", 2, () => {
      model.train();
      model.forward(x);
      model.eval();
    }],
    ["an optimizer's step", 2, () => {
      using optimizer = optim.sgd().bind(model, { lr: 0.1 });
      model.forward(x).mean().backward();
      optimizer.step();
    }],
  ];
  for (const [what, refolded, change] of changes) {
    using held = nn.foldNorms(model);
    await answers(model, x);
    scope(change);
    assertEquals(await calls(device, "sqrt", forward), refolded, `${what}: norms that were folded anew`);
    assertEquals(await calls(device, "sqrt", forward), 0, `${what}: folded once`);
    const got = await answers(model, x);
    held.dispose();
    assert(distance(got, await answers(model, x)) < 1e-5, what);
  }
});

Deno.test("foldNorms: gradients through evaluation take separate passes, to the bit", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  const gradients = async (): Promise<unknown[]> => {
    scope(() => model.forward(x).mean().backward());
    const read: unknown[] = [];
    for (const parameter of model.namedParameters().values()) {
      read.push(await parameter.grad?.data());
      parameter.setGrad(null);
    }
    return read;
  };
  const before = await gradients();
  using _folded = nn.foldNorms(model);
  await answers(model, x);
  assertEquals(await gradients(), before);
  // A frozen body, through which the images get theirs.
  model.requireGrad(false);
  using image = randn([2, 9, 7, 3], { seed: 7, device }).requireGrad();
  scope(() => model.forward(image).mean().backward());
  assert(image.grad !== null);
  // Without anything that asks for one, norms are folded outside of noGrad() too.
  assertEquals(await calls(device, "conv2d_bias_act", () => scope(() => void model.forward(x))), 2);
});

Deno.test("foldNorms: folded weights live as long as somebody holds them", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  const before = device.stats().handles;
  const first = nn.foldNorms(model);
  const second = nn.foldNorms(model);
  assertEquals(device.stats().handles, before, "folded at the first batch");
  await answers(model, x);
  assertEquals(device.stats().handles, before + 4);
  first.dispose();
  first.dispose();
  assertEquals(device.stats().handles, before + 4);
  second.dispose();
  assertEquals(device.stats().handles, before);
});

Deno.test("foldNorms: what was folded behind a late error is folded again", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  const separate = await answers(model, x);
  using _folded = nn.foldNorms(model);
  using _loss = scope(() =>
    crossEntropy(tensor([[1, 2]], undefined, { device }), tensor([7], undefined, { dtype: "i32", device }))
  );
  await assertRejects(() => answers(model, x), LateError, "cross_entropy()");
  await device.recover();
  assert(distance(await answers(model, x), separate) < 1e-5);
});

Deno.test("foldNorms: a recorded forward replays folded, and follows its weights", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = chain(device);
  const [conv] = model.layers as [nn.Conv2d];
  using x = randn([2, 9, 7, 3], { seed: 7, device });
  using step: Captured<[Tensor], Tensor> = capture((x: Tensor) => noGrad(() => model.forward(x)));
  const replayed = async (): Promise<Float64Array> => {
    using y = step(x);
    return Float64Array.from(await y.data());
  };
  const separate = await answers(model, x);
  using _folded = nn.foldNorms(model);
  for (let call = 0; call < 3; call++) assert(distance(await replayed(), separate) < 1e-5);
  assertEquals(step.replays(x), true);
  assertEquals(await calls(device, "sqrt", () => step(x).dispose()), 0);
  scope(() => conv.weight.assign(conv.weight.mul(0.5)));
  const got = [await replayed(), await replayed(), await replayed()];
  _folded.dispose();
  assertEquals(step.replays(x), false, "what it read is gone");
  const halved = await answers(model, x);
  for (const values of [...got, await replayed()]) assert(distance(values, halved) < 1e-5);
});

Deno.test("foldNorms: evaluate() folds once for all batches, and leaves nothing", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = trained(new models.XResNet({ ...small, device })).train();
  using images = randn([4, 16, 16, 3], { seed: 7, device });
  using labels = tensor(Int32Array.of(0, 1, 2, 3), undefined, { device });
  const batches = [0, 1, 2].map((batch) => ({
    images,
    labels,
    index: Int32Array.of(0, 1, 2, 3).map((i) => i + 4 * batch),
  }));
  const before = device.stats().handles;
  await device.synchronize();
  device.queue.profile(true);
  const { loss } = await evaluate(model, batches);
  await device.synchronize();
  const ops = device.queue.timed().map(({ op }) => op);
  device.queue.profile(false);
  const norms = [...model.modules()].filter(([, module]) => module instanceof nn.BatchNorm2d).length;
  assertEquals(ops.filter((op) => op === "conv2d_bias_act").length, 3 * norms);
  assertEquals(ops.filter((op) => op === "sqrt").length, norms);
  assertEquals(device.stats().handles, before);
  assertEquals(model.training, true);
  using separate = noGrad(() => scope(() => crossEntropy(model.eval().forward(images), labels)));
  assert(Math.abs(await separate.item() - loss) < 1e-5 * loss);
});

Deno.test("conv2dBiasAct: refuses to be recorded for backward", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = randn([1, 4, 4, 2], { device }).requireGrad();
  using weight = randn([3, 1, 1, 2], { device });
  const options = { stride: [1, 1], padding: [0, 0], groups: 1, bias: null, residual: null, act: "none" } as const;
  assertThrows(() => conv2dBiasAct(x, weight, options), StateError, "it has no gradient: call it inside noGrad()");
  using y = noGrad(() => conv2dBiasAct(x, weight, options));
  assertEquals([y.shape, y.requiresGrad], [[1, 4, 4, 3], false]);
});
