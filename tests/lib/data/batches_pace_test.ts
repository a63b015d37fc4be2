import { assert, assertEquals } from "@std/assert";
import { data, Device, rand, scope } from "@libtrain/libtrain";

Deno.test("batches: the next comes once at most two steps before it are under way", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = data.fromArrays(
    { images: new Uint8Array(8 * 4), labels: new Uint8Array(8), imageShape: [2, 2, 1], classes: 1 },
    { device },
  );
  using x = rand([256, 256], { seed: 0, device });
  const ends: number[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  for await (const { index } of set.batches(1)) {
    const step = ends.length;
    assertEquals([...index], [step]);
    const behind = ends.findLastIndex((end) => end <= device.queue.completed());
    assert(step < 3 || behind >= step - 3, `step ${step} began with only step ${behind} done`);
    // Tens of milliseconds of work, enqueued in less than one.
    scope(() => {
      for (let i = 0; i < 50; i++) x.matmul(x);
    });
    ends.push(device.queue.enqueued());
  }
  clearInterval(timer);
  assertEquals(ends.length, 8);
  assert(turns >= 4, `the event loop turned ${turns} times`);
});
