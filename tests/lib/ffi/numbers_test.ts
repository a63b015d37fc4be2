/** Numbers that are none are the same typed error at every parameter, at the first call and when the call is hot. */
import { assertEquals, assertInstanceOf, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { Device, tensor } from "../../../mod.ts";
import { callOp, type Handle } from "../../../lib/ffi/call.ts";
import { type OpName, type OpParams, OPS } from "../../../lib/ffi/generated/symbols.ts";
import { releaseTensor } from "../../../lib/ffi/native.ts";
import { opRows, type ParamValue, readOpCases } from "../../support/op_cases.ts";
import { opArguments, paramNumbers, rawCall } from "../../support/raw_exports.ts";

type ErrorClass = typeof RangeError | typeof TypeError;

const STRANGE: readonly [unknown, ErrorClass][] = [
  ["3", TypeError],
  [undefined, TypeError],
  [null, TypeError],
  [3n, TypeError],
  [[3], TypeError],
  [NaN, RangeError],
  [Infinity, RangeError],
  [-Infinity, RangeError],
];
const NOT_U32: readonly [unknown, ErrorClass][] = [
  ...STRANGE,
  [-1, RangeError],
  [1.5, RangeError],
  [2 ** 32, RangeError],
  [Number.MAX_SAFE_INTEGER, RangeError],
  [5e-324, RangeError],
];

/** Values that a kind of parameter refuses. */
const BAD: Readonly<Record<string, readonly [unknown, ErrorClass][]>> = {
  u32: NOT_U32,
  i32: [...STRANGE, [1.5, RangeError], [2 ** 31, RangeError], [-(2 ** 31) - 1, RangeError]],
  f64: STRANGE,
  bool: [[0, TypeError], [1, TypeError], ["true", TypeError], [undefined, TypeError], [NaN, TypeError]],
  dtype: [["f16", RangeError], ["toString", RangeError], [0, RangeError], [undefined, RangeError], [NaN, RangeError]],
  activation: [["prelu", RangeError], ["", RangeError], [1, RangeError], [undefined, RangeError]],
};

function call(device: Device, op: string, params: unknown): void {
  const { outputs } = callOp(device.handle, op as OpName, [], params as OpParams[OpName]);
  for (const output of outputs) releaseTensor(device.handle, output);
}

Deno.test("numbers: bad values at every parameter of every op", async () => {
  using device = new Device("cpu", { threads: 1 });
  let checked = 0;
  for (const row of opRows) {
    const [first] = await readOpCases(row.name);
    for (const { name, kind } of row.params) {
      const element = kind.replace("[]", "");
      for (const [bad, errorClass] of BAD[element]!) {
        const what = `${row.name}(): ${name} = ${String(bad)}`;
        const value = kind.endsWith("[]") ? [...first!.params[name] as readonly number[], bad] : bad;
        const error = assertThrows(() => call(device, row.name, { ...first!.params, [name]: value }), Error, "", what);
        assertInstanceOf(error, errorClass, what);
        assertStringIncludes(error.message, `${row.name}(): Expected \`${name}`, what);
        checked++;
      }
    }
  }
  assertEquals(checked > 500, true, `${checked} checked`);
  assertEquals([device.stats().handles, device.queue.enqueued()], [0, 0]);
});

Deno.test("numbers: the library refuses them itself where nothing checked them before", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const row of opRows) {
    const [first] = await readOpCases(row.name);
    const good = paramNumbers(row, first!.params);
    let place = 0;
    for (const { name, kind } of row.params) {
      const value = first!.params[name] as ParamValue;
      const element = kind.replace("[]", "");
      const bads = element === "f64" ? [NaN, Infinity, -Infinity] : [NaN, Infinity, -1, 1.5, 2 ** 32];
      if (!(Array.isArray(value) && value.length === 0)) {
        for (const bad of bads) {
          const result = await rawCall(
            `lt_${row.name}`,
            opArguments(device.handle, [], good.with(place, bad)),
          );
          assertEquals(result.status, 1, `${row.name}(): ${name} = ${bad}: ${result.message}`);
          assertMatch(result.message, new RegExp(`^${row.name}\\(\\): Expected \`\\w+\``), `${name} = ${bad}`);
        }
      }
      place += Array.isArray(value) ? value.length : 1;
    }
  }
  assertEquals([device.stats().handles, device.queue.enqueued()], [0, 0]);
});

Deno.test("numbers: the same errors once the calls are hot", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { device });
  const queue = device.handle;
  // A view: nothing is enqueued, so that hundreds of thousands of calls take no time on the device.
  const rows = (start: number, count: number): Handle =>
    callOp(queue, "rows", [x.handle], { start, count }).outputs[0]!;
  for (let i = 0; i < 300_000; i++) releaseTensor(queue, rows(i % 3, 1));
  for (const [bad, errorClass] of NOT_U32) {
    const what = `start = ${String(bad)}`;
    const error = assertThrows(() => rows(bad as number, 1), Error, "", what);
    assertInstanceOf(error, errorClass, what);
    assertStringIncludes(error.message, "rows(): Expected `start` as a whole number", what);
    assertInstanceOf(assertThrows(() => rows(0, bad as number)), errorClass, what);
  }
  assertThrows(() => rows(2, 2), Error, "rows()");
  const shape = (size: number): unknown => tensor([1], [size], { device });
  for (const bad of [NaN, -1, 1.5, 2 ** 32, Infinity]) {
    assertThrows(() => shape(bad), RangeError, "tensor(): Expected sizes as whole numbers from 0");
  }
  assertEquals(device.stats().handles, 1);
});

Deno.test("numbers: a ticket that nobody was given is refused, as a wait for it might never end", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { slot, generation } = device.handle;
  const last = device.queue.enqueued();
  for (const [low, high] of [[last + 1, 0], [0, 1], [0xffffffff, 0xffffffff]] as const) {
    const { status, message } = await rawCall("lt_queue_wait", [slot, generation, low, high]);
    assertEquals(status, 1);
    assertStringIncludes(message, `queue_wait(): Expected a ticket up to ${last}, got `);
  }
  assertEquals((await rawCall("lt_queue_wait", [slot, generation, last, 0])).status, 0);
});

Deno.test("numbers: what a device is asked for", () => {
  for (const threads of [NaN, -1, 1.5, 257, 2 ** 32, Infinity]) {
    assertThrows(() => new Device("cpu", { threads }), RangeError, `from 1 to 256, got ${threads}`);
  }
});

Deno.test("numbers: the table has no kind of parameter that these tests leave out", () => {
  const kinds = new Set(Object.values(OPS).flatMap(({ params }) => params.map(([, kind]) => kind.replace("[]", ""))));
  assertEquals([...kinds].filter((kind) => BAD[kind] === undefined), []);
});
