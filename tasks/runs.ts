import { study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { confirmed } from "../lib/cli/confirm.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { comparisonLines, megabytes, runLines } from "../lib/cli/run_lines.ts";

const states = ["running", "over", "stopped", "diverged", "broken"] as const;

const flags = {
  find: {
    kind: "string",
    help: "Those with these words in folder, preset, data, network, arm, state, tags or seed, as seed-1",
  },
  state: { kind: "choice", choices: states, help: "Those of which this became" },
  tagged: { kind: "string", placeholder: "tag", help: "Those with a tag" },
  sort: {
    kind: "choice",
    choices: ["folder", "top1", "time", "size"],
    default: "folder",
    help: "In the order of their folders, or the largest first",
  },
  compare: { kind: "boolean", help: "Compare the settings and results of the runs that are given" },
  tag: { kind: "string", placeholder: "tag", help: "Tag the runs that are given" },
  untag: { kind: "string", placeholder: "tag", help: "Take a tag away from the runs that are given" },
  remove: { kind: "boolean", help: "Remove the runs that are given, with everything in their folders" },
  yes: { kind: "boolean", help: "Remove without asking" },
} as const satisfies Flags;

type Context = CommandContext<typeof flags>;

/** What is asked for; one thing at a time. */
function actionOf({ compare, tag, untag, remove }: Context["flags"]): "list" | "compare" | "tag" | "remove" {
  const asked = [
    ...(compare ? ["--compare"] : []),
    ...(tag !== undefined || untag !== undefined ? [tag === undefined ? "--untag" : "--tag"] : []),
    ...(remove ? ["--remove"] : []),
  ];
  if (asked.length > 1) {
    throw new UsageError(`Expected one of --compare, --tag and --remove, got ${asked.join(" and ")}`);
  }
  if (asked.length === 0) return "list";
  return compare ? "compare" : remove ? "remove" : "tag";
}

/** Filters that mean nothing for runs that are named one by one. */
function requireNoFilters({ flags, words }: Context, action: string): void {
  const { find, state, tagged, yes } = flags;
  const given = Object.entries({ find, state, tagged, ...(action === "remove" ? {} : { yes: yes || undefined }) });
  const strange = given.find(([, value]) => value !== undefined)?.[0];
  if (strange !== undefined) throw new UsageError(`Expected no --${strange} with --${action}: name the runs`);
  if (words.length === 0) throw new UsageError(`Expected runs' folders with --${action}, got none: name them`);
}

const order: Readonly<Record<string, (run: study.RunSummary) => number>> = {
  top1: ({ top1 }) => top1 ?? -1,
  time: ({ seconds }) => seconds ?? -1,
  size: ({ bytes }) => bytes,
};

/** Before the first run there is no folder of runs. */
async function usualFolders(root: string): Promise<string[]> {
  try {
    return (await Deno.stat(root)).isDirectory ? [root] : [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function list({ flags: { find, state, tagged, sort }, words, report }: Context): Promise<number> {
  const folders = words.length > 0 ? words : await usualFolders(report.paths.ofProject("runs"));
  const found: study.RunSummary[] = [];
  for (const folder of folders) {
    found.push(...await study.listRuns(folder, { find, state: state as study.RunState | undefined, tag: tagged }));
  }
  const by = order[sort];
  const runs = by === undefined ? found : found.toSorted((a, b) => by(b) - by(a));
  for (const line of runLines(runs)) report.line(line);
  const bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  report.line(`${runs.length} ${runs.length === 1 ? "run" : "runs"} · ${megabytes(bytes)}`);
  report.result({ runs, bytes });
  return exitCodes.done;
}

async function compare({ words, report }: Context): Promise<number> {
  if (words.length < 2) throw new UsageError("Expected two runs or more with --compare, got one: name another");
  const comparison = await study.compareRuns(words);
  for (const line of comparisonLines(comparison)) report.line(line);
  report.result({ ...comparison });
  return exitCodes.done;
}

async function tag({ flags: { tag, untag }, words, report }: Context): Promise<number> {
  const changes = { add: tag === undefined ? [] : [tag], remove: untag === undefined ? [] : [untag] };
  const tagged: { folder: string; tags: readonly string[] }[] = [];
  try {
    // Before the first is tagged.
    for (const folder of words) await study.readRun(folder);
    for (const folder of words) tagged.push({ folder, tags: await study.tagRun(folder, changes) });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message.replace(/^tagRun\(\): /, ""));
    throw error;
  }
  for (const { folder, tags } of tagged) report.line(`${folder}  ${tags.length === 0 ? "no tags" : tags.join(", ")}`);
  report.result({ runs: tagged });
  return exitCodes.done;
}

/** The first few of many. */
function listed(names: readonly string[]): string {
  const [first, more] = [names.slice(0, 4).join("; "), names.length - 4];
  return more > 0 ? `${first}; and ${more} more` : first;
}

async function remove({ flags: { yes }, words, report }: Context): Promise<number> {
  const options = { root: report.paths.ofProject("runs") };
  const found = await study.removableRuns(words, options);
  const bytes = found.reduce((sum, each) => sum + each.bytes, 0);
  const count = found.reduce((sum, { runs }) => sum + runs.length, 0);
  for (const { folder, runs, bytes, usedBy } of found) {
    const several = runs.length === 1 && runs[0] === folder ? "" : ` · ${runs.length} runs`;
    report.note(`${folder}${several} · ${megabytes(bytes)}`);
    for (const { sweep, runs } of usedBy) {
      report.note(`    the sweep ${sweep} has its weights of ${listed(runs)} there alone`);
    }
  }
  const question = `Remove ${count === 1 ? "this run" : `these ${count} runs`}, ${megabytes(bytes)}?`;
  const otherwise = "Expected --yes with --remove where nobody can be asked: pass it to remove these runs";
  if (!yes && !await confirmed(report, question, { otherwise })) {
    report.line("nothing was removed");
    return exitCodes.done;
  }
  const removed = await study.removeRuns(words, options);
  const freed = removed.reduce((sum, each) => sum + each.bytes, 0);
  report.line(`removed ${removed.length === 1 ? "1 folder" : `${removed.length} folders`} · ${megabytes(freed)} freed`);
  report.result({ removed, freedBytes: freed });
  return exitCodes.done;
}

async function run(context: Context): Promise<number> {
  const action = actionOf(context.flags);
  if (action === "list") {
    if (context.flags.yes) throw new UsageError("Expected --remove with --yes, got it alone");
    return await list(context);
  }
  requireNoFilters(context, action);
  return await { compare, tag, remove }[action](context);
}

/** `deno task runs`. */
export const runsCommand: Command<typeof flags> = {
  name: "deno task runs",
  about:
    "Lists runs with what became of them, compares their settings, tags and removes them. Without a word it lists all\n" +
    "runs below runs.",
  flags,
  words: {
    name: "run",
    help: "Folders with runs to list; the runs to compare, to tag or to remove",
    max: 1000,
    path: true,
  },
  examples: [
    "deno task runs --state over --sort top1",
    "deno task runs --compare runs/20250131-120000-mnist runs/20250131-130000-mnist",
    "deno task runs --tag best runs/20250131-120000-mnist",
    "deno task runs --remove runs/20250131-130000-mnist",
  ],
  run,
};

if (import.meta.main) await main(runsCommand);
