/** What may be held is kept: refused with what holds it, and less works afterwards. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  data,
  Device,
  deviceInfo,
  type MemoryHolders,
  nn,
  optim,
  OutOfMemoryError,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../../mod.ts";
import { withArrays } from "../../../lib/ffi/errors.ts";
import { bytesIn, sizeText } from "../../../lib/ffi/memory.ts";

const MIB = 2 ** 20;

/** The sum over all holders. */
function sum(holders: MemoryHolders | undefined): number {
  return Object.values(holders ?? {}).reduce((total, bytes) => total + bytes, 0);
}

Deno.test("memory budget: beyond it a typed error has all figures, and less works afterwards", async () => {
  using device = new Device("cpu", { threads: 1, memory: 32 * MIB });
  using _kept = zeros([2 * MIB], { device });
  const error = assertThrows(() => zeros([7 * MIB], { device }), OutOfMemoryError);
  const { op, asked, held, budget, source, holders } = error;
  assertEquals([op, asked, held, budget, source], ["full", 28 * MIB, 8 * MIB, 32 * MIB, "device"]);
  assertEquals([holders?.results, sum(holders)], [8 * MIB, held]);
  assertEquals(
    error.message,
    "full(): Expected to allocate 29360128 bytes (28.0 MiB), got room for 24.0 MiB of 32.0 MiB (the device's option " +
      "`memory`): 8.0 MiB are held, 8.0 MiB by results not disposed: dispose tensors, or use a smaller batch",
  );
  const before = device.stats();
  assertEquals([before.handles, before.memory.limit], [1, 32 * MIB]);
  using smaller = zeros([2 * MIB], { device });
  using total = smaller.add(1).sum();
  assertEquals(await total.item(), 2 * MIB);
});

Deno.test("memory budget: blocks kept for reuse go back to the system before anything is refused", async () => {
  using device = new Device("cpu", { threads: 1, memory: 40 * MIB });
  for (let megabytes = 1; megabytes <= 9; megabytes++) {
    // Sizes of their own, which no other size reuses: 45 MiB in all.
    using x = zeros([megabytes * MIB / 4], { device });
    assertEquals((await x.data())[0], 0);
  }
  assert(device.stats().memory.holders.reuse > 0);
  using large = zeros([9 * MIB], { device });
  using _sum = large.sum();
  await device.synchronize();
  // The pool's blocks that are under way are waited for, too.
  const x = zeros([MIB / 4], { device }).add(1);
  large.dispose();
  using again = zeros([35 * MIB / 4], { device });
  assertEquals([again.size, device.queue.failed()], [35 * MIB / 4, false]);
  x.dispose();
});

Deno.test("memory budget: reads and host values count as well", async () => {
  using device = new Device("cpu", { threads: 1, memory: 32 * MIB });
  using x = zeros([3 * MIB], { device });
  // The copy that the device makes, and the one that JavaScript gets.
  const error = await assertRejects(() => x.data(), OutOfMemoryError);
  assertEquals([error.op, error.asked, error.holders?.reads], ["read_begin", 12 * MIB, 12 * MIB]);
  assertEquals(device.stats().memory.holders.reads, 0);
  using part = x.narrow(0, MIB);
  assertEquals((await part.data()).length, MIB);
  using y = zeros([MIB], { device });
  const values = new Float32Array(3 * MIB);
  assertThrows(() => tensor(values, undefined, { device }), OutOfMemoryError, "tensor_create()");
  assertEquals(await y.sum().item(), 0);
  assertEquals(device.stats().memory.holders.values, 0);
});

Deno.test("memory budget: kernels' buffers count too, and are refused late, with the error as the cause", async () => {
  using device = new Device("cpu", { threads: 1, memory: 24 * MIB });
  using x = zeros([64, 512], { device });
  using w = zeros([512, 8192], { device });
  // The product packs all of its second matrix, 16 MiB; 17 are held by now.
  using y = x.matmul(w);
  const late = await assertRejects(() => device.synchronize());
  const { cause } = late as Error;
  assert(cause instanceof OutOfMemoryError, `${cause}`);
  assertEquals([cause.op, cause.asked, cause.source], ["matmul", 16 * MIB, "device"]);
  await device.recover();
  y.dispose();
  using small = zeros([512, 8], { device });
  using z = x.matmul(small);
  assertEquals((await z.data())[127], 0);
});

Deno.test("memory budget: holders tell weights, gradients, optimizer, data set and recorded steps apart", () => {
  using device = new Device("cpu", { threads: 1 });
  const held = (): MemoryHolders => device.stats().memory.holders;
  using set = data.fromArrays(
    { images: new Uint8Array(64 * 1024), labels: [0], imageShape: [256, 256, 1], classes: 1 },
    {
      device,
    },
  );
  assert(held().dataSet >= 64 * 1024 && held().results === 0, JSON.stringify(held()));
  using model = new nn.Linear(256, 256, { device, bias: false });
  assertEquals([held().weights, held().results], [256 * 1024, 0]);
  using optimizer = optim.adamw().bind(model);
  optimizer.prepare();
  assert(held().optimizer >= 2 * 256 * 1024, JSON.stringify(held()));
  using x = zeros([4, 256], { device });
  assertEquals(held().results, 4096);
  scope(() => model.forward(x).sum().backward());
  assertEquals(held().gradients, 256 * 1024);
  optimizer.discard();
  using step = capture((x: Tensor) => model.forward(x).exp().sum());
  for (let i = 0; i < 3; i++) step(x).dispose();
  const { after } = step.memory;
  assertEquals(held().recordedSteps, after + 4096, "the arena, and the slot of the argument");
  assertEquals(sum(held()) >= device.stats().reservedBytes, true);
  assertEquals(set.length, 1);
});

Deno.test("memory budget: what does not fit into the process's is refused before it is touched", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { budget } = device.stats().memory;
  const rows = Math.ceil(budget / 4 / 1000) + 1000;
  const error = assertThrows(() => randn([rows, 1000], { device }), OutOfMemoryError);
  assert(error.budget! > 0 && error.budget! < error.asked! && error.source !== "device", error.message);
  assertThrows(() => randn([2 ** 31, 2 ** 20, 2], { device }), OutOfMemoryError);
  using small = randn([1000], { device });
  assertEquals((await small.data()).length, 1000);
  const { memory } = deviceInfo();
  assert(memory.held <= memory.budget && memory.budget > 0);
});

Deno.test("memory budget: bytes are numbers, or texts with units", () => {
  for (
    const [memory, bytes] of [[1, 1], ["500M", 500 * MIB], ["1.5g", 1.5 * 2 ** 30], ["64K", 65536], ["7", 7]] as const
  ) {
    assertEquals(bytesIn(memory), bytes);
  }
  for (const memory of [0, -1, 1.5, NaN, Infinity, "", "M", "2GB", "0", null, true]) {
    assertEquals(bytesIn(memory), undefined);
  }
  assertEquals([1023, 1024, 3.5 * MIB, 2 ** 40].map(sizeText), ["1023 bytes", "1.0 KiB", "3.5 MiB", "1024.0 GiB"]);
  assertThrows(() => new Device("cpu", { memory: "much" }), RangeError, "Expected `memory`");
});

Deno.test("memory budget: arrays that V8 refuses are an OutOfMemoryError", () => {
  const error = assertThrows(() => withArrays("data", 2 ** 50, () => new Float32Array(2 ** 48)), OutOfMemoryError);
  assertEquals([error.op, error.asked], ["data", 2 ** 50]);
  assertThrows(() => withArrays("data", 0, () => (0).toFixed(1000)), RangeError);
});

Deno.test("memory budget: what is held back runs whole or not at all", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  assertThrows(
    () =>
      device.queue.allOrNothing(() => {
        x.assign(x.add(1));
        throw new Error("on purpose");
      }),
    Error,
    "on purpose",
  );
  assertEquals(await x.item(), 1);
  device.queue.allOrNothing(() => x.assign(x.add(1)));
  assertEquals(await x.item(), 2);
  const dead = tensor([1], undefined, { device });
  try {
    device.queue.allOrNothing(() => {
      dead.dispose();
      throw new Error("on purpose");
    });
  } catch { /* on purpose */ }
  assertEquals(device.queue.completed() <= device.queue.enqueued(), true);
  await device.synchronize();
});
