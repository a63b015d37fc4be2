/** Under a limit of the system nothing is killed: a typed error says what holds the memory, and the script goes on. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { Limited, Ran, Unable } from "../support/limited.ts";
import type { Told } from "../support/memory_cases.ts";
import { skip } from "../skip.ts";
import { tempFolder } from "../temp_folder.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const MIB = 2 ** 20;

/** A script of this repository in a process of its own. */
function scriptOf(path: string, ...args: string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "-q",
    "-A",
    "--v8-flags=--expose-gc",
    "--config",
    join(root, "deno.json"),
    join(root, path),
    ...args,
  ];
}

/** A command under a limit; null where this machine cannot set it, once that was told. */
async function limited(name: string, options: Limited): Promise<Ran | null> {
  const [program = "", ...args] = scriptOf("tests/support/limited.ts", JSON.stringify(options));
  const { stdout, stderr } = await new Deno.Command(program, { args, cwd: root }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  const ran = JSON.parse(text) as Ran | Unable;
  if (!("unable" in ran)) return ran;
  skip(name, ran.unable);
  return null;
}

/** What a case of tests/support/memory_cases.ts tells, whose process must end by itself. */
function toldBy({ code, signal, out, err }: Pick<Ran, "code" | "signal" | "out" | "err">): Told {
  assertEquals([code, signal], [0, null], err);
  return JSON.parse(out) as Told;
}

/** Expects a refusal within a budget of a source, and that the process went on. */
function assertRefused({ error, after }: Told, source: string, most: number): void {
  assertEquals([error?.name, error?.source, after], ["OutOfMemoryError", source, 1000]);
  const { asked, held, budget, holders, message } = error!;
  assert(budget! > 0 && budget! <= most && held! <= budget! && held! + asked! > budget!, message);
  assertEquals(Object.values(holders!).reduce((sum, bytes) => sum + bytes, 0), held);
}

/** Runs a case under LIBTRAIN_MEMORY. */
async function withMemory(memory: string, ...case_: string[]): Promise<Told> {
  const [program = "", ...args] = scriptOf("tests/support/memory_cases.ts", ...case_);
  const { code, signal, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: root,
    env: { LIBTRAIN_MEMORY: memory, NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return toldBy({ code, signal, out: decoder.decode(stdout), err: decoder.decode(stderr) });
}

Deno.test("LIBTRAIN_MEMORY: more at once is refused untouched", async () => {
  const told = await withMemory("300M", "large");
  assertRefused(told, "LIBTRAIN_MEMORY", 300 * MIB);
  assertEquals([told.error!.held, told.made], [0, 0]);
});

Deno.test("LIBTRAIN_MEMORY: tensors that a loop forgets are told before they fill it, by op, count and line", async () => {
  const told = await withMemory("300M", "forget");
  assertRefused(told, "LIBTRAIN_MEMORY", 300 * MIB);
  assert(told.error!.holders!.results > 250 * MIB, told.error!.message);
  assertMatch(told.error!.message, /MiB by results not disposed/);
  // Beside it may stand one of a tensor that was collected.
  const [warning = "", ...others] = told.warnings.filter((text) => !text.includes("found by chance"));
  assertEquals(others, []);
  const [, count] = /^(\d+) results of (?:normal|affine)\(\) are alive outside of any scope, .*memory_cases\.ts:\d+/
    .exec(warning) ?? [];
  // A quarter of 66 tensors, half of which are of each op.
  assert(Number(count) >= 8 && Number(count) <= 16, warning);
  assert(told.made > Number(count), "before the error");
});

Deno.test("LIBTRAIN_MEMORY: a recipe whose batch is too large names the setting, and trains with a smaller one", async () => {
  using folder = tempFolder();
  const told = await withMemory("150M", "train", folder.path);
  assertRefused(told, "LIBTRAIN_MEMORY", 150 * MIB);
  assertMatch(told.error!.message, /: set `bs` below 4096, which takes less memory$/);
  const results = [...Deno.readDirSync(folder.path)].map(({ name }) => {
    const files = [...Deno.readDirSync(join(folder.path, name))].map((file) => file.name);
    return files.some((file) => file.includes("result"));
  });
  assertEquals(results.sort(), [false, true], "the first run has come to nothing, and has nothing half written");
});

Deno.test("LIBTRAIN_MEMORY: a wrong one is told as such", async () => {
  const [program = "", ...args] = scriptOf("tests/support/memory_cases.ts", "large");
  const { code, stderr } = await new Deno.Command(program, { args, env: { LIBTRAIN_MEMORY: "lots" } }).output();
  assertEquals(code, 1);
  assertMatch(new TextDecoder().decode(stderr), /Expected LIBTRAIN_MEMORY as bytes, say 2G or 500M, got "lots"/);
});

Deno.test("LIBTRAIN_MEMORY: a wrong one is the caller's to put right, on the command line too", async () => {
  const [program = "", ...args] = scriptOf(
    "tasks/train.ts",
    "--limit",
    "64",
    "--bs",
    "16",
    "--epochs",
    "1",
    "--device",
    "cpu",
  );
  const env = { LIBTRAIN_MEMORY: "abc", NO_COLOR: "1" };
  const { code, stderr } = await new Deno.Command(program, { args, env, cwd: root }).output();
  assertEquals(code, 2);
  assertMatch(
    new TextDecoder().decode(stderr),
    /^error: Expected LIBTRAIN_MEMORY as bytes, say 2G or 500M, got "abc"$/m,
  );
});

const cases: readonly (readonly [limit: Limited["limit"], bytes: number, name: string])[] = [
  ["control group", 520 * MIB, "large"],
  ["control group", 520 * MIB, "forget"],
  ["control group", 520 * MIB, "read"],
  ["data segment", 2048 * MIB, "large"],
];
for (const [limit, bytes, name] of cases) {
  const test = `limit of the ${limit}: ${name}`;
  Deno.test(test, async () => {
    const ran = await limited(test, { limit, bytes, command: scriptOf("tests/support/memory_cases.ts", name) });
    if (ran === null) return;
    const told = toldBy(ran);
    assertRefused(told, limit, bytes);
    assertEquals(told.warnings.some((text) => text.includes("alive outside of any scope")), name === "forget");
    if (ran.peak !== null) assert(ran.peak < bytes, `${ran.peak} of ${bytes} bytes`);
  });
}

const trainTest = "limit of the control group: a batch too large fails with advice, and a smaller one trains after it";
Deno.test(trainTest, async () => {
  using folder = tempFolder();
  const flags = [
    "--limit",
    "8192",
    "--epochs",
    "1",
    "--threads",
    "1",
    "--device",
    "cpu",
    "--out",
    join(folder.path, "runs"),
  ];
  const train = (...more: string[]): Limited => ({
    limit: "control group",
    bytes: 350 * MIB,
    command: scriptOf("tasks/train.ts", ...flags, ...more, "--json"),
  });
  const failed = await limited(trainTest, train("--bs", "4096"));
  if (failed === null) return;
  assertEquals([failed.code, failed.signal], [1, null], failed.err);
  assertMatch(failed.err + failed.out, /got room for .* \(the limit of the control group\): .*: set --bs below 4096/);
  const done = await limited(trainTest, train("--bs", "64", "--limit", "512"));
  assertEquals([done!.code, done!.signal], [0, null], done!.err);
});
