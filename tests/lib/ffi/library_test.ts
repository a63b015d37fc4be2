/** What must fit before the library is used. */
import { assertEquals, assertThrows } from "@std/assert";
import { LibtrainError } from "../../../mod.ts";
import { ABI_VERSION, libraryPath, requireAbi, requireDeno } from "../../../lib/ffi/library.ts";

Deno.test("library: another ABI version names both, the file, and what to run", () => {
  const path = new URL("file:///somewhere/liblibtrain.so");
  requireAbi(ABI_VERSION, path);
  for (const found of [0, ABI_VERSION - 1]) {
    assertThrows(
      () => requireAbi(found, path),
      LibtrainError,
      `Expected a native library of ABI version ${ABI_VERSION}, got ${found} at /somewhere/liblibtrain.so: run \`deno task build\``,
    );
  }
});

Deno.test("library: an old Deno is told which one is wanted", () => {
  for (const fine of ["2.9.6", "2.9.7", "2.10.0", "3.0.0", "2.9.6+abcdef", "2.9.6-rc.1", Deno.version.deno]) {
    requireDeno(fine);
  }
  for (const old of ["2.9.5", "2.8.9", "1.46.3", "2.9"]) {
    const message = `Expected Deno 2.9.6 or newer, got ${old}: run \`deno upgrade\``;
    assertThrows(() => requireDeno(old), LibtrainError, message);
  }
});

Deno.test("library: is looked for where cargo builds it", () => {
  const name = { windows: "libtrain.dll", darwin: "liblibtrain.dylib" }[Deno.build.os as string] ?? "liblibtrain.so";
  assertEquals(libraryPath().href, new URL(`../../../target/release/${name}`, import.meta.url).href);
});
