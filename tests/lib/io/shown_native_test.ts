/** Names as the native library shows them. */
import { assertEquals } from "@std/assert";
import { shown } from "../../../lib/io/shown.ts";

Deno.test("shown: the native library escapes the same characters", async () => {
  const source = await Deno.readTextFile("core-rs/src/shown.rs");
  const ranges = [...source.matchAll(/\(0x([0-9A-F]+), 0x([0-9A-F]+)\)/g)].map(([, first, last]) =>
    [first, last].map((digits) => parseInt(digits!, 16)) as [number, number]
  );
  const native = (code: number): boolean => ranges.some(([first, last]) => first <= code && code <= last);
  const differ: number[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    // Halves of characters are no text there.
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const text = String.fromCodePoint(code);
    if ((shown(text) !== text) !== native(code)) differ.push(code);
  }
  assertEquals(differ.map((code) => code.toString(16)), []);
});
