import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Device, nn, readSafetensors, scope, tensor } from "../../../mod.ts";

const path = fromFileUrl(new URL("../../fixtures/trainer/weighted.safetensors", import.meta.url));
const { tensors } = await readSafetensors(path);

for (const kind of ["labels", "shares"]) {
  for (const labelSmoothing of [0, 0.1]) {
    Deno.test(`crossEntropyLoss: weights of classes with ${kind}, smoothing ${labelSmoothing}, loss and gradient as PyTorch's`, async () => {
      using device = new Device("cpu", { threads: 1 });
      const held = (name: string): Float64Array<ArrayBuffer> => tensors.get(name)!.data as Float64Array<ArrayBuffer>;
      using logits = tensor(held("logits"), [7, 4], { device }).requireGrad();
      using target = tensor(held(kind), kind === "labels" ? [7] : [7, 4], { device });
      const of = nn.crossEntropyLoss({ labelSmoothing, weights: [...held("weights")] });
      using loss = scope(() => of(logits, { targets: target }));
      loss.backward();
      const name = `${kind}.${labelSmoothing === 0 ? "0.0" : labelSmoothing}`;
      assertAlmostEquals(await loss.item(), held(`${name}.loss`)[0]!, 1e-13);
      const gradient = await logits.grad!.data();
      held(`${name}.grad`).forEach((wanted, i) => assertAlmostEquals(gradient[i]!, wanted, 1e-13));
    });
  }
}

Deno.test("crossEntropyLoss: options that it has not are refused, as they would have no effect", () => {
  const other = { label_smoothing: 0.1 } as nn.CrossEntropyOptions;
  assertThrows(() => nn.crossEntropyLoss(other), TypeError, "got `label_smoothing`: it is called labelSmoothing here");
});

Deno.test("crossEntropyLoss: weights that cannot be are refused", () => {
  using device = new Device("cpu", { threads: 1 });
  assertThrows(() => nn.crossEntropyLoss({ weights: [1, -1] }), RangeError, "one finite number from 0 a class");
  assertThrows(() => nn.crossEntropyLoss({ weights: [0, 0] }), RangeError, "not all 0, got 0, 0");
  using logits = tensor([[1, 2, 3]], { device });
  using labels = tensor([1], { dtype: "i32", device });
  const loss = nn.crossEntropyLoss({ weights: [1, 2] });
  assertThrows(
    () => loss(logits, { labels }),
    TypeError,
    "`weights` for each of 3 classes, which the model has, got 2",
  );
  assert(loss.length === 2);
});

Deno.test("crossEntropyLoss refuses options that it has not, which would have no effect, and names what is no tensor", () => {
  const wrong = (value: unknown): never => value as never;
  const cases: [() => unknown, string][] = [
    [() => nn.crossEntropyLoss(wrong({ label_smoothing: 0.1 })), "got `label_smoothing`: it is called labelSmoothing"],
    [
      () => nn.crossEntropyLoss(wrong({ weight: [1, 2] })),
      "Expected options among labelSmoothing, weights, got `weight`",
    ],
    [() => nn.crossEntropyLoss(wrong(null)), "crossEntropyLoss(): Expected options, got null"],
    [() => nn.crossEntropyLoss({ weights: [1, 2] })(wrong(3), wrong({})), "Expected `logits` as a Tensor, got 3"],
  ];
  for (const [call, message] of cases) assertThrows(call, TypeError, message);
  using device = new Device("cpu", { threads: 1 });
  using logits = tensor([[1, 2]], undefined, { device });
  for (const weights of [undefined, [1, 2]]) {
    const loss = nn.crossEntropyLoss({ weights });
    assertThrows(() => loss(logits, wrong(undefined)), TypeError, "Expected `target` as a Tensor, got undefined");
  }
});
