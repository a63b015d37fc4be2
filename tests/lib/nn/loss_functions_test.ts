/** Losses as functions: against PyTorch, at the ends of their ranges, and what they refuse. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Device, gradCheck, logSoftmax, nn, oneHot, scope, type Tensor, tensor, zeros } from "../../../mod.ts";
import { lossRegistry } from "../../../lib/nn/losses.ts";
import { devicesUnderTest } from "../../support/devices.ts";
import { checkFunction } from "../../support/function_fixtures.ts";

const devices = devicesUnderTest();

for (const name of ["mseLoss", "l1Loss", "bceWithLogits", "klDivergence", "distillationLoss"]) {
  Deno.test(`${name}(): as PyTorch, eager and captured`, async () => {
    for (const device of devices) await checkFunction(name, device);
  });
}

Deno.test("losses: gradients by differences", async () => {
  using device = new Device("cpu", { threads: 1 });
  const make = (values: number[]): Tensor => tensor(values, [2, 3], { device, dtype: "f64" });
  const output = make([0.4, -1.1, 2, 0.3, 5, -0.6]);
  const target = make([0.1, 0.9, 0.5, 0.35, 0.2, 0.7]);
  await gradCheck((a: Tensor, b: Tensor) => nn.mseLoss(a, b), [output, target]);
  await gradCheck((a: Tensor, b: Tensor) => nn.l1Loss(a, b), [output, target]);
  await gradCheck((a: Tensor, b: Tensor) => nn.bceWithLogits(a, b, { posWeight: 2.5 }), [output, target]);
  await gradCheck((a: Tensor, b: Tensor) => nn.klDivergence(logSoftmax(a), b), [output, target]);
  await gradCheck((a: Tensor) => nn.distillationLoss(a, target, { temperature: 3 }), [output]);
});

Deno.test("bceWithLogits() loses nothing where the answer is nearly sure, and has its gradient at 0", async () => {
  using device = new Device("cpu", { threads: 1 });
  using logits = tensor([30, -30, 0, 0, 1e30], { device }).requireGrad();
  using target = tensor([1, 0, 1, 0, 1], { device });
  const values = [];
  for (let i = 0; i < 2; i++) {
    using one = nn.bceWithLogits(logits.narrow(i, 1), target.narrow(i, 1));
    values.push(await one.item());
  }
  const sure = Math.log1p(Math.exp(-30));
  assert(values.every((value) => Math.abs(value - sure) < 1e-6 * sure), `${values}, wanted ${sure}`);
  scope(() => nn.bceWithLogits(logits, target).backward());
  assertEquals([...await logits.grad!.data()].slice(2), [-0.1, 0.1, -0].map(Math.fround));
});

Deno.test("klDivergence() adds nothing where the target is 0, whatever the output says", async () => {
  using device = new Device("cpu", { threads: 1 });
  using output = tensor([[-Infinity, Math.log(0.5), Math.log(0.5)]], { device }).requireGrad();
  using target = tensor([[0, 1, 0]], { device });
  using logTarget = tensor([[-Infinity, 0, -Infinity]], { device });
  for (const [given, options] of [[target, {}], [logTarget, { logTarget: true }]] as const) {
    using loss = nn.klDivergence(output, given, options);
    assertEquals(await loss.item(), Math.fround(Math.LN2));
    loss.backward();
    using gradient = output.takeGrad()!;
    assertEquals([...await gradient.data()].map((value) => value + 0), [0, -1, 0]);
  }
});

Deno.test("distillationLoss() gives the teacher no gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  using student = tensor([[1, 2]], { device }).requireGrad();
  using teacher = tensor([[3, -1]], { device }).requireGrad();
  scope(() => nn.distillationLoss(student, teacher, { temperature: 2 }).backward());
  assertEquals(teacher.grad, null);
  assertEquals((await student.grad!.data()).length, 2);
});

Deno.test("losses of classes by name: labels and shares of classes give the same", async () => {
  using device = new Device("cpu", { threads: 1 });
  using output = tensor([[2, -1, 0.5], [0, 3, 1]], { device });
  using labels = tensor([0, 2], { dtype: "i32", device });
  for (
    const [name, options, wanted] of [
      ["bceWithLogits", { labelSmoothing: 0.3 }, (t: Tensor) => nn.bceWithLogits(output, t.affine(0.7, 0.1))],
      ["bceWithLogits", {}, (t: Tensor) => nn.bceWithLogits(output, t)],
      ["mse", {}, (t: Tensor) => nn.mseLoss(output, t)],
    ] as const
  ) {
    const loss = lossRegistry.get(name).build(options);
    const values = scope(() => {
      const shares = oneHot(labels, { classes: 3 });
      const batch = (labels: Tensor): Parameters<nn.Loss>[1] => ({ labels }) as Parameters<nn.Loss>[1];
      return [loss(output, batch(labels)), loss(output, batch(shares)), wanted(shares)];
    });
    const numbers = await Promise.all(values.map((value) => value.item()));
    values.forEach((value) => value.dispose());
    assertEquals(numbers, Array(3).fill(numbers[0]));
  }
});

Deno.test("losses say what does not fit, and what is usually meant", () => {
  using device = new Device("cpu", { threads: 1 });
  const wrong = (value: unknown): never => value as never;
  const labels = (): Tensor => zeros([2], { dtype: "i32", device });
  const some = (...shape: number[]): Tensor => zeros(shape, { device });
  const cases: [() => unknown, string][] = [
    [
      () => nn.mseLoss(some(2, 1), some(2)),
      "mseLoss(): Expected `target` in the shape of `output`, [2, 1], got [2]: reshape([2, 1]) on it",
    ],
    [() => nn.l1Loss(some(2, 3), some(3)), "l1Loss(): Expected `target` in the shape of `output`, [2, 3], got [3]"],
    [
      () => nn.mseLoss(some(2, 3), labels()),
      "mseLoss(): Expected `target` of dtype f32, got i32: labels go to crossEntropy(), or through oneHot()",
    ],
    [
      () => nn.bceWithLogits(some(2), labels()),
      'bceWithLogits(): Expected `target` of dtype f32, got i32: to("f32") converts',
    ],
    [
      () => nn.bceWithLogits(some(2), some(2), wrong({ pos_weight: 3 })),
      "bceWithLogits(): Expected options among posWeight, got `pos_weight`: it is called posWeight here",
    ],
    [
      () => nn.bceWithLogits(some(4, 2), some(4, 2), { posWeight: some(4, 1, 2) }),
      "bceWithLogits(): Expected `posWeight` that broadcasts to the logits' shape [4, 2], got shape [4, 1, 2]",
    ],
    [
      () => nn.klDivergence(some(2), some(2), wrong({ reduction: "sum" })),
      "klDivergence(): Expected options among logTarget, got `reduction`: losses are means",
    ],
    [
      () => nn.distillationLoss(some(2, 3), some(2, 4)),
      "distillationLoss(): Expected `teacher` in the shape of `student`, [2, 3], got [2, 4]",
    ],
  ];
  for (const [call, message] of cases) assertThrows(() => scope(() => void call()), TypeError, message);
  assertThrows(
    () => nn.distillationLoss(some(2), some(2), { temperature: 0 }),
    RangeError,
    "distillationLoss(): Expected `temperature` above 0, got 0",
  );
});
