/** What must fit before the library is used. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { fromFileUrl, join, toFileUrl } from "@std/path";
import { skip } from "../../skip.ts";
import { tempFolder } from "../../temp_folder.ts";
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

/** Runs a script that asks the library for its version; gives what it printed. */
async function runScript(
  { env = {}, permissions, script = SCRIPT }: { env?: Record<string, string>; permissions: string[]; script?: string },
): Promise<{ code: number; out: string; err: string }> {
  const root = fromFileUrl(new URL("../../../", import.meta.url));
  const config = join(root, "deno.json");
  using temp = tempFolder();
  const file = join(temp.path, "script.ts");
  await Deno.writeTextFile(file, script);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "--no-prompt", `--config=${config}`, ...permissions, file],
    cwd: root,
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout).trim(), err: decoder.decode(stderr) };
}

const SCRIPT = `
import { symbols } from "${new URL("../../../lib/ffi/library.ts", import.meta.url).href}";
const out = new Uint32Array(64);
console.log(symbols().lt_abi_version(out, out.byteLength), out[0]);
`;
const FINE = `0 ${ABI_VERSION}`;

Deno.test("library: LIBTRAIN_LIBRARY names another file, by a path or a URL", async () => {
  using temp = tempFolder();
  const copy = join(temp.path, "a copy.so");
  await Deno.copyFile(libraryPath(), copy);
  const permissions = ["--allow-env=LIBTRAIN_LIBRARY", "--allow-read", `--allow-ffi=${copy}`];
  for (const value of [copy, toFileUrl(copy).href]) {
    const { code, out, err } = await runScript({ env: { LIBTRAIN_LIBRARY: value }, permissions });
    assertEquals([code, out], [0, FINE], err);
  }
  const missing = join(temp.path, "none.so");
  const { code, err } = await runScript({ env: { LIBTRAIN_LIBRARY: missing }, permissions: ["-A"] });
  assertEquals(code, 1);
  assertStringIncludes(err, `Cannot open the native library at ${missing} (`);
  assertStringIncludes(err, "LIBTRAIN_LIBRARY names it; run `deno task build`");
});

Deno.test("library: without permission for its variable or for reading the usual file is opened, and nothing asked", async () => {
  const env = { LIBTRAIN_LIBRARY: "/nowhere/liblibtrain.so" };
  const { code, out, err } = await runScript({ env, permissions: [`--allow-ffi=${fromFileUrl(libraryPath())}`] });
  assertEquals([code, out], [0, FINE], err);
  const refused = await runScript({ permissions: [] });
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "NotCapable: Requires ffi access");
});

Deno.test("library: one that is cut off is refused, wherever it ends", async () => {
  const name = "library: one that is cut off is refused, wherever it ends";
  if (Deno.build.os !== "linux") return skip(name, "the library is no ELF file");
  using temp = tempFolder();
  const bytes = await Deno.readFile(libraryPath());
  for (const length of [100, 4096, bytes.length >> 1, bytes.length - 1]) {
    const path = join(temp.path, `cut-${length}.so`);
    await Deno.writeFile(path, bytes.subarray(0, length));
    const { code, err } = await runScript({ env: { LIBTRAIN_LIBRARY: path }, permissions: ["-A"] });
    assertEquals(code, 1, `${length} bytes: ${err}`);
    assertStringIncludes(err, `Expected the native library at ${path} to have `);
    assertStringIncludes(err, `got ${length}: it is cut off`);
  }
});

Deno.test("library: modules that are no files need the variable", () => {
  for (const module of ["https://example.org/lib/ffi/library.ts", "data:text/javascript,0", "jsr:@libtrain/libtrain"]) {
    assertThrows(
      () => libraryPath(module),
      LibtrainError,
      "Expected the native library's path in LIBTRAIN_LIBRARY, as",
    );
  }
});

Deno.test("library: is looked for where cargo builds it", () => {
  const name = { windows: "libtrain.dll", darwin: "liblibtrain.dylib" }[Deno.build.os as string] ?? "liblibtrain.so";
  assertEquals(libraryPath().href, new URL(`../../../target/release/${name}`, import.meta.url).href);
});
