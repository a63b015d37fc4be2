import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { capture, Device, nn, optim, scope, type Tensor, tensor } from "../../../mod.ts";

Deno.test("clipGradNorm: larger gradients come down to the norm, smaller ones stay, as torch's clip_grad_norm_", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 1, { device, dtype: "f64" });
  for (const max of [1, 100]) {
    using x = tensor(Float64Array.of(30, 40), [1, 2], { device });
    using loss = scope(() => model.forward(x).sum());
    loss.backward();
    using norm = optim.clipGradNorm(model, max);
    const before = Math.hypot(30, 40, 1);
    assertAlmostEquals(await norm.item(), before, 1e-12);
    const share = Math.min(1, max / (before + 1e-6));
    const [a = NaN, b = NaN] = await model.weight.grad!.data();
    assertAlmostEquals(a, 30 * share, 1e-12);
    assertAlmostEquals(b, 40 * share, 1e-12);
    assertAlmostEquals((await model.bias!.grad!.data())[0]!, share, 1e-12);
    for (const parameter of model.namedParameters().values()) parameter.setGrad(null);
  }
});

Deno.test("clipGradNorm: a recorded step is the plain one, and leaves nothing behind", async () => {
  const ends: number[][] = [];
  for (const record of [true, false]) {
    using device = new Device("cpu", { threads: 1 });
    using model = new nn.Linear(3, 2, { device, init: new nn.KaimingInit({ seed: 0 }) });
    using opt = optim.sgd({ mom: 0.9 }).bind(model, { lr: 0.1 });
    const body = (x: Tensor): Tensor => {
      const y = model.forward(x);
      y.mul(y).sum().backward();
      const norm = optim.clipGradNorm([model.weight, model.bias!], 0.5);
      opt.step();
      return norm;
    };
    using step = capture(body);
    const norms: number[] = [];
    let handles = 0;
    for (let i = 0; i < 6; i++) {
      using x = tensor(Float32Array.of(i, 1, 2), [1, 3], { device });
      using norm = record ? step(x) : scope(() => body(x));
      norms.push(await norm.item());
      if (i === 3) handles = device.stats().handles;
      if (i === 5) assertEquals(device.stats().handles, handles);
    }
    ends.push([...norms, ...await model.weight.data()]);
  }
  assertEquals(ends[0], ends[1]);
});

Deno.test("clipGradNorm: no gradients, a wrong norm and a wrong target are refused; one that is not finite is a late error", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(1, 1, { device });
  assertThrows(() => optim.clipGradNorm(model, 1), TypeError, "Expected gradients, got none");
  assertThrows(() => optim.clipGradNorm(model, NaN), RangeError, "Expected `max`, the largest norm, above 0, got NaN");
  assertThrows(
    () => optim.clipGradNorm([3 as unknown as Tensor], 1),
    TypeError,
    "Expected a module, modules or parameters",
  );
  using x = tensor(Float32Array.of(1), [1, 1], { device });
  using loss = scope(() => model.forward(x).sum());
  loss.backward();
  using infinite = tensor(Float32Array.of(Infinity), [1, 1], { device });
  model.weight.grad!.assign(infinite);
  using norm = optim.clipGradNorm(model, 1);
  await assertRejects(() => norm.item(), Error, "finite");
  await device.recover();
});
