/** Errors cross the ABI in fields, and all of the library's own have one base class. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  crossEntropy,
  Device,
  DeviceError,
  LateError,
  LibtrainError,
  OutOfMemoryError,
  StateError,
  tensor,
  zeros,
} from "../../../mod.ts";
import * as libtrain from "../../../mod.ts";
import { errorOf } from "../../../lib/ffi/errors.ts";
import { injectOutOfMemory } from "../../../lib/ffi/native.ts";
import { nativeErrorAt } from "../../../lib/ffi/out.ts";
import { messageOf } from "../../../lib/cli/advice.ts";

/** An error as the library writes it. */
function words(op: string, reason: string, numbers: readonly number[] = []): Uint32Array {
  const texts = new TextEncoder().encode(op + reason);
  const [flags = 0, record = 0, asked = 0, held = 0, free = 0] = numbers;
  const opBytes = new TextEncoder().encode(op).length;
  const wide = [record, asked, held, free].flatMap((value) => [value >>> 0, Math.floor(value / 2 ** 32)]);
  const out = new Uint32Array(11 + Math.ceil(texts.length / 4));
  out.set([opBytes, texts.length - opBytes, flags, ...wide]);
  new Uint8Array(out.buffer, 44).set(texts);
  return out;
}

Deno.test("errors: a late error has op, record and whether the device is lost, whatever its text says", () => {
  const record = 2 ** 40 + 3;
  const reason = "f(): é (record 1)";
  const error = errorOf(nativeErrorAt(7, words("conv2d", reason, [1, record])));
  assertInstanceOf(error, LateError);
  const { op, lost, message } = error;
  assertEquals([op, error.record, lost, error.reason, message], [
    "conv2d",
    record,
    true,
    reason,
    `conv2d(): ${reason}`,
  ]);
});

Deno.test("errors: memory has its bytes, and what is free only where it is known", () => {
  const known = errorOf(nativeErrorAt(6, words("add", "no", [2, 0, 2 ** 33, 5, 0])));
  assertInstanceOf(known, OutOfMemoryError);
  assertEquals([known.op, known.asked, known.held, known.free], ["add", 2 ** 33, 5, 0]);
  const unknown = errorOf(nativeErrorAt(6, words("add", "no", [0, 0, 7, 5, 0]))) as OutOfMemoryError;
  assertEquals([unknown.asked, unknown.free], [7, undefined]);
});

Deno.test("errors: a device says whether it is lost and what can do it instead; the command line names its flag", () => {
  const lost = errorOf(nativeErrorAt(10, words("matmul", "gone", [1]))) as DeviceError;
  assertEquals([lost.lost, lost.instead, lost.message], [true, undefined, "matmul(): gone"]);
  const unsupported = errorOf(nativeErrorAt(9, words("pad", "no kernel"))) as DeviceError;
  assertEquals([unsupported.lost, unsupported.message], [false, 'pad(): no kernel: use the device "cpu"']);
  assertEquals(messageOf(lost), "matmul(): gone");
  assertEquals(messageOf(unsupported), "pad(): no kernel: use --device cpu");
  const absent = new DeviceError("CUDA was asked for, but no driver", { instead: "cpu" });
  assertEquals(messageOf(absent), "CUDA was asked for, but no driver: use --device cpu, or run `deno task doctor`");
  assertEquals(messageOf(new Error("other")), "other");
});

Deno.test("errors: a buffer without room has the status alone", () => {
  const error = errorOf(nativeErrorAt(11, new Uint32Array(10)));
  assertInstanceOf(error, StateError);
  assertEquals(error.message, "The native library failed with status 11");
});

Deno.test("errors: the library's own have one base class, wrong arguments are the language's", () => {
  const { data, recipe, ...top } = libtrain;
  const classes = [top, data, recipe].flatMap((names) => Object.entries(names)).filter(([name]) =>
    name.endsWith("Error")
  );
  assert(classes.length > 18, `${classes.length} classes`);
  for (const [name, found] of classes) {
    const own = (found as { prototype: unknown }).prototype;
    assert(own === LibtrainError.prototype || own instanceof LibtrainError, name);
  }
  for (const status of [1, 2, 3, 5]) {
    const error = errorOf({ status, reason: "x", op: "f" });
    assertEquals([error.constructor, error.message], [status === 1 ? RangeError : TypeError, "f(): x"]);
  }
});

Deno.test("errors: real ones carry their op", async () => {
  using device = new Device("cpu", { threads: 1 });
  injectOutOfMemory(device.handle);
  const memory = assertThrows(() => zeros([100], { device }), OutOfMemoryError);
  assertEquals([memory.op, memory.asked, memory.held], ["full", 448, 0]);
  using logits = tensor([[1, 2]], undefined, { device });
  using target = tensor([7], undefined, { device, dtype: "i32" });
  using _loss = crossEntropy(logits, target);
  const late = await assertRejects(() => device.synchronize(), LateError);
  assertEquals([late.op, late.record, late.lost], ["cross_entropy", 3, false]);
});
