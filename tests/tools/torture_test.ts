/** The frame of `deno task torture`, and that docs/reliability.md says what the committed results say. */
import { npmPackages } from "../../tools/torture/checks/supply.ts";
import { reports } from "../../tools/torture/checks/valgrind.ts";
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { type Check, Skipped } from "../../tools/torture/check.ts";
import { checks } from "../../tools/torture/checks.ts";
import { cut, flipBit, mutate } from "../../tools/torture/mutate.ts";
import { fileOf, pagePath, promiseTable, withTable } from "../../tools/torture/page.ts";
import { Random } from "../../tools/torture/random.ts";
import { readResults, resultsPath, withEntry } from "../../tools/torture/results.ts";
import { type CheckResult, isGood, runCheck, runChecks } from "../../tools/torture/runner.ts";
import { table } from "../../tools/torture/table.ts";
import { tortureCommand } from "../../tools/torture.ts";
import { keptStreams } from "../lib/cli/streams.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** A check that does what a test says. */
function checkOf(run: Check["run"], caught = true): Check {
  return {
    name: "made",
    promise: "Nothing.",
    unit: "tries",
    sizes: { quick: 3, long: 30 },
    run,
    control: () => Promise.resolve({ planted: "a bug", caught, said: caught ? "found" : "nothing" }),
  };
}

async function ran(check: Check, options: { quick?: boolean; minutes?: number } = {}): Promise<CheckResult> {
  return await runCheck(check, { quick: true, seed: 1, note: (): void => {}, ...options });
}

Deno.test("torture: a check is kept only where nothing was lost and its planted bug was found", async () => {
  const good = checkOf((_, tally) => Promise.resolve(tally.count(undefined, 3)));
  assertEquals((await ran(good)).state, "kept");
  const blind = await ran(checkOf((_, tally) => Promise.resolve(tally.count(undefined, 3)), false));
  assertEquals([blind.state, isGood(blind)], ["blind", false]);
  const lost = await ran(checkOf((_, tally) => Promise.resolve(tally.count(`${root}file is gone`))));
  assertEquals([lost.state, lost.tried, lost.lost, lost.losses], ["lost", 1, 1, ["file is gone"]]);
  const failed = await ran(checkOf(() => Promise.reject(new Error("broken"))));
  assertEquals([failed.state, failed.losses], ["lost", ["the check itself failed: broken"]]);
  // One that tries nothing shows nothing.
  const idle = await ran(checkOf(() => Promise.resolve()));
  assertEquals([idle.state, isGood(idle)], ["blind", false]);
});

Deno.test("torture: what cannot be tried here is skipped with its reason, whole or in part", async () => {
  const whole = await ran(checkOf(() => Promise.reject(new Skipped("no disk"))));
  assertEquals([whole.state, whole.control, whole.skipped], ["skipped", null, ["made: no disk"]]);
  const part = await ran(checkOf((_, tally) => {
    tally.skip("as PID 1", "not permitted");
    return Promise.resolve(tally.count(undefined));
  }));
  assertEquals([part.state, part.skipped], ["kept", ["as PID 1: not permitted"]]);
});

Deno.test("torture: sizes follow the run, time ends it early, and a folder is there and gone afterwards", async () => {
  let folder = "";
  const counting = checkOf((context, tally) => {
    folder = context.folder;
    assert(Deno.statSync(folder).isDirectory);
    for (const _ of context.rounds()) tally.count(undefined);
    return Promise.resolve();
  });
  assertEquals((await ran(counting)).tried, 3);
  assertEquals((await ran(counting, { quick: false })).tried, 30);
  assertEquals((await ran(counting, { quick: false, minutes: 1e-9 })).tried, 0);
  assertEquals(await Deno.stat(folder).then(() => true, () => false), false);
});

Deno.test("torture: losses beyond twenty are counted and not told; figures add up or keep the largest", async () => {
  const { lost, losses, figures } = await ran(checkOf((_, tally) => {
    for (let at = 0; at < 50; at++) tally.count(`loss ${at}`);
    tally.add("sum", 2);
    tally.add("sum");
    tally.most("most", 3);
    tally.most("most", 1);
    return Promise.resolve();
  }));
  assertEquals([lost, losses.length, figures], [50, 20, { sum: 3, most: 3 }]);
});

Deno.test("torture: random numbers follow from the seed and the check, and are spread", () => {
  const draw = (seed: number, name: string): number[] => {
    const rng = Random.of(seed, name);
    return Array.from({ length: 1000 }, () => rng.u32());
  };
  assertEquals(draw(1, "a"), draw(1, "a"));
  assertNotEquals(draw(1, "a"), draw(2, "a"));
  assertNotEquals(draw(1, "a"), draw(1, "b"));
  assertEquals(new Set(draw(3, "c")).size, 1000);
  const rng = new Random(7);
  const seen = new Set(Array.from({ length: 500 }, () => rng.between(3, 9)));
  assertEquals([...seen].sort(), [3, 4, 5, 6, 7, 8, 9]);
  const heads = Array.from({ length: 4000 }, () => rng.chance(0.25)).filter(Boolean).length;
  assert(heads > 850 && heads < 1150, `${heads}`);
});

Deno.test("torture: damage is damage", () => {
  const rng = new Random(1);
  const bytes = rng.bytes(300);
  for (let at = 0; at < 200; at++) {
    assertEquals(flipBit(bytes, rng).filter((byte, place) => byte !== bytes[place]).length, 1);
    assert(cut(bytes, rng).length < bytes.length);
    assert(mutate(bytes, rng).length < 4 * 600);
  }
  assertEquals(mutate(new Uint8Array(), rng).length > 0, true);
});

Deno.test("torture: Valgrind's reports of the library are told from Deno's own", () => {
  const report = (what: string, frame: string): string =>
    `==7== ${what}\n==7==    at 0x41: push (buffers.rs:84)\n==7==    by ${frame}\n==7== \n`;
  const lines = report("Invalid write of size 4", "0x4: libtrain::abi::buffers::Out::text (buffers.rs:133)");
  const file = report("Use of uninitialised value of size 8", "0x4: ??? (in /somewhere/liblibtrain.so)");
  const leak = report(
    "96 bytes in 2 blocks are definitely lost in loss record 9 of 12",
    "0x4: lt_queue_create (guard.rs:73)",
  );
  const foreign = report("Invalid read of size 4", "0x4: ??? (in /somewhere/deno)");
  const warning = "==7== Warning: set address range perms: large range [0x2a6400000000, 0x2a6ffffff000) (noaccess)\n";
  const found = reports([foreign, warning, lines, file, foreign, leak].join(""));
  assertEquals([found.length, found[0]?.split("\n")[0]], [3, "Invalid write of size 4"]);
  assertEquals(reports(foreign), []);
});

Deno.test("torture: every check has a name, a promise, sizes, and a file of its own", async () => {
  const names = checks.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const check of checks) {
    assert(/^[A-Z].*\.$/.test(check.promise), check.promise);
    assert(check.sizes.quick >= 1 && check.sizes.long >= check.sizes.quick, check.name);
    assert((await Deno.stat(join(root, fileOf(check)))).isFile, check.name);
  }
});

Deno.test("torture: --list names all, a wrong name of --only is refused with the near one", async () => {
  const listed = keptStreams();
  assertEquals(await runCommand(["--list", "--json"], tortureCommand, { streams: listed }), 0);
  assertEquals(JSON.parse(listed.text.out).checks.map(({ name }: Check) => name), checks.map(({ name }) => name));
  const wrong = keptStreams();
  assertEquals(await runCommand(["--only", "resumee"], tortureCommand, { streams: wrong }), 2);
  assertStringIncludes(wrong.text.err, 'got "resumee": did you mean resume?');
});

Deno.test("torture: results are put together in the checks' order, each once", async () => {
  const origin = { cpu: "a processor", cores: 2, deno: "2.9.6", commit: "0", run: "long" } as const;
  const result = await ran(checkOf((_, tally) => Promise.resolve(tally.count(undefined))));
  const entry = (name: string, tried: number): CheckResult & typeof origin => ({ ...result, ...origin, name, tried });
  let file = withEntry({ checks: [] }, entry("b", 1), ["a", "b"]);
  file = withEntry(file, entry("a", 1), ["a", "b"]);
  file = withEntry(file, entry("b", 2), ["a", "b"]);
  assertEquals(file.checks.map(({ name, tried }) => [name, tried]), [["a", 1], ["b", 2]]);
  assertEquals(table(file.checks)[1], "a          1  tries     0  found        0.0 s  kept");
});

Deno.test("torture: results keep the checks' order, also of those that run beside others", async () => {
  const running = new Set<string>();
  let most = 0;
  const made = ["a", "b", "c", "d", "e"].map((name, at): Check => ({
    ...checkOf(async (_, tally) => {
      running.add(name);
      most = Math.max(most, running.size);
      if (at < 2) assertEquals(running.size, 1);
      await new Promise((resolve) => setTimeout(resolve, at === 2 ? 50 : 5));
      running.delete(name);
      tally.count(undefined);
    }),
    name,
    beside: at >= 2,
  }));
  const results = await runChecks(made, (check) => ran(check));
  assertEquals(results.map(({ name, state }) => `${name} ${state}`), made.map(({ name }) => `${name} kept`));
  assertEquals(most, Math.min(navigator.hardwareConcurrency, 3));
});

Deno.test("torture: docs/reliability.md says what the committed results say", async () => {
  const text = await Deno.readTextFile(join(root, pagePath));
  const results = await readResults(join(root, resultsPath));
  assertEquals(withTable(text, promiseTable(checks, results)), text, "run `deno task torture`, which writes the table");
  for (const entry of results.checks) assert(isGood(entry), `${entry.name}: ${entry.state}`);
});

Deno.test("torture: every package of npm that the lock file has is named in deny.toml", async () => {
  assertEquals((await npmPackages()).filter(({ isNamed }) => !isNamed), []);
});
