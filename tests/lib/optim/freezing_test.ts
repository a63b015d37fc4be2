/** What a frozen body costs, and what its batch norms do. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  capture,
  crossEntropy,
  Device,
  models,
  type nn,
  optim,
  randn,
  scope,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { timedCalls } from "../../../lib/tensor/profile.ts";

const body = /^(?!head)/;

/** A small xse_resnet50 with max-blur pools, squeeze-and-excitation and attention, and something to train it on. */
function parts(device: Device): { model: models.XResNet; x: Tensor; y: Tensor } {
  const model = models.xseResnet50({
    classes: 3,
    sa: true,
    pool: "maxblur",
    widen: 0.125,
    stem: [4, 4, 8],
    seed: 0,
    device,
  });
  const x = randn([4, 32, 32, 3], { seed: 1, device });
  return { model, x, y: tensor(Int32Array.of(0, 1, 2, 0), undefined, { device }) };
}

/** A function of one step. */
function stepOf(model: nn.Module, optimizer: optim.BoundOptimizer): (x: Tensor, y: Tensor) => Tensor {
  return (x, y) => {
    const loss = crossEntropy(model.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}

/** The values of each, as text: comparing hundreds of thousands of numbers one by one takes seconds. */
async function stateOf(model: nn.Module): Promise<Record<string, string>> {
  const read = [...model.state()].map(async ([path, value]) => [path, String(await value.data())] as const);
  return Object.fromEntries(await Promise.all(read));
}

Deno.test("a frozen body enqueues no backward of its own, and its norms only evaluate", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, x, y } = parts(device);
  using _model = model, _x = x, _y = y;
  using optimizer = optim.adamw().bind(model, { lr: 0.1, groups: [{ match: body, frozen: true }] });
  const step = stepOf(model, optimizer);
  const before = await stateOf(model);
  const calls = await timedCalls(device, () => scope(() => void step(x, y)));
  const ops = new Map<string, number>();
  for (const { op } of calls) ops.set(op, (ops.get(op) ?? 0) + 1);
  // Of the body's backward there would be one op or more for each of these.
  const forwards = ["conv2d", "batch_norm_eval", "max_blur_pool", "squeeze_excitation", "mean"];
  assert(forwards.every((op) => ops.has(op)), [...ops.keys()].join());
  const backward = [...ops.keys()].filter((op) =>
    op.includes("backward") || op === "batch_norm" || op.startsWith("update")
  );
  assertEquals(backward, ["cross_entropy_backward"]);
  // Weight of the head by one product, its bias by one sum, and none for what the head is given.
  const products = (ops.get("matmul") ?? 0) + (ops.get("linear") ?? 0);
  const evaluated = await timedCalls(device, () => scope(() => void model.forward(x)));
  const forwardProducts = evaluated.filter(({ op }) => op === "matmul" || op === "linear").length;
  assertEquals(products, forwardProducts + 1);
  const after = await stateOf(model);
  const changed = Object.keys(before).filter((path) => before[path] !== after[path]);
  assertEquals(changed, ["head.weight", "head.bias"]);
});

Deno.test("a frozen body trains its head to the same bits eager and captured, and unfrozen goes on so", async () => {
  using device = new Device("cpu", { threads: 1 });
  const trained = async (captured: boolean): Promise<Record<string, string>> => {
    const { model, x, y } = parts(device);
    using _model = model, _x = x, _y = y;
    using optimizer = optim.ranger({ k: 2 }).bind(model, {
      lr: 0.01,
      groups: [{ match: body, frozen: true, lrScale: 0.1 }],
    });
    const step = stepOf(model, optimizer);
    using recorded = captured ? capture(step) : undefined;
    const call = (): void => (recorded ?? ((x: Tensor, y: Tensor) => scope(() => step(x, y))))(x, y).dispose();
    const before = await stateOf(model);
    for (let i = 0; i < 3; i++) call();
    const frozen = await stateOf(model);
    const head = { "head.weight": null, "head.bias": null };
    assertEquals({ ...frozen, ...head }, { ...before, ...head });
    optimizer.configure({ match: body, frozen: false });
    for (let i = 0; i < 3; i++) call();
    const unfrozen = await stateOf(model);
    // Weights and statistics move again, on the tape too.
    for (const path of ["stem.0.conv.weight", "stem.0.norm.runningMean"]) assertNotEquals(unfrozen[path], frozen[path]);
    return unfrozen;
  };
  const handles = device.stats().handles;
  assertEquals(await trained(true), await trained(false));
  assertEquals(device.stats().handles, handles);
});

Deno.test("frozen norms evaluate whatever train() and eval() say, and have their mode again once they are not frozen", () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, x, y } = parts(device);
  using _model = model, _x = x, _y = y;
  const norm = model.stem[0]!.norm;
  const optimizer = optim.sgd().bind(model, { groups: [{ match: body, frozen: true }] });
  using second = optim.sgd().bind(model, { groups: [{ match: /^stem/, frozen: true }] });
  assertEquals([norm.training, model.stem[0]!.training, model.head.training], [false, true, true]);
  model.eval();
  model.train();
  assertEquals(norm.training, false);
  optimizer.dispose();
  optimizer.dispose();
  assertEquals([norm.training, model.stages[0]![0]!.training], [false, true], "the second optimizer holds it");
  second.configure({ match: /^stem\.0\.norm\.bias/, frozen: false });
  assertEquals(norm.training, true, "one of its parameters is trained");
  second.configure({ match: /^stem/, frozen: true });
  model.eval();
  second.configure({ match: /^stem/, frozen: false });
  assertEquals(norm.training, false, "the mode that was set");
});

Deno.test("requireGrad(false) on a module stops its gradients alone: its norms count on, until eval()", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, x, y } = parts(device);
  using _model = model, _x = x, _y = y;
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const [first] = model.stem;
  assertEquals(first!.requireGrad(false), first);
  using step = capture(stepOf(model, optimizer));
  const mean = async (): Promise<number[]> => [...await first!.norm.runningMean.data()];
  const weight = [...await first!.conv.weight.data()];
  for (let i = 0; i < 3; i++) step(x, y).dispose();
  const moved = await mean();
  assertNotEquals(moved, [0, 0, 0, 0]);
  first!.eval();
  for (let i = 0; i < 3; i++) step(x, y).dispose();
  assertEquals([await mean(), [...await first!.conv.weight.data()]], [moved, weight]);
  first!.requireGrad().train();
  step(x, y).dispose();
  assertNotEquals([...await first!.conv.weight.data()], weight);
});
