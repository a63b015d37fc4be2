/** Names as they are printed. */
import { assertEquals } from "@std/assert";
import { shown } from "../../../lib/io/shown.ts";

Deno.test("shown: what a terminal would act on is escaped, and nothing else", () => {
  assertEquals(shown("a\x1b[31m\nb\u202ec\ud800"), "a\\u{1b}[31m\\u{a}b\\u{202e}c\\u{d800}");
  for (const text of ["café", "cafe\u0301", '犬 \\ "x"', "a b", "🐈"]) assertEquals(shown(text), text);
});

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
