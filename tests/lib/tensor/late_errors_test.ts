/** Errors that show while an op runs: they stick, name the op, and can be recovered from. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  capture,
  crossEntropy,
  Device,
  gatherRows,
  LateError,
  scope,
  StateError,
  type Tensor,
  tensor,
} from "../../../mod.ts";

/** A loss whose label is out of range; `enqueue` returns at once, as labels are only seen when it runs. */
function badLoss(device: Device): Tensor {
  using logits = tensor([[1, 2, 3]], undefined, { device });
  using labels = tensor([7], undefined, { dtype: "i32", device });
  return crossEntropy(logits, labels);
}

Deno.test("late error: names the op and its record, and says what is wrong", async () => {
  using device = new Device("cpu", { threads: 1 });
  using loss = badLoss(device);
  const error = await assertRejects(() => loss.item(), LateError);
  assertEquals([error.name, error.op], ["LateError", "cross_entropy"]);
  assertMatch(error.message, /^cross_entropy\(\): Expected .*, got 7/);
  // Two writes of host values came before it.
  assertEquals(error.record, 3);
});

Deno.test("late error: sticks until recover(), skips what comes after, and keeps what was before", async () => {
  using device = new Device("cpu", { threads: 1 });
  using before = tensor([1, 2], undefined, { device });
  using kept = before.mul(10);
  await device.synchronize();
  using bad = badLoss(device);
  using after = before.mul(100);
  using written = before.clone();
  before.fill(5);
  for (let i = 0; i < 2; i++) await assertRejects(() => device.synchronize(), LateError, "cross_entropy()");
  await assertRejects(() => after.data(), LateError, "cross_entropy()");
  assertEquals(device.queue.failed(), true);

  await device.recover();
  assertEquals(device.queue.failed(), false);
  assertEquals(Array.from(await before.data()), [1, 2], "the write after the error was skipped");
  assertEquals(Array.from(await kept.data()), [10, 20]);
  using fresh = before.add(1);
  assertEquals(Array.from(await fresh.data()), [2, 3]);
  for (const poisoned of [bad, after, written]) {
    await assertRejects(() => poisoned.data(), StateError, "was never computed, as an earlier op failed");
  }
  assertEquals(device.queue.failed(), false, "such a read is refused alone");
});

Deno.test("late error: using a tensor that was never computed is a late error of that op", async () => {
  using device = new Device("cpu", { threads: 1 });
  using bad = badLoss(device);
  await assertRejects(() => device.synchronize(), LateError);
  await device.recover();
  using y = bad.mul(2);
  const error = await assertRejects(() => y.item(), LateError, "Input 0 was never computed");
  assertEquals(error.op, "affine");
  await device.recover();
  using fine = tensor([2], undefined, { device });
  assertEquals(await fine.item(), 2);
});

Deno.test("late error: every wait that is under way rejects", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  using bad = badLoss(device);
  using y = x.mul(2);
  const waits = [bad.item(), y.item(), device.synchronize(), x.data()];
  const results = await Promise.allSettled(waits);
  assertEquals(results.map(({ status }) => status), Array(4).fill("rejected"));
  for (const result of results) assertEquals((result as PromiseRejectedResult).reason instanceof LateError, true);
});

Deno.test("late error: another op that looks at values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using table = tensor([[1, 2], [3, 4]], undefined, { device });
  for (const bad of [2, -1]) {
    using index = tensor([0, bad], undefined, { dtype: "i32", device });
    using rows = gatherRows(table, index);
    const error = await assertRejects(() => rows.data(), LateError, String(bad));
    assertEquals(error.op, "gather_rows");
    await device.recover();
  }
});

Deno.test("late error: in debug mode it names the line of the script", async () => {
  using device = new Device("cpu", { threads: 1, debug: true });
  using bad = badLoss(device);
  using _later = bad.mul(2);
  const error = await assertRejects(() => device.synchronize(), LateError);
  assertMatch(error.message, /\n {4}enqueued at badLoss \(.*late_errors_test\.ts:\d+:\d+\)$/);
  assertEquals(error.op, "cross_entropy");
});

Deno.test("late error: all who wait get an error of their own, with the line once", async () => {
  using device = new Device("cpu", { threads: 1, debug: true });
  using bad = badLoss(device);
  using later = bad.mul(2);
  const waits = await Promise.allSettled([bad.item(), later.item(), device.synchronize(), device.synchronize()]);
  const errors = waits.map((wait) => (wait as PromiseRejectedResult).reason as LateError);
  assertEquals(new Set(errors).size, 4);
  for (const error of errors) assertEquals(error.message.match(/enqueued at/g)?.length, 1, error.message);
});

Deno.test("late error: in debug mode a replay's names the line that called the captured step", async () => {
  using device = new Device("cpu", { threads: 1, debug: true });
  using logits = tensor([[1, 2, 3]], undefined, { device });
  using step = capture((labels: Tensor) => crossEntropy(logits, labels));
  using good = tensor([1], undefined, { dtype: "i32", device });
  using bad = tensor([9], undefined, { dtype: "i32", device });
  for (let i = 0; i < 3; i++) step(good).dispose();
  const replayed = (): Tensor => step(bad);
  using _lost = replayed();
  const error = await assertRejects(() => device.synchronize(), LateError);
  assertMatch(error.message, /\n {4}enqueued at replayed \(.*late_errors_test\.ts:\d+:\d+\)$/);
});

Deno.test("recover: on a device without an error nothing happens", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  await device.recover();
  assertEquals(await x.item(), 1);
});

Deno.test("late error: a loss that is not finite, though its gradients may be", async () => {
  using device = new Device("cpu", { threads: 1 });
  using weight = tensor([1], undefined, { device }).requireGrad();
  using huge = tensor([3e38], undefined, { device });
  scope(() => {
    const loss = weight.mul(huge).add(weight.mul(huge)).sum();
    loss.backward();
  });
  weight.fill(2);
  const error = await assertRejects(() => device.synchronize(), LateError, "Expected finite values, got inf");
  assertEquals(error.op, "assert_finite");
  await device.recover();
  assertEquals(await weight.item(), 1, "what came after was skipped");
});
