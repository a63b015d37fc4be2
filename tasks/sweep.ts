import { data, study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { cacheHelp } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { checkOut } from "../lib/cli/out_path.ts";
import { registeredModules } from "../lib/cli/register_modules.ts";
import { changesOf, settingFlags } from "../lib/cli/settings_flags.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";
import { isStudyPath, studyNames, studyOf } from "../lib/cli/studies.ts";
import { SweepReport } from "../lib/cli/sweep_report.ts";

/** What of the command line is no setting of a recipe. */
const own = {
  grid: {
    kind: "strings",
    placeholder: "axis=a,b",
    help: "An axis of settings in place of a study: a path or a flag, and its values; several are crossed",
  },
  runs: { kind: "integer", min: 1, max: 10_000, default: 6, help: "Seeds of each arm" },
  "first-seed": { kind: "integer", min: 0, max: 2 ** 32 - 1, default: 0, help: "The first of them" },
  jobs: { kind: "integer", min: 1, max: 64, default: 1, help: "Trainings at once, among which threads are divided" },
  name: { kind: "string", placeholder: "name", help: "The sweep's folder below runs (default the study's name)" },
  results: { kind: "strings", placeholder: "folder", path: true, help: "A folder of results that count as run" },
  "keep-state": { kind: "boolean", help: "Keep all that trainings saved, not their weights alone" },
  list: { kind: "boolean", help: "List the named studies, or the arms of one, and run nothing" },
  arms: { kind: "strings", placeholder: "a,b", help: "Arms to run, say entry,max; the others wait for another time" },
  "report-only": {
    kind: "boolean",
    help: "Tell what --results come to, without data or weights, or else what the sweep's folder has; run nothing",
  },
  "dry-run": { kind: "boolean", help: "Try every arm, say what would run, and run nothing" },
  csv: { kind: "boolean", help: "Print every run as CSV on stdout" },
  cache: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  "save-every": {
    kind: "number",
    min: 0,
    default: 10,
    help: "Minutes between two saves of the state in the middle of an epoch",
  },
} as const satisfies Flags;

type Context = CommandContext<typeof own>;

/** What the command line asks to sweep. */
async function planOf({ flags, words: [word] }: Context): Promise<study.Plan> {
  const { preset, seed, ...changes } = changesOf(flags);
  if (seed !== undefined) throw new UsageError("Expected --first-seed, got --seed: a sweep has several");
  const { grid, name } = flags;
  const options = { ...(preset === undefined || preset === null ? {} : { preset }), changes, name };
  if (grid.length === 0) return study.planOf(await studyOf(word!), options);
  const axes = grid.map((axis) => study.parseAxis(axis));
  const twice = axes.find(([axis], at) => axes.findIndex(([other]) => other === axis) !== at);
  if (twice !== undefined) throw new UsageError(`Expected each axis once, got --grid ${twice[0]}=… twice`);
  return study.gridOf(Object.fromEntries(axes), options);
}

/** The arms that --arms names, with commas between or each with its flag; a grid's arms have commas in their names. */
function armsNamed(texts: readonly string[], plan: study.Plan): string[] {
  return texts.flatMap((text) => plan.arms.some(({ name }) => name === text) ? [text] : text.split(","));
}

/** The named studies, a line each. */
async function list({ report }: Context): Promise<number> {
  const studies = await Promise.all(studyNames().map(studyOf));
  const width = Math.max(...studies.map(({ name }) => name.length));
  for (const { name, claim } of studies) report.line(`${name.padEnd(width)}  ${claim}`);
  report.result({ studies: studies.map(({ name, claim, source = null, arms }) => ({ name, claim, source, arms })) });
  return exitCodes.done;
}

async function run(context: Context): Promise<number> {
  const { flags, words: [word], report } = context;
  const { grid, list: listed, csv } = flags;
  if (word === undefined && grid.length === 0) {
    if (listed) return await list(context);
    if (flags["report-only"] && flags.name !== undefined) return await reportFolder(context);
    throw new UsageError(`Expected a study, one of ${studyNames().join(", ")}, or --grid with an axis, got none`);
  }
  if (word !== undefined && grid.length > 0) throw new UsageError("Expected a study or --grid, got both");
  if (csv && report.json) throw new UsageError("Expected --csv or --json, got both: stdout holds one of them");
  if (flags["report-only"] && flags.results.length === 0) return await reportFolder(context);
  const plan = await planOf(context);
  using shown = new SweepReport(report, { quiet: csv, measure: plan.measure });
  if (listed) {
    shown.plan(plan);
    report.result({ ...plan });
    return exitCodes.done;
  }
  if (flags["report-only"]) return await reportOnly(context, plan, shown);
  const { paths } = report;
  const cache = flags.cache ?? paths.ofProject(data.defaultCache);
  if (flags.cache !== undefined) checkOut("sweep", cache, { flag: "cache", paths });
  using stop = stopSignals(report, "stopping after the steps under way; once more ends at once, without saving");
  const options: study.SweepOptions = {
    runs: flags.runs,
    firstSeed: flags["first-seed"],
    folder: `${paths.ofProject("runs")}/${plan.name}`,
    results: flags.results,
    ...(flags.arms.length === 0 ? {} : { arms: armsNamed(flags.arms, plan) }),
    jobs: flags.jobs,
    modules: registeredModules(paths.line, paths),
    keepState: flags["keep-state"],
    saveEvery: 60 * flags["save-every"],
    cache,
    signal: stop.signal,
    onPreparing: (event) => shown.preparing(event),
    onReady: (ready) => shown.ready(ready),
    onEvent: (event) => shown.event(event),
    onStatus: (status) => shown.status(status),
  };
  if (flags["dry-run"]) {
    const preview = await unlessAborted(study.previewSweep(plan, options), stop.signal);
    if (preview === null) return interrupted(context, stop.exitCode);
    shown.preview(preview);
    report.result({ ...preview });
    return exitCodes.done;
  }
  const result = await unlessAborted(study.sweep(plan, options), stop.signal);
  if (result === null) return interrupted(context, stop.exitCode);
  shown.end(result, { written: true });
  const failed = result.arms.some(({ failed }) => failed.length > 0);
  const exitCode = result.stopped ? stop.exitCode ?? exitCodes.interrupted : failed ? exitCodes.failed : exitCodes.done;
  if (csv) report.streams.out(study.csvOf(result));
  report.result({ ...result, ...(exitCode === exitCodes.done ? {} : { exitCode }) });
  return exitCode;
}

/** What results come to that were made before. */
async function reportOnly({ flags, report }: Context, plan: study.Plan, shown: SweepReport): Promise<number> {
  const { results, runs, "first-seed": firstSeed, csv } = flags;
  const result = await study.readResults(plan, { results, runs, firstSeed });
  shown.end(result, { written: false });
  if (csv) report.streams.out(study.csvOf(result));
  report.result({ ...result });
  return exitCodes.done;
}

/** What a sweep came to, by what it has written into its own folder. */
async function reportFolder(context: Context): Promise<number> {
  const { flags: { csv, name }, report } = context;
  const folder = await sweepFolder(context);
  if (folder === undefined) {
    throw new UsageError(
      `Expected --results with a folder beside --report-only, or the --name of a sweep below runs, got ${
        name === undefined ? "none" : `--name ${name}, which is none there`
      }: give one, say benchmarks/results/sweeps`,
    );
  }
  const given = Object.keys(changesOf(context.flags));
  if (given.length > 0) {
    throw new UsageError(
      `Expected no settings to tell what the sweep "${folder}" came to, got ${
        given.join(", ")
      }: it has those that it ` +
        "was trained with; to take others, give --results",
    );
  }
  const result = await study.readSweep(folder);
  using shown = new SweepReport(report, { quiet: csv, measure: result.measure });
  shown.line(`sweep     ${folder}`);
  shown.end(result, { written: true });
  if (csv) report.streams.out(study.csvOf(result));
  report.result({ ...result });
  return exitCodes.done;
}

/** The folder of the sweep that a command line names: by --name, by a word, which may be the folder, or as it would be made. */
async function sweepFolder(context: Context): Promise<string | undefined> {
  const { flags: { name, grid }, words: [word], report: { paths } } = context;
  const names = name !== undefined
    ? [name]
    : word !== undefined && !isStudyPath(word)
    ? [word]
    : grid.length > 0 || word !== undefined
    ? [(await planOf(context)).name]
    : [];
  const below = names.map((each) => `${paths.ofProject("runs")}/${each}`);
  for (const folder of [...below, ...(name === undefined && word !== undefined ? [paths.given(word)] : [])]) {
    if (await study.isSweep(folder)) return folder;
  }
  return undefined;
}

/** A signal came before anything ran. */
function interrupted({ report }: Context, exitCode: number = exitCodes.interrupted): number {
  report.note("Stopped before anything ran");
  report.result({ stopped: true, exitCode });
  return exitCode;
}

/** `deno task sweep`. */
export const sweepCommand: Command<typeof own> = {
  name: "deno task sweep",
  about:
    "Trains every arm of a study, or of a grid of settings, with several seeds, and compares them on the same seeds. What\n" +
    "is over is not run again, wherever it was made; stopped, the same command goes on; started again beside itself, both\n" +
    "share the work. Settings change what all arms begin from.",
  get flags() {
    return settingFlags(own);
  },
  registers: true,
  words: {
    name: "study",
    help: "A study by its name (--list has them), or the path of its file",
    max: 1,
    path: isStudyPath,
  },
  examples: [
    "deno task sweep --list",
    "deno task sweep blurpool --data imagenette2-320.tgz --jobs 2",
    "deno task sweep blurpool --arch xresnet18 --size 64 --name blurpool-small --results benchmarks/results/sweeps",
    "deno task sweep blurpool --arch xresnet18 --size 64 --results benchmarks/results/sweeps --report-only",
    "deno task sweep --grid model.pool=max,maxblur --grid bs=32,64 --grid scale-lr=false,true --runs 6",
  ],
  run,
};

if (import.meta.main) await main(sweepCommand);
