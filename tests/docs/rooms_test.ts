/** No room imports from one above it, as docs/architecture.md says. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { importsOf } from "../support/imports.ts";
import { rooms, sourceFiles, violations } from "../support/rooms.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

Deno.test("rooms: every file imports only from rooms below its own", () => {
  const files = sourceFiles(root);
  assert(files.length > 150, `${files.length} files`);
  assertEquals(files.flatMap(violations), []);
});

Deno.test("rooms: every folder of lib/ is a room, and the table of docs/architecture.md has them in their order", () => {
  const folders = [...Deno.readDirSync(new URL("../../lib", import.meta.url))].map(({ name }) => name);
  assertEquals(folders.sort(), [...rooms, "cli"].sort());
  const text = Deno.readTextFileSync(new URL("../../docs/architecture.md", import.meta.url));
  const table = [...text.matchAll(/^\| `lib\/(\w+)\/` /gm)].map(([, name]) => name);
  assertEquals(table.filter((name) => name !== "cli"), [...rooms]);
});

Deno.test("rooms: the checker finds what reaches up or too deep", () => {
  const wrong: [path: string, text: string, found: string][] = [
    ["lib/nn/a.ts", `import { b } from "../train/b.ts";`, "imports ../train/b.ts: a room above"],
    ["lib/nn/a.ts", `import type { B } from "../optim/b.ts";`, "imports ../optim/b.ts: a room above"],
    ["lib/nn/a.ts", `export * from "../models/b.ts";`, "imports ../models/b.ts: a room above"],
    ["lib/nn/a.ts", `export { b,\n c } from '../data/b.ts';`, "imports ../data/b.ts: a room above"],
    ["lib/nn/a.ts", "const b = await import(`../run/${name}.ts`);", "imports ../run/: a room above"],
    ["lib/nn/a.ts", `type B = import("../recipe/b.ts").B;`, "imports ../recipe/b.ts: a room above"],
    ["lib/nn/a.ts", 'const t = `${await import("../run/b.ts")}`;', "imports ../run/b.ts: a room above"],
    ["lib/nn/deep/a.ts", `import "../../study/b.ts";`, "imports ../../study/b.ts: a room above"],
    ["lib/ffi/a.ts", `import { b } from "../registry/b.ts";`, "imports ../registry/b.ts: a room above"],
    ["lib/nn/a.ts", `import { b } from "../../mod.ts";`, "imports ../../mod.ts: what is no room below"],
    ["lib/nn/a.ts", `import { b } from "../cli/b.ts";`, "imports ../cli/b.ts: what is no room below"],
    ["lib/strange/a.ts", `import { b } from "../ffi/b.ts";`, "imports ../ffi/b.ts: from what is no room"],
    [
      "lib/nn/a.ts",
      `import { join } from "@std/path";`,
      "imports @std/path: a bare specifier, for which a reader needs an import map",
    ],
    ["lib/cli/a.ts", `import { b } from "../nn/b.ts";`, "imports ../nn/b.ts: deeper than it may"],
    ["mod.ts", `export * from "./lib/cli/a.ts";`, "imports ./lib/cli/a.ts: what is no room"],
    ["tasks/a.ts", `import { b } from "../lib/nn/b.ts";`, "imports ../lib/nn/b.ts: deeper than it may"],
    ["tasks/a.ts", `import { b } from "../tools/b.ts";`, "imports ../tools/b.ts: deeper than it may"],
    ["examples/a.ts", `import { b } from "../mod.ts";`, "imports ../mod.ts: deeper than it may"],
    ["examples/a.ts", `import { b } from "npm:b";`, "imports npm:b: a module that is not its to use"],
    ["benchmarks/a.ts", `import { b } from "../tasks/b.ts";`, "imports ../tasks/b.ts: deeper than it may"],
    ["lib/tensor/a.ts", `Deno.dlopen(path, {});`, "opens a library: only lib/ffi does"],
    ["lib/recipe/a.ts", `const model: XResNet = made;`, "names XResNet: only lib/models does"],
  ];
  for (const [path, text, found] of wrong) assertEquals(violations({ path, text }), [`${path} ${found}`]);
});

Deno.test("rooms: the checker lets through what is right, and reads no comments and texts as code", () => {
  const right: [path: string, text: string][] = [
    ["lib/nn/a.ts", `import { b } from "./b.ts";\nimport { c } from "../tensor/c.ts";\nimport { d } from "node:path";`],
    ["lib/nn/a.ts", `/** \`\`\`ts\n * import { b } from "../train/b.ts";\n */\n// import "../run/b.ts"`],
    ["lib/nn/a.ts", 'const text = `import { b } from "../train/b.ts"`; const more = \'import "../run/b.ts"\';'],
    ["lib/nn/a.ts", `const pattern = /["'\`]/; const half = a / 2; // from "../train/b.ts"`],
    ["lib/nn/a.ts", `const url = new URL("../train/b.ts", import.meta.url);`],
    ["lib/nn/a.ts", `/** As an XResNet has it, by dlopen. */ const text = "XResNet";`],
    ["lib/models/a.ts", `export class XResNet {}`],
    ["lib/ffi/a.ts", `Deno.dlopen(path, {});`],
    [
      "tasks/a.ts",
      `import { b } from "../mod.ts";\nimport { c } from "../lib/cli/c.ts";\nimport { d } from "@std/path";`,
    ],
    ["benchmarks/a.ts", `import type { B } from "../tasks/b.ts";\nimport { c } from "./support.ts";`],
    ["examples/a.ts", `import { b } from "@libtrain/libtrain";\nimport { parseArgs } from "@std/cli/parse-args";`],
  ];
  for (const [path, text] of right) assertEquals(violations({ path, text }), []);
});

Deno.test("rooms: imports are found whatever stands between them", () => {
  const text =
    'import a, { type b } from "./a.ts";\nconst c = `${`${"}"}` + d}`, e = f ? /`/ : "\\"";\nimport "./g.ts";';
  assertEquals(importsOf(text), [{ specifier: "./a.ts", types: false }, { specifier: "./g.ts", types: false }]);
});
