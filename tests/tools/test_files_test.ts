import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { pick, testFiles } from "../../tools/test_files.ts";
import { tempFolder } from "../temp_folder.ts";

/** A small repository of such files. */
const texts: Readonly<Record<string, string>> = {
  "core-rs/src/ops/conv2d/kernel.rs": "#[test]\nfn strides() {}",
  "core-rs/src/ops/pad.rs": "#[test]\nfn pads_before_a_convolution() {}",
  "core-rs/src/error.rs": "pub fn conv2d() {}",
  "lib/optim/schedules.ts": "/**\n * ```ts\n * cosine();\n * ```\n */",
  "lib/optim/plain.ts": "export {};",
  "tests/lib/optim/schedules_test.ts": `Deno.test("where they end", () => {});`,
  "tests/lib/nn/layers_test.ts": `Deno.test("Conv2d: conv2d with a bias", () => {});\nconst schedules = 1;`,
  "tests/lib/tensor/op_test.ts": 'import "../../support/table.ts";\nDeno.test(`${name}()`, () => {});',
  "tests/support/table.ts": `import "../generated/ops.json";`,
  "tests/generated/ops.json": `["conv2d", "tanh"]`,
  "tests/tools/long_test.ts": `long("a rehearsal", "it is long", () => {});`,
  "tests/emulated/ops_test.ts":
    'import "../support/table.ts";\nfunction test(name: string): void {}\n\ntest("all of them");',
};

function repository(root: string): void {
  for (const [path, text] of Object.entries(texts)) {
    Deno.mkdirSync(dirname(join(root, path)), { recursive: true });
    Deno.writeTextFileSync(join(root, path), text);
  }
}

const none = { rust: [], typescript: [], emulated: [], docs: [] };

Deno.test("testFiles: tests by suite, and modules with examples", async () => {
  using folder = tempFolder();
  repository(folder.path);
  assertEquals(await testFiles(folder.path), {
    rust: ["core-rs/src/ops/conv2d/kernel.rs", "core-rs/src/ops/pad.rs"],
    typescript: [
      "tests/lib/nn/layers_test.ts",
      "tests/lib/optim/schedules_test.ts",
      "tests/lib/tensor/op_test.ts",
      "tests/tools/long_test.ts",
    ],
    emulated: ["tests/emulated/ops_test.ts"],
    docs: ["lib/optim/schedules.ts"],
  });
});

Deno.test("pick: files by path are run whole, tests by name, also names made of a table that is imported", async () => {
  using folder = tempFolder();
  repository(folder.path);
  const files = await testFiles(folder.path);
  const picked = (word: string): ReturnType<typeof pick> => pick(folder.path, files, word);
  // A word that stands in a file, but neither in its path nor in a name, picks nothing of it.
  assertEquals(await picked("schedules"), {
    whole: { ...none, typescript: ["tests/lib/optim/schedules_test.ts"], docs: ["lib/optim/schedules.ts"] },
    named: none,
  });
  assertEquals(await picked("conv2d"), {
    whole: none,
    named: {
      ...none,
      rust: ["core-rs/src/ops/conv2d/kernel.rs"],
      typescript: ["tests/lib/nn/layers_test.ts", "tests/lib/tensor/op_test.ts"],
      emulated: ["tests/emulated/ops_test.ts"],
    },
  });
  assertEquals((await picked("pads_before")).named.rust, ["core-rs/src/ops/pad.rs"]);
  assertEquals((await picked("rehearsal")).named, { ...none, typescript: ["tests/tools/long_test.ts"] });
  assertEquals((await picked("emulated")).whole.emulated, ["tests/emulated/ops_test.ts"]);
  assertEquals(await picked("no such thing"), { whole: none, named: none });
});

Deno.test("testFiles: every suite of this repository has files", async () => {
  const files = await testFiles(fromFileUrl(new URL("../..", import.meta.url)));
  for (const [suite, paths] of Object.entries(files)) assertEquals(paths.length > 10, true, `${suite}: ${paths}`);
  assertEquals(files.typescript.includes("tests/tools/test_files_test.ts"), true);
  // Each in one suite.
  assertEquals(new Set(Object.values(files).flat()).size, Object.values(files).flat().length);
});
