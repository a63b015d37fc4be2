import { assertEquals } from "@std/assert";
import { Device, tensor } from "../../../mod.ts";
import { countTop1, countTopK, Meter } from "../../../lib/train/metrics.ts";

/** Counts for k = 0 … 4 by `countTopK`, and by `countTop1`. */
async function counts(logits: number[][], labels: number[]): Promise<{ topK: number[]; top1: number }> {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor(logits, undefined, { device });
  using y = tensor(labels, undefined, { dtype: "i32", device });
  const topK: number[] = [];
  for (let k = 0; k <= logits[0]!.length; k++) {
    using count = countTopK(x, y, k);
    topK.push(await count.item());
  }
  using count = countTop1(x, y);
  return { topK, top1: await count.item() };
}

Deno.test("countTopK: counts the labels among the k largest logits", async () => {
  // The labels are first, second, third and last of their rows.
  const logits = [[4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]];
  assertEquals(await counts(logits, [0, 1, 2, 3]), { topK: [0, 1, 2, 3, 4], top1: 1 });
});

Deno.test("countTopK: ties go to the lower class, as with argmax", async () => {
  const logits = [[1, 1, 1], [1, 1, 1], [1, 1, 1]];
  assertEquals(await counts(logits, [0, 1, 2]), { topK: [0, 1, 2, 3], top1: 1 });
});

Deno.test("countTopK: a logit that is not a number is never counted", async () => {
  const nan = Number.NaN;
  const { topK } = await counts([[nan, nan, nan], [nan, 1, 2]], [0, 0]);
  assertEquals(topK.slice(0, 3), [0, 0, 0]);
});

Deno.test("countTopK: a class that is masked by -Infinity has the last place, and Infinity the first", async () => {
  const { POSITIVE_INFINITY: high, NEGATIVE_INFINITY: low } = Number;
  const rows = [[low, 2, 1, 3], [low, 2, 1, 3], [low, low, 1, 3], [high, 2, high, 3]];
  assertEquals(await counts(rows, [1, 0, 1, 2]), { topK: [0, 0, 2, 2, 4], top1: 0 });
  assertEquals(await counts([[low, 2, 1, 3, 0, -1, -2]], [3]), { topK: [0, 1, 1, 1, 1, 1, 1, 1], top1: 1 });
});

Deno.test("Meter: weighs means by the samples, adds sums up, and reads some steps late", async () => {
  using device = new Device("cpu", { threads: 1 });
  using meter = new Meter([false, true]);
  const before = device.stats().handles;
  assertEquals(meter.mean(0), null);
  for (let step = 0; step < 45; step++) {
    const n = step === 44 ? 1 : 4;
    await meter.add(tensor([step, 2], undefined, { device }), n);
  }
  await meter.flush();
  assertEquals(meter.samples, 44 * 4 + 1);
  assertEquals(meter.sums, [4 * (43 * 44 / 2) + 44, 90]);
  assertEquals(meter.mean(1), 90 / 177);
  assertEquals(device.stats().handles, before, "every value taken over was disposed");
});
