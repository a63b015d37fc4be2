/** Wrong types from plain JavaScript at every public call: the library's own errors, and nothing left behind. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import * as lib from "../../mod.ts";
import { nnRows } from "../support/public_calls/nn_rows.ts";
import { tensorRows } from "../support/public_calls/tensor_rows.ts";
import { runRows } from "../support/public_calls/run_rows.ts";
import { isOwn, type Row, walk } from "../support/public_calls/walk.ts";
import { tempFolder } from "../temp_folder.ts";

const rows: Readonly<Record<string, Row>> = { ...tensorRows, ...nnRows, ...runRows };

/** Names that every class has, or that call another one that is walked. */
const INHERITED = ["constructor", "length", "name", "prototype"];

function isClass(value: unknown): value is new () => object {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/** Methods of a class by name, static ones too; getters take nothing. */
function methodsOf(kind: new () => object): string[] {
  return [kind, kind.prototype].flatMap((holder) =>
    Object.entries(Object.getOwnPropertyDescriptors(holder))
      .filter(([name, { value }]) => typeof value === "function" && !INHERITED.includes(name))
      .map(([name]) => name)
  );
}

/** Every public function, class and method, by the name that a script writes. */
function publicCalls(): string[] {
  const found: string[] = [];
  const visit = (path: string, value: unknown): void => {
    if (typeof value !== "function") return;
    found.push(path);
    if (isClass(value)) found.push(...methodsOf(value).map((name) => `${path}.${name}`));
  };
  for (const [name, value] of Object.entries(lib)) {
    if (Object.prototype.toString.call(value) === "[object Module]") {
      for (const [inner, own] of Object.entries(value)) visit(`${name}.${inner}`, own);
    } else visit(name, value);
  }
  // A tensor's ops are methods of what it extends.
  found.push(...methodsOf(Object.getPrototypeOf(lib.Tensor)).map((name) => `Tensor.${name}`));
  return found;
}

Deno.test("every public call has a row, or says why it has none", () => {
  const calls = publicCalls();
  assertGreater(calls.length, 300);
  const missing = calls.filter((name) => !Object.hasOwn(rows, name));
  assertEquals(missing, [], "put a row into tests/support/public_calls/");
});

const walked = Object.entries(rows).flatMap(([name, row]) => "none" in row ? [] : [[name, row] as const]);
const places = Map.groupBy(
  walked,
  ([name]) => /^[a-z]/.test(name) && name.includes(".") ? name.split(".")[0]! : "tensors",
);

for (const [place, own] of places) {
  Deno.test(`${place}: wrong types are the library's errors`, async () => {
    using folder = tempFolder();
    using device = new lib.Device("cpu", { threads: 1 });
    const before = lib.setDefaultDevice(device);
    try {
      const wrong: string[] = [];
      for (const [name, row] of own) wrong.push(...(await walk(name, row, { device, folder: folder.path })).wrong);
      assertEquals(wrong, []);
      assertEquals(device.stats().handles, 0);
    } finally {
      lib.setDefaultDevice(before);
    }
  });
}

Deno.test("a plain JavaScript error, a value taken and a tensor left alive are told by a walk", async () => {
  using device = new lib.Device("cpu", { threads: 1 });
  const where = { device, folder: "none" };
  const careless = (x: { shape: number[] }): number => x.shape[0]!;
  const { wrong } = await walk("careless", ({ x }) => [careless, x(2, 3)], where);
  assert(wrong.some((text) => text.includes("Cannot read properties of undefined")), wrong.join("\n"));
  const taking = (): number => 1;
  assert(
    (await walk("taking", ({ x }) => [taking, x(2)], where)).wrong[0]!.includes("taken where a value of kind tensor"),
  );
  const leaking = (x: lib.Tensor): void => {
    lib.ones([2], { device }).detachFromScope();
    x.neg();
  };
  const left = await walk("leaking", ({ x }) => [leaking, x(2)], where);
  assert(left.wrong.some((text) => text.includes("tensors left alive")), left.wrong.join("\n"));
  assert(!isOwn(new TypeError("x is not iterable")) && !isOwn(new RangeError("Invalid array length")));
  assert(isOwn(new TypeError("ones(): Expected `shape` as an array of numbers, got undefined")));
});
