import { assert, assertEquals } from "@std/assert";
import { Device, randn } from "../../../mod.ts";
import { Backpressure } from "../../../lib/tensor/backpressure.ts";

Deno.test("Backpressure: at most two steps are under way after each, none after drain()", async () => {
  using device = new Device("cpu", { threads: 1 });
  // Some 30 ms a step: a machine that is busy with other things is slower than a short one.
  using x = randn([1024, 1024], { seed: 0, device });
  const backpressure = new Backpressure(device);
  const tickets: number[] = [];
  let ahead = 0;
  for (let step = 0; step < 10; step++) {
    using y = x.matmul(x);
    void y;
    tickets.push(device.queue.enqueued());
    await backpressure.step();
    const underWay = tickets.filter((ticket) => ticket > device.queue.completed()).length;
    assert(underWay <= 2, `${underWay} steps under way`);
    ahead = Math.max(ahead, underWay);
  }
  assert(ahead > 0, "the loop does run ahead of the device");
  await backpressure.drain();
  assertEquals(device.queue.completed(), device.queue.enqueued());
});
