import { assert, assertEquals } from "@std/assert";
import { later } from "../../../lib/io/later.ts";

/** Has timers end when the clock is set on, until it is disposed. */
function ownClock(): Disposable & { set(ms: number): void; readonly asked: readonly number[] } {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = performance;
  let time = 0;
  const asked: number[] = [];
  const waiting = new Map<number, { readonly at: number; readonly work: () => void }>();
  Object.assign(globalThis, {
    setTimeout: (work: () => void, ms: number) => waiting.set(asked.push(ms), { at: time + ms, work }) && asked.length,
    clearTimeout: (id: number) => void waiting.delete(id),
  });
  performance.now = () => time;
  return {
    asked,
    set: (ms) => {
      time = ms;
      for (const [id, { at, work }] of [...waiting]) if (at <= time && waiting.delete(id)) work();
    },
    [Symbol.dispose]: () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      performance.now = now;
    },
  };
}

Deno.test("a time that is longer than a timer takes is waited for in parts", () => {
  using clock = ownClock();
  const day = 86_400_000;
  let called = 0;
  later(60 * day, () => called++);
  for (let days = 1; days < 60; days++) clock.set(days * day);
  assertEquals(called, 0);
  clock.set(60 * day);
  assertEquals(called, 1);
  assert(clock.asked.length > 1 && clock.asked.every((ms) => ms < 2 ** 31), clock.asked.join());
  const stop = later(60 * day, () => called++);
  clock.set(90 * day);
  stop();
  clock.set(200 * day);
  assertEquals(called, 1, "one that was stopped between two parts calls nothing");
});
