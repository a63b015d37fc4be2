/** Devices: opening, several at once, full queues, memory that runs out. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  defaultDevice,
  Device,
  DeviceError,
  OutOfMemoryError,
  scope,
  setDefaultDevice,
  tensor,
  zeros,
} from "../../../mod.ts";
import { injectOutOfMemory } from "../../../lib/ffi/native.ts";
import { skip } from "../../skip.ts";
import { cpuWith, cudaMissing, instructionSets } from "../../support/devices.ts";

Deno.test("device: kinds, printing, and the default one", () => {
  using auto = new Device();
  using cpu = new Device("cpu", { threads: 3 });
  assertEquals([auto.kind, cpu.kind], ["cpu", "cpu"]);
  assertEquals(Deno.inspect(cpu), "Device(cpu, 3 threads)");
  assertThrows(() => new Device("tpu" as never), DeviceError, 'Expected a device auto, cpu or cuda, got "tpu"');
  const before = setDefaultDevice(cpu);
  try {
    using x = tensor([1]);
    assertEquals([x.device, defaultDevice()], [cpu, cpu]);
    cpu.dispose();
    assertEquals(defaultDevice() === cpu, false, "a disposed device is no default");
  } finally {
    defaultDevice().dispose();
    if (before !== undefined) setDefaultDevice(before);
  }
});

Deno.test("device: cuda where there is none says in one line what is missing and what to do", () => {
  const name = "device: cuda where there is none says in one line what is missing and what to do";
  if (cudaMissing() === undefined) return skip(name, "CUDA opens on this machine");
  const error = assertThrows(() => new Device("cuda"), DeviceError);
  assertMatch(error.message, /^CUDA was asked for, but .+: .+/);
  assertEquals(error.message.includes("\n"), false);
  assertEquals(error.message.endsWith("."), false);
});

Deno.test("device: LIBTRAIN_ISA and LIBTRAIN_THREADS are read when a device opens", () => {
  for (const set of instructionSets()) cpuWith(set).dispose();
  assertThrows(
    () => cpuWith("sse9"),
    RangeError,
    `Expected LIBTRAIN_ISA as one of ${instructionSets().join(", ")} on this processor, got "sse9"`,
  );
  const before = Deno.env.get("LIBTRAIN_THREADS");
  try {
    Deno.env.set("LIBTRAIN_THREADS", "3");
    using device = new Device("cpu");
    using own = new Device("cpu", { threads: 2 });
    assertEquals([device.stats().chunksByThread.length, own.stats().chunksByThread.length], [3, 2]);
    Deno.env.set("LIBTRAIN_THREADS", "many");
    const message = 'Expected LIBTRAIN_THREADS as a whole number from 1 to 256, got "many"';
    assertThrows(() => new Device("cpu"), RangeError, message);
  } finally {
    if (before === undefined) Deno.env.delete("LIBTRAIN_THREADS");
    else Deno.env.set("LIBTRAIN_THREADS", before);
  }
});

Deno.test("two devices: each computes its own, and a tensor of the other is refused", async () => {
  using one = new Device("cpu", { threads: 1 });
  using two = new Device("cpu", { threads: 2 });
  using a = tensor([1, 2], undefined, { device: one });
  using b = tensor([3, 4], undefined, { device: two });
  using c = a.mul(2);
  using d = b.mul(2);
  assertEquals([Array.from(await c.data()), Array.from(await d.data())], [[2, 4], [6, 8]]);
  assertEquals([c.device, d.device], [one, two]);
  const message = "add(): Expected a tensor of this device and Worker as handle 1, got one of another: copy its values";
  assertThrows(() => a.add(b), TypeError, message);
  assertThrows(() => b.assign(a), TypeError, "assign(): Expected a tensor of this device");
  assertEquals([one.stats().handles, two.stats().handles], [2, 2]);
});

Deno.test("a full queue: calls wait, everything runs, and one warning says what to do", async () => {
  using device = new Device("cpu", { threads: 1 });
  const warnings: string[] = [];
  const warn = console.warn;
  console.warn = (...parts: unknown[]): void => void warnings.push(parts.join(" "));
  try {
    using count = zeros([1], { device });
    using one = tensor([1], undefined, { device });
    // Long enough for this thread to fill the queue meanwhile, on a busy machine too.
    const heavy = scope(() => {
      const x = zeros([1024, 1024], { device });
      let product = x;
      for (let i = 0; i < 20; i++) product = product.matmul(x);
      return product;
    });
    for (let i = 0; i < 10_000; i++) scope(() => count.assign(count.add(one)));
    heavy.dispose();
    assertEquals(await count.item(), 10_000);
    assert(device.stats().stalls > 0, "the queue holds 4096 commands");
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0]!, "await device.synchronize()");
});

Deno.test("out of memory: a typed error at the call, and everything goes on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { device });
  await device.synchronize();
  const before = device.stats();
  for (
    const attempt of [() => zeros([12_345], { device }), () => tensor(new Float32Array(54_321), undefined, { device })]
  ) {
    injectOutOfMemory(device.handle);
    const error = assertThrows(attempt, OutOfMemoryError);
    assertMatch(
      error.message,
      /Expected to allocate \d+ bytes, the system refused .*: dispose tensors, or use a smaller/,
    );
    const { handles, storages, bytes } = device.stats();
    assertEquals([handles, storages, bytes], [before.handles, before.storages, before.bytes]);
  }
  using y = zeros([12_345], { device });
  using sum = y.add(1).sum();
  assertEquals(await sum.item(), 12_345);
  assertEquals(Array.from(await x.data()), [1, 2, 3]);
});

Deno.test("out of memory: sizes that no machine has, without asking the system", () => {
  using device = new Device("cpu", { threads: 1 });
  assertThrows(
    () => zeros([2 ** 20, 2 ** 21], { device }),
    OutOfMemoryError,
    "Expected to allocate 8796093022208 bytes",
  );
  for (const shape of [[2 ** 32 - 1, 2 ** 32 - 1], Array(5).fill(2 ** 31), Array(20).fill(1)]) {
    const error = assertThrows(() => zeros(shape, { device }), Error);
    assert(error instanceof TypeError || error instanceof RangeError, `${shape}: ${error}`);
    assertMatch(error.message, /^full\(\): Expected /);
  }
  using x = tensor([1], undefined, { device });
  assertThrows(() => x.broadcastTo([2 ** 31, 2 ** 10, 1]), OutOfMemoryError);
  assertEquals(device.stats().handles, 1);
});

Deno.test("trim: gives unused memory back", async () => {
  using device = new Device("cpu", { threads: 1 });
  zeros([100_000], { device }).dispose();
  await device.synchronize();
  const held = device.stats().reservedBytes;
  assert(held >= 400_000, `${held} bytes kept for reuse`);
  zeros([100_000], { device }).dispose();
  assertEquals(device.stats().systemAllocations, 1, "the same block again");
  await device.synchronize();
  device.trim();
  assertEquals(device.stats().reservedBytes, 0);
});
