/** Gradients that pass through a module and not into it. */
import { assertEquals, assertThrows } from "@std/assert";
import { capture, Device, nn, optim, scope, type Tensor, tensor } from "../../../mod.ts";

Deno.test("noGradOf: the input gets its gradient, the parameters none, and ask for theirs again afterwards", async () => {
  using device = new Device("cpu", { threads: 1 });
  using inner = new nn.Linear(2, 1, { device, bias: false });
  inner.weight.assign(scope(() => tensor([[2, 3]], { device })));
  using x = tensor([[1, 1]], { device }).requireGrad();
  scope(() => {
    const y = nn.noGradOf(inner, () => {
      assertEquals(inner.weight.requiresGrad, false);
      return nn.noGradOf([inner], () => inner.forward(x)).add(inner.forward(x)).sum();
    });
    assertEquals(inner.weight.requiresGrad, true);
    y.backward();
  });
  assertEquals([...await x.grad!.data()], [4, 6]);
  assertEquals(inner.weight.grad, null);
  scope(() => inner.forward(x).sum().backward());
  assertEquals([...await inner.weight.grad!.data()], [1, 1]);
  assertThrows(() => nn.noGradOf(inner, () => fail()), Error, "stop");
  assertEquals(inner.weight.requiresGrad, true);
});

function fail(): never {
  throw new Error("stop");
}

Deno.test("noGradOf: a recorded step that uses a module both ways is recorded once", () => {
  using device = new Device("cpu", { threads: 1 });
  using first = new nn.Linear(2, 2, { device });
  using second = new nn.Linear(2, 1, { device });
  using one = optim.sgd().bind(first);
  using two = optim.sgd().bind(second);
  using x = tensor([[1, 1]], { device });
  using step = capture((x: Tensor) => {
    nn.noGradOf(second, () => second.forward(first.forward(x)).sum()).backward();
    one.step();
    second.forward(x).sum().backward();
    two.step();
  });
  for (let i = 0; i < 4; i++) {
    step(x);
    assertEquals(step.recordings, Math.min(i, 1));
  }
});

Deno.test("noGradOf: what is no module, no function or not synchronous is refused", () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.Linear(2, 1, { device });
  const wrong = (value: unknown): never => value as never;
  assertThrows(
    () => nn.noGradOf(wrong(3), () => {}),
    TypeError,
    "noGradOf(): Expected a module, or a list of modules, got 3",
  );
  assertThrows(() => nn.noGradOf(layer, wrong(3)), TypeError, "noGradOf(): Expected a function, got number");
  assertThrows(() => nn.noGradOf(layer, wrong(() => Promise.resolve())), TypeError, "Expected a synchronous function");
  assertEquals(layer.weight.requiresGrad, true);
});
