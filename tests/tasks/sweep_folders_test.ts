/** What commands say of sweeps' folders, and of the runs in them. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { study } from "../../mod.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { reportCommand } from "../../tasks/report.ts";
import { runsCommand } from "../../tasks/runs.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { sharedSweeps, small } from "../lib/study/sweep/plans.ts";
import { tempFolder } from "../temp_folder.ts";

/** What a command says where a folder is the project's. */
async function said<F extends Flags>(command: Command<F>, args: readonly string[]): Promise<string> {
  const streams = keptStreams();
  await runCommand(args, command, { streams });
  return streams.text.out + streams.text.err;
}

Deno.test("runs of sweeps are called by arm and seed: in lists, on pages of shifts, and where a sweep is given for a run", async () => {
  using root = tempFolder();
  const [first, second] = await sharedSweeps(root.path);
  const arms = async (find?: string): Promise<(string | number | null)[][]> =>
    (await study.listRuns(root.path, { find })).map(({ arms, seed }) => [...arms, seed]).sort();
  assertEquals(await arms(), [["entry", 0], ["hard", 0], ["max", 0]]);
  assertEquals(await arms("hard"), [["hard", 0]]);
  const lines = (await said(runsCommand, [root.path])).split("\n");
  assertMatch(lines[0]!, /^run +arm +what +network +seed +state/);
  assertEquals(lines.slice(1, 4).map((line) => /cells\/\w{16} +(\w+) +mnist/.exec(line)?.[1]).sort(), [
    "entry",
    "hard",
    "max",
  ]);
  const [entry, max] = await study.sweepRuns(first);
  const compared = await said(runsCommand, ["--compare", entry!.run!, max!.run!]);
  assertMatch(compared, /\narm +entry +max\n/);

  const [{ run: hard }] = (await study.listRuns(second)).map(({ folder }) => ({ run: folder })) as [{ run: string }];
  const { runs } = await study.shiftRuns([entry!.run!, `${max!.run!}/checkpoint`, hard, hard], {
    ...{ limit: 8, shifts: 2, images: 1, square: 0, threads: 1 },
    out: join(root.path, "shift.svg"),
  });
  assertEquals(runs.map(({ label }) => label), ["entry, seed 0", "max, seed 0", "hard, seed 0", "hard, seed 0 #2"]);

  for (const text of [await said(shiftCommand, [first]), await said(evaluateCommand, [first])]) {
    assertStringIncludes(
      text,
      `error: Expected a run's folder, got that of a sweep, "${first}": give one of its runs, as `,
    );
    assertMatch(
      text,
      /cells\/\w{16} \((entry|max), seed 0\), .*cells\/\w{16} \((entry|max), seed 0\); `deno task runs/,
    );
  }
});

Deno.test("reportRuns: a sweep's runs that lie in another one are on its page, those without a folder are counted", async () => {
  using root = tempFolder();
  const [, second] = await sharedSweeps(root.path);
  const all = study.planOf(
    study.define({
      ...small,
      name: "all",
      arms: { entry: {}, hard: { loss: { labelSmoothing: 0 } } },
      primary: undefined,
    }),
  );
  const third = join(root.path, "c");
  await study.sweep(all, { folder: third, runs: 1 });
  const found = await study.reportRuns([third], { threads: 1, count: 2 });
  assertEquals([found.runs.map(({ state }) => state), found.elsewhere], [["over", "over"], 0]);
  assertMatch(found.page.about, /^2 runs · mnist/);
  assertEquals(found.page.sections.at(-2)!.title, "Sample predictions");
  assertStringIncludes(await said(reportCommand, [third, "--no-pictures"]), "runs      2 over\n");
  await Deno.remove(join(second, "cells"), { recursive: true });
  const without = await study.reportRuns([third], { pictures: false });
  assertEquals([without.runs.length, without.elsewhere], [1, 1]);
  assertMatch(without.page.about, /^2 runs, 1 by their results alone · /);
  assertStringIncludes(
    await said(reportCommand, [third, "--no-pictures"]),
    "runs      1 over · 1 by their results alone\n",
  );
});
