import { assertEquals } from "@std/assert";
import { shown } from "../../../lib/io/shown.ts";

Deno.test("control characters of a name are shown escaped", () => {
  assertEquals(shown("a\x1b[31mb\x07"), "a\\x1b[31mb\\x07");
  assertEquals(shown("two\nlines\r\ttab\0"), "two\\x0alines\\x0d\\x09tab\\x00");
  assertEquals(shown("\x7f\x80\x9b2J"), "\\x7f\\x80\\x9b2J");
  assertEquals(shown("\u2028\u2029"), "\\u{2028}\\u{2029}");
});

Deno.test("what turns the direction of writing is shown escaped", () => {
  assertEquals(shown("gpj.\u202eexe\u2066x\u200f"), "gpj.\\u{202e}exe\\u{2066}x\\u{200f}");
  assertEquals(shown("\ud800 alone"), "\\u{d800} alone");
});

Deno.test("every other name is shown as it is", () => {
  for (const name of ["café", "cafe\u0301", "猫", "a b", "back\\slash", "emoji 🐈", "👩\u200d🔬", "ñ\u00a0x", ""]) {
    assertEquals(shown(name), name);
  }
});
