/**
 * Every row of the op table: a dtype, a shape or a device that an op does not take is refused at the call, by an error of
 * the library's that names what was expected and what was given.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Device, ones, scope, type Tensor } from "../../../mod.ts";
import type { DtypeName } from "../../../lib/ffi/codes.ts";
import type { OpName, OpParams } from "../../../lib/ffi/generated/symbols.ts";
import { apply } from "../../../lib/tensor/apply.ts";
import { type OpCase, type OpRow, opRows, readOpCases } from "../../support/op_cases.ts";
import { upload } from "../../support/run_case.ts";

const DTYPES = ["f32", "f64", "bf16", "i32", "u8"] as const satisfies readonly DtypeName[];

/** Ops that take every dtype in every place, as values are only moved, compared or made. */
const ANY_DTYPE = new Set(["cast", "reshape", "rows", "slice", "pad", "transpose", "broadcast_to", "fill", "argmax"]);
/** Ops that take every shape, element by element, of one input. */
const ANY_SHAPE = new Set(["cast", "fill", "assert_finite"]);

const isElementwise = ({ inputs, params }: OpRow): boolean =>
  inputs.length === 1 && params.every(({ kind }) => !kind.endsWith("[]")) && inputs[0] === "x";

/** The inputs of a row's first case with one replaced; its outcome. */
function outcome(row: OpRow, each: OpCase, device: Device, at: number, other: (own: Tensor) => Tensor): unknown {
  try {
    scope(() => {
      const inputs = each.inputs.map((input, index) => {
        if (input === null) return null;
        const own = upload(input, (each.inputDtypes?.[index] as DtypeName | undefined) || "f32", device);
        return index === at ? other(own) : own;
      });
      apply(row.name as OpName, inputs, each.params as unknown as OpParams[OpName], { device });
    });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Throws where something was refused in other words than the library's: what was expected, and what it got. */
function assertRefusal(row: OpRow, error: unknown, what: string, got: RegExp): void {
  assert(error instanceof TypeError || error instanceof RangeError, `${row.name}, ${what}: ${error}`);
  assertMatch(error.message, new RegExp(`^${row.name}\\(\\): `), `${row.name}, ${what}`);
  assertMatch(error.message, /Expected .+/, `${row.name}, ${what}`);
  assertMatch(error.message, got, `${row.name}, ${what}`);
}

/** The first case with an input, the larger the better; what takes none has no dtype or shape to be wrong. */
async function caseOf(row: OpRow): Promise<OpCase | undefined> {
  const cases = await readOpCases(row.name);
  const having = (fits: (size: number) => boolean): OpCase | undefined =>
    cases.find(({ inputs }) => inputs.every((input) => input === null || input.shape.some(fits)));
  if (row.inputs.length === 0) return undefined;
  return having((size) => size > 1) ?? having(() => true) ??
    cases.find(({ inputs }) => inputs.some((input) => input !== null));
}

for (
  const [kind, others] of [
    ["dtype", DTYPES.map((dtype) => [dtype, (own: Tensor) => ones(own.shape, { dtype, device: own.device })] as const)],
    [
      "shape",
      [
        ["another rank", (own: Tensor) => ones([...own.shape.slice(0, 5), 7], own)],
        ["other sizes", (own: Tensor) => ones(own.shape.length === 0 ? [7] : own.shape.map((size) => size + 5), own)],
        ["six axes", (own: Tensor) => ones([1, 2, 3, 1, 2, 3], own)],
        ["no axes", (own: Tensor) => ones([], own)],
      ] as const,
    ],
  ] as const
) {
  Deno.test(`every op refuses a ${kind} that it does not take, with what it expected and got`, async () => {
    using device = new Device("cpu", { threads: 1 });
    const silent: string[] = [];
    for (const row of opRows) {
      const each = await caseOf(row);
      if (each === undefined) continue;
      let refused = 0;
      for (const [at, input] of each.inputs.entries()) {
        if (input === null) continue;
        for (const [what, other] of others) {
          const error = outcome(row, each, device, at, other);
          // What a dtype or a shape makes of the values may be told once they run; here nothing waits for them.
          if (error === undefined) continue;
          refused++;
          assertRefusal(
            row,
            error,
            `input ${at} with ${what}`,
            kind === "dtype" ? /(f32|f64|bf16|i32|u8).*got |got .*(f32|f64|bf16|i32|u8)|of shape/ : /got |\[/,
          );
        }
      }
      if (device.queue.failed()) await device.recover();
      const free = kind === "dtype" ? ANY_DTYPE.has(row.name) : ANY_SHAPE.has(row.name) || isElementwise(row);
      if (refused === 0 && !free) silent.push(row.name);
    }
    assertEquals(silent, [], `ops that refuse no ${kind}`);
    assertEquals(device.stats().handles, 0);
  });
}

Deno.test("every op of several inputs refuses one of another device, and every op one that is disposed", async () => {
  using device = new Device("cpu", { threads: 1 });
  using elsewhere = new Device("cpu", { threads: 1 });
  let [apart, disposed] = [0, 0];
  for (const row of opRows) {
    const each = await caseOf(row);
    if (each === undefined) continue;
    for (const [at, input] of each.inputs.entries()) {
      if (input === null) continue;
      const gone = outcome(row, each, device, at, (own) => {
        own.dispose();
        return own;
      });
      assertMatch(String(gone), /^DisposedError: .*after it was disposed/, row.name);
      disposed++;
      if (each.inputs.filter((input) => input !== null).length < 2) continue;
      const error = outcome(row, each, device, at, (own) => ones(own.shape, { dtype: own.dtype, device: elsewhere }));
      assert(error instanceof TypeError, `${row.name}, input ${at} of another device: ${error}`);
      assertMatch(error.message, /device|queue/i, row.name);
      apart++;
    }
  }
  assert(apart > 100 && disposed > 150, `${apart} of another device, ${disposed} disposed`);
  assertEquals([device.stats().handles, elsewhere.stats().handles], [0, 0]);
});

Deno.test("every op refuses a parameter of another type, or beyond what it is", async () => {
  using device = new Device("cpu", { threads: 1 });
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    u32: [-1, 1.5, NaN, 2 ** 32, "1", undefined, 1n],
    i32: [1.5, NaN, 2 ** 31, "1", undefined, 1n],
    f64: [NaN, Infinity, "1", undefined, 1n],
    bool: [0, 1, "true", undefined],
    dtype: ["f16", 0, undefined, Symbol("f32")],
    activation: ["swish", 1, undefined, Symbol("relu")],
  };
  let checked = 0;
  for (const row of opRows) {
    const [each] = await readOpCases(row.name);
    for (const { name, kind } of row.params) {
      const list = kind.endsWith("[]");
      for (const value of wrong[kind.replace("[]", "")]!) {
        const given = list ? [value] : value;
        const error = outcome(
          row,
          { ...each!, params: { ...each!.params, [name]: given as never } },
          device,
          -1,
          (own) => own,
        );
        assert(
          error instanceof TypeError || error instanceof RangeError,
          `${row.name}, ${name} as ${String(value)}: ${error}`,
        );
        assertMatch(error.message, new RegExp(`^${row.name}\\(\\): Expected .*${name}.*, got `), row.name);
        checked++;
      }
    }
  }
  assert(checked > 500, `${checked} parameters`);
});
