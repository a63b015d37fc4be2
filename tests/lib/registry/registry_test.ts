import { assertEquals, assertThrows } from "@std/assert";
import { NotRegisteredError, Registry } from "../../../lib/registry/registry.ts";

const one = (): number => 1;
const two = (): number => 2;

Deno.test("Registry: names stand for builders, those of a script come after the toolkit's own", () => {
  const registry = new Registry("number", { one: { build: one, options: ["a"] } });
  registry.add("two", two);
  registry.add("three", { build: () => 3, options: [] });
  assertEquals([registry.names, registry.has("two"), registry.has("four")], [["one", "two", "three"], true, false]);
  assertEquals([registry.get("two").build(), registry.get("two").options], [2, undefined]);
  assertEquals(registry.get("one").options, ["a"]);
});

Deno.test("Registry: a name that nothing is registered under is told with those that are", () => {
  const registry = new Registry("number", { one: { build: one } });
  for (const name of ["zwei", undefined, 3, "constructor"]) {
    const error = assertThrows(() => registry.get(name), NotRegisteredError, `one of one, got "${name}"`);
    assertEquals([error.kind, error.known], ["number", ["one"]]);
  }
});

Deno.test("Registry: a name is taken once, by the same builder as often as it is given", () => {
  const registry = new Registry("number", { one: { build: one } });
  registry.add("one", one);
  assertThrows(() => registry.add("one", two), TypeError, 'Expected a name that is free for a number, got "one"');
  assertThrows(() => registry.add("a b", two), TypeError, "Expected a name of letters, digits, - and _ for a number");
  assertThrows(
    () => registry.add("two", 2 as never),
    TypeError,
    'Expected a function for the number "two", got number',
  );
});
