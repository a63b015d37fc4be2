/** Reading a state takes little memory beside the state, and gives it as it was. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Device, nn, optim, StateError } from "../../../mod.ts";
import { readTensors } from "../../../lib/checkpoint/state.ts";

const MIB = 2 ** 20;

/** Two layers of 4 MiB each, with AdamW's state of them: 24 MiB. */
function owners(device: Device): { model: nn.Sequential; optimizer: optim.BoundOptimizer } & Disposable {
  const layer = (): nn.Linear => new nn.Linear(1024, 1024, { bias: false, device });
  const model = new nn.Sequential(layer(), layer());
  const optimizer = optim.adamw().bind(model);
  optimizer.prepare();
  return {
    model,
    optimizer,
    [Symbol.dispose](): void {
      optimizer.dispose();
      model.dispose();
    },
  };
}

Deno.test("state: is read where the copies of all of it at once would not fit, and blames nobody", async () => {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  try {
    // Of 24 MiB of state, at most 16 are on their way at a time, each with the copy that JavaScript gets.
    using device = new Device("cpu", { threads: 1, memory: 64 * MIB });
    using both = owners(device);
    const { handles } = device.stats();
    const saved = await readTensors(both);
    assertEquals([...saved.values()].reduce((sum, { data }) => sum + data.byteLength, 0) > 24 * MIB - 1, true);
    assertEquals(device.stats().handles, handles);
    for (const [path, value] of both.model.state()) assertEquals(saved.get(`model.${path}`)!.data, await value.data());
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings, []);
});

Deno.test("state: what is written before its turn came is refused, not read as it is by then", async () => {
  using device = new Device("cpu", { threads: 1 });
  using both = owners(device);
  const state = readTensors(both);
  for (const value of both.optimizer.state().values()) value.fill(3);
  const error = await assertRejects(() => state, StateError);
  assertMatch(error.message, /^Cannot read "optimizer\.\S+" of the state: it was written .*: await the state before/);
});
