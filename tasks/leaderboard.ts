import { study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import type { Flags } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";

const flags = {
  noise: { kind: "boolean", help: "Show the rows with wrong labels too; those that were run are always shown" },
} as const satisfies Flags;

/** Where runs and committed results of this project are. */
const usual = ["runs", "benchmarks/results"];

/** Before what is told of a row. */
const indent = " ".repeat(4);

/** An accuracy as the leaderboards have it: 87.43. */
function percent(share: number): string {
  return (100 * share).toFixed(2);
}

function publishedText({ published }: study.LeaderboardRow): string {
  if (published === null) return "none published";
  const { top1, runs, by } = published;
  return `${percent(top1)} % published, ${runs} ${runs === 1 ? "run" : "runs"}: ${by}`;
}

function entryLines(
  { runs, repeated, n, mean, sd, interval, commit, differences, data, provisional, points, rank }:
    study.LeaderboardEntry,
  fewest: number,
): string[] {
  const place = provisional ? `provisional, ${n} of ${fewest} runs: not ranked` : `rank ${rank}`;
  const spread = sd === null || interval === null ? [] : [
    `sd ${percent(sd)}`,
    `95 % interval ${percent(interval.low)} to ${percent(interval.high)}`,
  ];
  const against = points === null ? [] : [`${points < 0 ? "-" : "+"}${Math.abs(points).toFixed(2)} points`];
  const other = data.official ? [] : [`data ${data.name}, which is not known to be the official archive`];
  const recipe = differences.length === 0 ? "the preset's recipe" : differences.join(", ");
  const values = runs.map(({ seed, top1 }) => `${percent(top1)} (seed ${seed ?? "unknown"})`);
  return [
    [`ours ${percent(mean)} %`, place, ...spread, `n ${n}`, ...against].join(" · "),
    [recipe, `commit ${commit.slice(0, 7)}`, ...other].join(" · "),
    values.join(", "),
    ...repeated.map(({ path, seed }) => `${path} has the seed ${seed ?? "unknown"} again, and does not count`),
  ];
}

/** Where a command without words looks, as far as it is there. */
async function usualPlaces(paths: CommandContext<typeof flags>["report"]["paths"]): Promise<string[]> {
  const places = usual.map((place) => paths.ofProject(place));
  const there = await Promise.all(places.map((place) => Deno.stat(place).then(() => true, () => false)));
  return places.filter((_, at) => there[at]);
}

async function run({ flags: { noise }, words, report }: CommandContext<typeof flags>): Promise<number> {
  const board = await study.leaderboard(words.length > 0 ? words : await usualPlaces(report.paths));
  const shown = board.rows.filter((row) => noise || row.noise === 0 || row.entries.length > 0);
  const width = Math.max(...shown.map(({ name }) => name.length));
  for (const row of shown) {
    const { name, entries } = row;
    report.line(`${name.padEnd(width)}  ${publishedText(row)}${entries.length === 0 ? " · not run here" : ""}`);
    for (const line of entries.flatMap((entry) => entryLines(entry, board.fewestRuns))) report.line(`${indent}${line}`);
  }
  // Of another size, or of other epochs, a run was none to rank: `--json` tells each.
  const [candidates, strangers] = [true, false].map((is) => board.refused.filter(({ rule }) => rule !== "row" === is));
  for (const { path, reason } of candidates!) report.line(`refused     ${path}: ${reason}`);
  for (const { path, reason } of board.unreadable) report.line(`not read    ${path}: ${reason}`);
  for (const path of board.unfinished) report.line(`not over    ${path}`);
  const count = (runs: number): string => `${formatNumber(runs)} ${runs === 1 ? "run" : "runs"}`;
  if (strangers!.length > 0) {
    report.line(`left out    ${count(strangers!.length)} of a size, epochs or share of wrong labels that no row has`);
  }
  if (board.others > 0) report.line(`left out    ${count(board.others)} of other data`);
  report.result({ ...board });
  return exitCodes.done;
}

/** `deno task leaderboard`. */
export const leaderboardCommand: Command<typeof flags> = {
  name: "deno task leaderboard",
  about:
    "Prints our runs of Imagenette and Imagewoof beside the published leaderboards (github.com/fastai/imagenette).\n" +
    "Runs of one recipe by one commit are an entry, ranked from 5 seeds on; a run that breaks a rule is refused.",
  flags,
  words: {
    name: "path",
    help: "Runs, folders of runs, files with results (default runs and benchmarks/results)",
    max: 10_000,
    path: true,
  },
  examples: ["deno task leaderboard", "deno task leaderboard runs/20250131-120000-imagenette-128-5-x5 --json"],
  run,
};

if (import.meta.main) await main(leaderboardCommand);
