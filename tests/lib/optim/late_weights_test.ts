/** Weights that come into a model after its optimizer and its average were made. */
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Device, LateError, type models, nn, ones, optim, scope, tensor, type Trainer } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

/** Writes another model's weights over a model's. */
function loadFrom(source: nn.Module, target: nn.Module): void {
  const values = source.state();
  for (const [path, tensor] of target.state()) tensor.assign(values.get(path)!);
}

/** The state after seven steps with Ranger, whose Lookahead pulls at the sixth. */
async function trained(
  device: Device,
  { late, change = () => {} }: { late: boolean; change?: (trainer: Trainer) => void | Promise<void> },
): Promise<string> {
  using other = tinyModel(device, { seed: 5 });
  using model = tinyModel(device, { seed: late ? 0 : 5 });
  using trainer = tinyTrainer(model, { ema: 0.9, optimizer: optim.ranger({ k: 6 }) });
  await change(trainer);
  if (late) loadFrom(other, model);
  const set = tinyData(device, 7 * 8, { training: true });
  await trainer.fit(set.batches(8, { seed: 0 }), { epochs: 1 });
  return fingerprint(await trainer.state());
}

Deno.test("Trainer: weights that come after it was made count as those before, for Lookahead and the average", async () => {
  using device = new Device("cpu", { threads: 1 });
  const early = await trained(device, { late: false });
  assertEquals(await trained(device, { late: true }), early);
  const looked = await trained(device, { late: true, change: async (trainer) => void await trainer.state() });
  assertEquals(looked, early, "to look at the state is not to use it");
});

Deno.test("Trainer: a state that was loaded before its first step keeps what Lookahead and the average hold", async () => {
  using device = new Device("cpu", { threads: 1 });
  const set = tinyData(device, 10 * 8, { training: true });
  const fit = async (model: models.XResNet, prepare: (trainer: Trainer) => void): Promise<string> => {
    using trainer = tinyTrainer(model, { ema: 0.9 });
    prepare(trainer);
    await trainer.fit(set.batches(8, { seed: 0 }), { epochs: 1 });
    return fingerprint(await trainer.state());
  };
  using first = tinyModel(device);
  using begun = tinyTrainer(first, { ema: 0.9 });
  const stop = new AbortController();
  begun.on("batchEnd", ({ step }) => void (step === 3 && stop.abort()));
  await begun.fit(set.batches(8, { seed: 0 }), { epochs: 1, signal: stop.signal });
  const state = await begun.state();
  using second = tinyModel(device, { seed: 9 });
  using whole = tinyModel(device);
  assertEquals(await fit(second, (trainer) => trainer.load(state)), await fit(whole, () => {}));
});

Deno.test("prepare() is no use: the slow weights follow the weights until the first step", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 1, { device, bias: false });
  using optimizer = optim.ranger({ k: 1, alpha: 0, wd: 0 }).bind(model, { lr: 1 });
  const slow = async (): Promise<number[]> => {
    const state = optimizer.state();
    const values = [...await state.get("slow.weight")!.data()];
    for (const view of state.values()) view.dispose();
    return values;
  };
  optimizer.prepare();
  model.weight.fill(3);
  assertEquals(await slow(), [3, 3]);
  optimizer.prepare();
  model.weight.fill(5);
  scope(() => model.forward(ones([1, 2], { device })).sum().backward());
  optimizer.step();
  // With alpha 0, Lookahead puts the weights back to where they were slow.
  assertEquals([...await model.weight.data()], [5, 5]);
  model.weight.fill(7);
  assertEquals(await slow(), [5, 5], "from then on they are its own");
});

Deno.test("prepare() leaves slow weights alone that a script has written", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 1, { device, bias: false });
  using optimizer = optim.ranger({ k: 1, alpha: 0, wd: 0 }).bind(model, { lr: 1 });
  const state = optimizer.state();
  state.get("slow.weight")!.fill(11);
  for (const view of state.values()) view.dispose();
  scope(() => model.forward(ones([1, 2], { device })).sum().backward());
  optimizer.step();
  assertEquals([...await model.weight.data()], [11, 11]);
});

Deno.test("Ema: restart() forgets what was averaged", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 1, { device, bias: false });
  using ema = new optim.Ema(model, { decay: 0.5 });
  model.weight.fill(4);
  ema.update();
  assertNotEquals([...await ema.state().get("model.weight")!.data()], [4, 4]);
  model.weight.fill(8);
  ema.restart();
  assertEquals([...await ema.state().get("model.weight")!.data()], [8, 8]);
  assertEquals(await ema.state().get("count")!.item(), 0);
});

Deno.test("recover(): weights that come after a first step that failed count as those before", async () => {
  using device = new Device("cpu", { threads: 1 });
  const run = async (fails: boolean): Promise<number[]> => {
    using model = new nn.Linear(2, 1, { device, bias: false });
    using optimizer = optim.ranger({ k: 2 }).bind(model, { lr: 0.1 });
    const step = (first: number): void =>
      scope(() => {
        model.forward(tensor([[first, 1]], { device })).sum().backward();
        optimizer.step();
      });
    if (fails) {
      model.weight.fill(50);
      step(Number.NaN);
      await assertRejects(() => device.synchronize(), LateError);
      await device.recover();
    }
    model.weight.fill(3);
    for (let i = 0; i < 4; i++) step(i);
    return [...await model.weight.data()];
  };
  assertEquals(await run(true), await run(false));
});
