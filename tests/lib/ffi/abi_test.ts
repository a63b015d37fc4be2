/** The op table, the generated files and the built library are of one piece. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { skip } from "../../skip.ts";
import { elfSymbols } from "../../support/elf.ts";
import { exportNames, rawCall } from "../../support/raw_exports.ts";
import { SYMBOLS } from "../../../lib/ffi/generated/symbols.ts";
import { ABI_VERSION, libraryPath } from "../../../lib/ffi/library.ts";
import { staleFiles } from "../../../tools/generate.ts";

Deno.test("abi: the library exports what the table lists, no more and no less", () => {
  const name = "abi: the library exports what the table lists, no more and no less";
  const found = elfSymbols(libraryPath());
  if (found === undefined) return skip(name, "the library is no ELF file");
  assertEquals(found.filter((symbol) => symbol.startsWith("lt_")).sort(), [...exportNames].sort());
});

Deno.test("abi: the symbol table of TypeScript lists the same exports", () => {
  assertEquals(Object.keys(SYMBOLS).sort(), [...exportNames].sort());
});

Deno.test("abi: the generated files follow from the table", async () => {
  assertEquals(await staleFiles(), [], "run deno task generate");
});

Deno.test("abi: every export is made by the macro that catches panics", () => {
  const folder = new URL("../../../core-rs/src/", import.meta.url);
  const files = (function* walk(at: URL): Generator<URL> {
    for (const entry of Deno.readDirSync(at)) {
      const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), at);
      if (entry.isDirectory) yield* walk(url);
      else if (entry.name.endsWith(".rs")) yield url;
    }
  })(folder);
  const byHand = [...files].filter((file) => Deno.readTextFileSync(file).includes("no_mangle"));
  assertEquals(byHand.map((file) => file.href.slice(folder.href.length)), ["abi/guard.rs"]);
});

Deno.test("abi: no pointer and no callback crosses it, so that a path is permission enough", () => {
  const kinds = new Set(Object.values(SYMBOLS).flatMap(({ parameters, result }) => [...parameters, result]));
  assertEquals([...kinds].sort(), ["buffer", "i32", "u32"]);
});

Deno.test("abi: the version and the machine can be asked for", async () => {
  const { status, out } = await rawCall("lt_abi_version", []);
  assertEquals([status, out[0]], [0, ABI_VERSION]);
  const info = await rawCall("lt_device_info", []);
  assertEquals(info.status, 0);
  const text = new TextDecoder().decode(new Uint8Array(info.out.buffer, 4, info.out[0]));
  const { cpu } = JSON.parse(text);
  assertMatch(cpu.available.join(" "), /^portable( avx2)?( avx512)?( avx512bf16)?$/);
  assert(cpu.available.includes(cpu.isa), cpu.isa);
  assertEquals(Object.keys(cpu.rates), cpu.available.slice(1));
});
