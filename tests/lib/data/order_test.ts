import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { shuffledOrder } from "../../../lib/data/order.ts";

Deno.test("shuffledOrder: holds every number once", () => {
  for (const length of [0, 1, 2, 5, 1000]) {
    const order = shuffledOrder(length, { seed: 3, epoch: 1 });
    assertEquals([...order].sort((a, b) => a - b), Array.from({ length }, (_, index) => index));
  }
});

Deno.test("shuffledOrder: follows from seed and epoch", () => {
  const order = (seed: number, epoch: number): Int32Array => shuffledOrder(100, { seed, epoch });
  assertEquals(order(7, 2), order(7, 2));
  assertNotEquals(order(7, 2), order(7, 3));
  assertNotEquals(order(7, 2), order(8, 2));
  assertNotEquals(order(1, 2), order(2, 1));
});

Deno.test("shuffledOrder: each number comes to each place about equally often", () => {
  const [length, times] = [6, 6000];
  const counts = Array.from({ length }, () => new Array<number>(length).fill(0));
  for (let epoch = 0; epoch < times; epoch++) {
    shuffledOrder(length, { seed: 0, epoch }).forEach((number, place) => counts[place]![number]!++);
  }
  // 36 counts with a mean of 1000 and a standard deviation of 29: six of those are never reached by chance.
  for (const count of counts.flat()) assert(Math.abs(count - times / length) < 175, `${count}`);
});
