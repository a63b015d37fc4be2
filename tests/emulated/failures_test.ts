/** Any call of the driver and the libraries may fail: a typed error each time, and a process that goes on. */
import { assert, assertEquals } from "@std/assert";
import { capture, crossEntropy, Device, LateError, models, optim, type Tensor, tensor } from "../../mod.ts";
import { DeviceError, InternalError, LibtrainError } from "../../lib/ffi/errors.ts";
import { readFixture, type StoredFastai } from "../support/fastai.ts";
import type { StepSettings } from "../support/fastai_steps.ts";
import { long } from "../long.ts";
import { closedTo, emulator } from "./emulator.ts";
import { smallRun } from "./small_run.ts";

const stored: StoredFastai<StepSettings> = await readFixture<StepSettings>("narrow_10_steps");

/** A GPU is lost after it: what CUDA documents as final. */
const ILLEGAL_ADDRESS = 700;

/** The run's outcome; everything but a typed error of ours fails the test. */
async function outcome(run: () => Promise<number>): Promise<number | LibtrainError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof LibtrainError && !(error instanceof InternalError)) return error;
    throw error;
  }
}

/**
 * Waits for the queue's thread, which ends on its own, and lets go of what it held: a call of it that is still to come
 * would be the next one to fail, and leave what it was to destroy.
 */
async function settled(before: Record<string, number>): Promise<void> {
  const more = (): boolean => Object.entries(emulator.live()).some(([kind, count]) => count > (before[kind] ?? 0));
  for (let i = 0; i < 6000 && more(); i++) await new Promise((done) => setTimeout(done, 5));
}

async function checkFailure(run: () => Promise<number>, at: number, wanted: number): Promise<string> {
  const before = emulator.live();
  emulator.failCall(at);
  const result = await outcome(run).catch((error) => {
    throw new Error(`Call ${at} failed, and the run gave no typed error`, { cause: error });
  });
  emulator.reset();
  await settled(before);
  if (typeof result === "number") {
    assertEquals(result, wanted, `call ${at} failed without a trace, and the result is another`);
    return "unnoticed";
  }
  assert(result.message.length > 20, `call ${at}: ${result}`);
  return result.name;
}

Deno.test("cuda (emulated): each call of a small run fails in turn, with a typed error", async () => {
  const before = emulator.live();
  emulator.seed(1);
  const wanted = await smallRun();
  emulator.reset();
  assertEquals(await smallRun(), wanted);
  const calls = emulator.calls();
  emulator.reset();
  const seen = new Map<string, number>();
  for (let at = 1; at <= Math.min(calls, 300); at++) {
    const name = await checkFailure(smallRun, at, wanted);
    seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  assert((seen.get("DeviceError") ?? 0) > 0, JSON.stringify([...seen]));
  await closedTo(before);
  assertEquals(await smallRun(), wanted, "the process goes on");
});

/** Steps of the recipe's network, narrow: eager, recorded, replayed. */
async function narrowRun(plan: string): Promise<number> {
  using device = new Device("cuda");
  device.usePlan(plan);
  using model = models.xseResnext50({ classes: 10, ...stored.settings.options, device, seed: 0 });
  using optimizer = optim.ranger().bind(model);
  using step = capture((images: Tensor, labels: Tensor) => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 });
    loss.backward();
    optimizer.step();
    return loss;
  });
  let last = NaN;
  for (let i = 0; i < 3; i++) {
    using images = tensor(new Float32Array(2 * 32 * 32 * 3).fill(0.1 * (i + 1)), [2, 32, 32, 3], { device });
    using labels = tensor([1, 2], undefined, { dtype: "i32", device });
    using loss = step(images, labels);
    last = await loss.item();
  }
  chosen = device.plan();
  return last;
}

/** What the last run chose by timing. */
let chosen = "";

long(
  "cuda (emulated): fifty seeded calls of the recipe's network fail, each with a typed error",
  "fifty networks",
  async () => {
    const wanted = await narrowRun("");
    const plan = chosen;
    emulator.reset();
    assertEquals(await narrowRun(plan), wanted);
    const calls = emulator.calls();
    assert(calls > 2000, `${calls} calls`);
    let random = 12345;
    for (let i = 0; i < 50; i++) {
      random = (random * 1103515245 + 12345) % 2 ** 31;
      await checkFailure(() => narrowRun(plan), 1 + random % calls, wanted);
    }
    assertEquals(await narrowRun(plan), wanted, "the process goes on");
  },
);

Deno.test("cuda (emulated): a lost GPU says so, at once and ever after", async () => {
  using device = new Device("cuda");
  using x = tensor([1, 2, 3], undefined, { device });
  await device.synchronize();
  emulator.failCall(1, { code: ILLEGAL_ADDRESS, forever: true });
  const first = await outcome(async () => {
    using y = x.mul(2);
    return await y.item();
  });
  const told = first instanceof LateError || first instanceof DeviceError;
  assert(told && first.message.includes("the GPU is lost"), `${first}`);
  const later = await outcome(async () => {
    using y = x.mul(2);
    return await y.item();
  });
  assert(later instanceof DeviceError && later.message.includes("start it anew"), `${later}`);
  const recovered = await outcome(() => device.recover().then(() => 0));
  assert(recovered instanceof DeviceError, `${recovered}`);
  emulator.reset();
});
