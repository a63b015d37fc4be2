import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import type { study } from "../../mod.ts";
import { leaderboardCommand } from "../../tasks/leaderboard.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, leaderboardCommand, { streams });
  return { code, ...streams.text };
}

const results = new URL("../../benchmarks/results/imagenette-128-5", import.meta.url).pathname;

Deno.test("leaderboard: rows that were run and rows that were not, with what is published", async () => {
  const { code, out, err } = await run(results);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^imagenette-128-5 {4}87\.43 % published, 5 runs: fastai xse_resnext50/);
  assertMatch(out, /\n {4}ours 86\.37 % · provisional, 1 of 5 runs: not ranked · n 1 · -1\.06 points\n/);
  assertStringIncludes(out, "the preset's recipe · commit ae38753 · data imagenette2-224.tgz, which is not known");
  assertStringIncludes(out, "\n    86.37 (seed 0)\n");
  assertStringIncludes(
    out,
    "\nimagewoof-128-200   87.20 % published, 1 run: fastai2 train_imagenette.py 2020-01 · not run here\n",
  );
  assertEquals(out.includes("noise"), false);
  const noisy = await run(results, "--noise");
  assertMatch(noisy.out, /\nimagenette-128-5-noise50 +66\.60 % published, 1 run: .* · not run here\n/);
  assertMatch(noisy.out, /\nimagewoof-256-200-noise50 +none published · not run here\n/);
});

Deno.test("leaderboard: the same as JSON, and what is not there", async () => {
  const { code, out } = await run(results, "--json");
  const { rows, refused, fewestRuns } = JSON.parse(out);
  assertEquals([code, rows.length, refused, fewestRuns], [0, 120, [], 5]);
  assertEquals(rows[0].entries[1].runs[0].top1, 0.8636942675159236);
  const none = await run("no-such-runs");
  assertEquals([none.code, none.out], [2, ""]);
  assertStringIncludes(none.err, 'error: Cannot find "no-such-runs": give a run\'s folder, a folder of runs');
});

Deno.test("leaderboard: runs of no row are counted in lines, and named in JSON", async () => {
  using folder = tempFolder();
  const [file] = [...Deno.readDirSync(results)].map(({ name }) => name).filter((name) => name.endsWith(".json")).sort();
  const text = Deno.readTextFileSync(join(results, file!));
  const { config, result } = JSON.parse(text);
  for (const size of [64, 96]) {
    const other = { config: { ...config, data: { ...config.data, size } }, result };
    Deno.writeTextFileSync(join(folder.path, `${size}.json`), JSON.stringify(other));
  }
  const { out } = await run(folder.path);
  assertMatch(out, /\nleft out {4}2 runs of a size, epochs or share of wrong labels that no row has\n$/);
  assertEquals(out.includes("refused"), false);
  const { refused } = JSON.parse((await run(folder.path, "--json")).out);
  assertEquals(refused.map(({ rule }: study.Refused) => rule), ["row", "row"]);
});
