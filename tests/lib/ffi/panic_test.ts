/** A panic in any export is an error of this call, and of nothing else. */
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { Device, InternalError, tensor } from "../../../mod.ts";
import { injectPanic } from "../../../lib/ffi/native.ts";
import { opRows } from "../../support/op_cases.ts";
import {
  errorFor,
  exportNames,
  functionArguments,
  functionRows,
  opArguments,
  rawCall,
} from "../../support/raw_exports.ts";

Deno.test("a panic in every export: InternalError, and the next call works", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([-1, 2], undefined, { device });
  const argumentsOf = new Map<string, Parameters<typeof rawCall>[1]>([
    ...functionRows.map((row) => [`lt_${row.name}`, functionArguments(row, device.handle, x.handle)] as const),
    ...opRows.map((row) => [`lt_${row.name}`, opArguments(device.handle, [x.handle], [])] as const),
  ]);
  let panics = 0;
  for (const name of exportNames) {
    injectPanic(1);
    const result = await rawCall(name, argumentsOf.get(name)!);
    assertEquals(result.status, 8, `${name}: ${result.message}`);
    const error = errorFor(result);
    assertInstanceOf(error, InternalError, name);
    assertEquals(error.message, `${name.slice(3)}(): Internal error: a panic injected by a test; please report it`);
    using y = x.relu();
    assertEquals(Array.from(await y.data()), [0, 2], name);
    panics++;
  }
  assertEquals(panics, functionRows.length + opRows.length);
  assertEquals(device.stats().handles, 1, "a call that panicked leaves nothing behind");
});

Deno.test("a panic counts down guarded calls, and 0 turns it off", async () => {
  injectPanic(3);
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await rawCall("lt_abi_version", [])).status);
  assertEquals(statuses, [0, 0, 8, 0]);
  injectPanic(1);
  // This call panics itself, so it turns nothing off but uses the panic up.
  assertEquals((await rawCall("lt_inject_panic", [0])).status, 8);
  assertEquals((await rawCall("lt_abi_version", [])).status, 0);
});

/** Words in front of an error's texts. */
const HEAD = 11;

Deno.test("a panic without room for its message: the status alone", async () => {
  injectPanic(1);
  const { symbols } = await import("../../../lib/ffi/library.ts");
  assertEquals(symbols().lt_abi_version(new Uint32Array(0), 0), 8);
  injectPanic(1);
  const out = new Uint32Array(HEAD + 2);
  assertEquals(symbols().lt_abi_version(out, out.byteLength), 8);
  assertEquals([out[0], out[1]], [8, 0], "as many bytes of the texts as fit");
  assertMatch(new TextDecoder().decode(new Uint8Array(out.buffer, 4 * HEAD, 8)), /^abi_vers/);
});
