/** Buffers that are too short, odd, misaligned or absent are typed errors, and nothing is done. */
import { assertEquals, assertMatch } from "@std/assert";
import { Device, tensor } from "../../../mod.ts";
import { opRows } from "../../support/op_cases.ts";
import { functionRows, opArguments, rawCall, rawStatus } from "../../support/raw_exports.ts";

const INVALID = 1, SHAPE = 2;

Deno.test("buffers: no room for the results of an op: refused before anything is done", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3, 4], [2, 2], { device });
  const before = device.queue.enqueued();
  const ok = opArguments(device.handle, [x.handle], []);
  for (let length = 0; length < 9; length++) {
    const out = new Uint32Array(length);
    assertEquals(await rawStatus("lt_relu", [...ok, out, out.byteLength]), INVALID, `${length} words`);
  }
  assertEquals([device.stats().handles, device.queue.enqueued()], [1, before]);
  // Three words of its own, and slot, generation, dtype, rank and two sizes of the output.
  const out = new Uint32Array(9);
  assertEquals(await rawStatus("lt_relu", [...ok, out, out.byteLength]), 0);
  assertEquals([out[2], out[5], out[6], out[7], out[8]], [1, 0, 2, 2, 2]);
  const { slot, generation } = device.handle;
  await rawCall("lt_tensor_release", [slot, generation, out[3]!, out[4]!]);
});

Deno.test("buffers: a result buffer that is absent, odd or misaligned, at every export", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = new Uint8Array(64);
  const names = [
    ...opRows.map(({ name }) => [`lt_${name}`, opArguments(device.handle, [], [])] as const),
    ...functionRows.map((row) =>
      [`lt_${row.name}`, [
        ...(row.queue ? [device.handle.slot, device.handle.generation] : []),
        ...row.args.flatMap(({ buffer }) => buffer === undefined ? [1] : [null, 0]),
      ]] as const
    ),
  ];
  for (const [name, args] of names) {
    assertEquals(await rawStatus(name, [...args, null, 64]), INVALID, `${name}, absent`);
    assertEquals(await rawStatus(name, [...args, bytes, 63]), INVALID, `${name}, odd`);
    assertEquals(await rawStatus(name, [...args, bytes.subarray(1, 61), 60]), INVALID, `${name}, misaligned`);
  }
  assertEquals(device.queue.alive && device.stats().handles, 0);
});

Deno.test("buffers: handles and parameters of an op that are absent, odd, misaligned, too many or too few", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3, 4], [2, 2], { device });
  const { slot, generation } = device.handle;
  const handles = new Uint32Array([x.handle.slot, x.handle.generation, x.handle.slot, x.handle.generation]);
  const numbers = new Float64Array([1, 2, 3]);
  const bytes = new Uint8Array(32);
  const call = (...args: Parameters<typeof rawCall>[1]) => rawCall("lt_affine", [slot, generation, ...args]);
  const cases: [string, Awaited<ReturnType<typeof call>>, RegExp][] = [
    ["no handles", await call(null, 8, numbers, 16), /Expected `inputs` as a buffer of whole 4-byte elements/],
    ["half a word", await call(handles, 6, numbers, 16), /Expected `inputs` as a buffer .* got 6 bytes/],
    ["half a handle", await call(handles, 4, numbers, 16), /Expected handles as pairs of u32, got 1 numbers/],
    ["misaligned", await call(bytes.subarray(1, 9), 8, numbers, 16), /Expected `inputs` as a buffer/],
    ["too many", await call(handles, 16, numbers, 16), /Expected at most 1 tensors, got 2/],
    ["no parameters", await call(handles, 8, null, 16), /Expected `params` as a buffer of whole 8-byte elements/],
    ["half a number", await call(handles, 8, numbers, 12), /Expected `params` as a buffer/],
    ["misaligned", await call(handles, 8, bytes.subarray(4, 20), 16), /Expected `params` as a buffer/],
    ["one too few", await call(handles, 8, numbers, 8), /Expected a parameter `shift`, got none/],
    ["one too many", await call(handles, 8, numbers, 24), /Expected 2 parameters, got 3/],
  ];
  for (const [what, { status, message }, text] of cases) {
    assertEquals(status, INVALID, what);
    assertMatch(message, text, what);
    assertMatch(message, /^affine\(\): /, what);
  }
  assertEquals(device.stats().handles, 1);
});

Deno.test("buffers: the host values of a tensor", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { slot, generation } = device.handle;
  const create = (
    dtype: number,
    shape: BufferSource | null,
    shapeBytes: number,
    data: BufferSource | null,
    n: number,
  ) => rawCall("lt_tensor_create", [slot, generation, dtype, shape, shapeBytes, data, n]);
  const [shape, data] = [new Uint32Array([3]), new Float32Array([1, 2, 3])];
  const cases: [string, Awaited<ReturnType<typeof create>>, number, RegExp][] = [
    ["no data", await create(0, shape, 4, null, 12), INVALID, /Expected `data` as a buffer .* got 12 bytes/],
    ["no shape", await create(0, null, 4, data, 12), INVALID, /Expected `shape` as a buffer/],
    ["half a size", await create(0, shape, 2, data, 12), INVALID, /Expected `shape` as a buffer/],
    [
      "too little",
      await create(0, shape, 4, data, 8),
      SHAPE,
      /Expected 12 bytes of data for shape \[3\] of f32, got 8/,
    ],
    ["no bytes", await create(0, shape, 4, data, 0), SHAPE, /got 0/],
    ["another dtype", await create(1, shape, 4, data, 12), SHAPE, /Expected 24 bytes .* of f64, got 12/],
    ["no dtype", await create(77, shape, 4, data, 12), INVALID, /Expected the code of a dtype, got 77/],
  ];
  for (const [what, { status, message }, wanted, text] of cases) {
    assertEquals(status, wanted, `${what}: ${message}`);
    assertMatch(message, text, what);
  }
  const huge = new Uint32Array(9).fill(0xffffffff);
  for (const bytes of [8, 12, 32, 36]) {
    const { status, message } = await create(0, huge, bytes, data, 12);
    assertEquals([INVALID, SHAPE].includes(status), true, `${bytes / 4} huge sizes: ${status} ${message}`);
  }
  assertEquals(device.stats().handles, 0);
});

Deno.test("buffers: the target of a read", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { device });
  const { slot, generation } = device.handle;
  const { out } = await rawCall("lt_read_begin", [slot, generation, x.handle.slot, x.handle.generation]);
  const [readSlot, readGeneration, low, high] = [out[0]!, out[1]!, out[2]!, out[3]!];
  await rawCall("lt_queue_wait", [slot, generation, low, high]);
  const take = (target: BufferSource | null, bytes: number) =>
    rawCall("lt_read_take", [readSlot, readGeneration, target, bytes]);
  const target = new Float32Array(3);
  assertMatch((await take(null, 12)).message, /Expected `data` as a buffer/);
  assertMatch((await take(target, 8)).message, /Expected `data` of 12 bytes, got 8/);
  assertMatch((await take(target, 0)).message, /Expected `data` of 12 bytes, got 0/);
  assertEquals((await take(target, 12)).status, 0);
  assertEquals(Array.from(target), [1, 2, 3]);
  assertMatch((await take(target, 12)).message, /Expected a live read/);
});
