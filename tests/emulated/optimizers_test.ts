/** Optimizers in TypeScript on the emulated GPU: recorded steps, the CPU's values, and gradients that are not finite. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { capture, defineOp, Device, LateError, optim, scope, type Tensor, tensor } from "../../mod.ts";
import { PlainModel } from "../support/plain_model.ts";
import { distance } from "../support/stored_steps.ts";

const initial = {
  wide: { values: [1, -2, 3, 0.5, 1, -1, 2, 0.25], shape: [2, 4] },
  tall: { values: [0.5, 1, -1, 2, 3, -0.5], shape: [3, 2] },
  bias: { values: [0.1, 0.2] },
};

/** x, whose gradient is multiplied by a factor. */
const scaledBack = defineOp({
  forward: (x: Tensor, _factor: Tensor) => x.mul(1),
  backward: (dy, { inputs: [, factor] }) => [dy.mul(factor), null],
});

/** Muon for matrices beside RMSprop, and a step of both. */
function training(device: Device): {
  model: PlainModel;
  optimizer: optim.BoundOptimizer;
  step: (x: Tensor, factor: Tensor) => void;
} {
  const model = new PlainModel(initial, { device });
  const made = optim.together(optim.muon({ wd: 0.1 }), optim.rmsprop({ mom: 0.9, centered: true }));
  const optimizer = made.bind(model, { lr: 0.1 });
  const step = (x: Tensor, factor: Tensor): void => {
    const hidden = model.get("wide").matmul(x).add(scaledBack(model.get("bias"), factor).reshape([2, 1]));
    const y = model.get("tall").matmul(hidden);
    y.mul(y).mean().backward();
    optimizer.step();
  };
  return { model, optimizer, step };
}

/** The parameters after some steps. */
async function trained(device: Device, recorded: boolean): Promise<number[][]> {
  const { model, optimizer, step } = training(device);
  using captured = capture(step);
  using one = tensor([1, 1], [2], { device });
  for (let i = 0; i < 6; i++) {
    using x = tensor([1, i, -1, 0.5], [4, 1], { device });
    optimizer.lr = 0.1 / (i + 1);
    if (recorded) captured(x, one);
    else scope(() => step(x, one));
  }
  const values = await Promise.all(Object.keys(initial).map((name) => model.read(name)));
  for (const owned of [optimizer, model]) owned.dispose();
  return values;
}

Deno.test("optimizers (emulated): in TypeScript they give the CPU's weights, recorded the eager ones bit for bit", async () => {
  using gpu = new Device("cuda");
  using cpu = new Device("cpu", { threads: 1 });
  const eager = await trained(gpu, false);
  assertEquals(await trained(gpu, true), eager);
  const wanted = await trained(cpu, false);
  eager.forEach((values, index) => assert(distance(values, wanted[index]!) < 1e-4, `${values} and ${wanted[index]}`));
});

Deno.test("optimizers (emulated): a gradient that is not finite changes no weight, state or count", async () => {
  using device = new Device("cuda");
  for (const recorded of [false, true]) {
    const { model, optimizer, step } = training(device);
    using captured = capture(step);
    using x = tensor([1, 2, -1, 0.5], [4, 1], { device });
    using one = tensor([1, 1], [2], { device });
    using infinite = tensor([1, Infinity], [2], { device });
    const run = (factor: Tensor): void => recorded ? captured(x, factor) : scope(() => step(x, factor));
    const everything = async (): Promise<number[][]> => {
      const state = [...optimizer.state().values()];
      const values = await Promise.all(
        [...model.state().values(), ...state].map(async (value) => [...await value.data()]),
      );
      for (const view of state) view.dispose();
      return [...values, [optimizer.steps]];
    };
    for (let i = 0; i < 3; i++) run(one);
    const before = await everything();
    for (const factor of [infinite, one]) run(factor);
    const error = await assertRejects(() => device.synchronize(), LateError);
    assertEquals(error.op, "assert_finite");
    await device.recover();
    assertEquals(await everything(), before);
    for (const owned of [optimizer, model]) owned.dispose();
  }
});
