import { data, recipe } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { cacheHelp } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { checkOut, checkResume } from "../lib/cli/out_path.ts";
import { changesOf, settingFlags } from "../lib/cli/settings_flags.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";
import { TrainingReport } from "../lib/cli/training_report.ts";

/** What of the command line is no setting of a recipe. */
const own = {
  cache: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  runs: { kind: "integer", min: 1, max: 1000, help: "Train so often, with one seed after another from --seed" },
  resume: {
    kind: "string",
    placeholder: "run",
    path: true,
    help: "Go on with a run, exactly, or with the folder of --runs",
  },
  force: { kind: "boolean", help: "Go on although its configuration has changed" },
  "save-every": {
    kind: "number",
    min: 0,
    default: 10,
    help: "Minutes between two saves of the state in the middle of an epoch",
  },
  out: { kind: "string", placeholder: "folder", path: true, help: "Where the run's folder is made (default runs)" },
} as const satisfies Flags;

/** What is trained unless the command line says otherwise. */
const usual = { preset: "mnist", seed: 0, device: "auto", dtype: "f32" };

function begin(
  { resume, force, runs, ...flags }: CommandContext<typeof own>["flags"],
  signal: AbortSignal,
):
  | Promise<recipe.Training<recipe.TrainResult | recipe.SeedsResult>>
  | recipe.Training<recipe.TrainResult | recipe.SeedsResult> {
  const { preset = usual.preset, ...changes } = changesOf(flags);
  const options = { cache: flags.cache, saveEvery: 60 * flags["save-every"], signal };
  if (resume !== undefined) {
    const going = { ...options, changes: changesOf(flags), force };
    return recipe.isSeeds(resume).then((seeds): recipe.Training<recipe.TrainResult | recipe.SeedsResult> =>
      seeds || runs !== undefined ? recipe.resumeSeeds(resume, { ...going, runs }) : recipe.resume(resume, going)
    );
  }
  const made = recipe.preset(preset ?? usual.preset, changes);
  const { out } = flags;
  return runs === undefined
    ? recipe.train(made, { ...options, out })
    : recipe.trainSeeds(made, { ...options, out, runs });
}

async function run({ flags, report }: CommandContext<typeof own>): Promise<number> {
  const { resume, out, force, cache } = flags;
  if (resume !== undefined && out !== undefined) {
    throw new UsageError(`Expected --resume or --out, got both: a run goes on in its own folder`);
  }
  if (force && resume === undefined) throw new UsageError("Expected --force with --resume, got it alone: leave it out");
  const { paths } = report;
  const places = { cache: cache ?? paths.ofProject(data.defaultCache), out: out ?? paths.ofProject("runs") };
  if (resume === undefined) checkOut("train", places.out, { paths });
  else checkResume("train", resume, paths);
  if (cache !== undefined) checkOut("train", cache, { flag: "cache", paths });
  using stop = stopSignals(report);
  using shown = new TrainingReport(report, flags as { register?: string });
  const training = await begin({ ...flags, ...places }, stop.signal);
  const followed = async (): Promise<recipe.TrainResult | recipe.SeedsResult> => {
    for await (const event of training) shown.show(event);
    return await training.result;
  };
  const result = await unlessAborted(followed(), stop.signal);
  if (result === null) {
    shown.note("Stopped before the training began");
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, run: resume ?? null, exitCode });
    return exitCode;
  }
  const exitCode = result.stopped ? stop.exitCode ?? exitCodes.interrupted : exitCodes.done;
  const ending = result.stopped ? { exitCode } : {};
  if ("results" in result) {
    shown.endSeeds(result);
    report.result({ ...named(result), results: result.results.map(named), ...ending });
  } else {
    shown.end(result);
    report.result({ ...named(result), ...ending });
  }
  return exitCode;
}

/** A result as the command prints it: its folder is what other commands take as a run. */
function named<Result extends { folder: string }>({ folder, ...rest }: Result): Record<string, unknown> {
  return { ...rest, run: folder };
}

/** The preset that stands for its family in the help text. */
const entry = "imagenette-128-5";

/** A preset's own values, as flags. */
function settingsOf(name: string): string {
  const { epochs, bs, schedule: { lr }, optimizer: { mom, sqrMom, eps, wd } } = recipe.presetOf(name)!;
  const rest = Object.entries({ mom, sqrmom: sqrMom, eps, wd }).filter(([, value]) => value !== undefined);
  const words = [["epochs", epochs], ["bs", bs], ["lr", lr], ...rest].map(([flag, value]) => `--${flag} ${value}`);
  return `  ${name}: ${words.join(" ")}`;
}

/** `deno task train`. */
export const trainCommand: Command<typeof own> = {
  name: "deno task train",
  get about() {
    const families = recipe.presetFamilies();
    const presets = families.filter((name) => recipe.presetOf(name) !== undefined);
    const others = families.filter((name) => !presets.includes(name));
    return [
      "Trains a preset into a new folder below runs. What is not given is the preset's:",
      ...[...presets, entry].map(settingsOf),
      `The others differ from ${entry} as their names say; those of 80 and 200 epochs have mixup:`,
      ...others.map((family) => `  ${family}`),
    ].join("\n");
  },
  get flags() {
    return settingFlags(own, usual);
  },
  registers: true,
  examples: [
    "deno task train",
    "deno task train --seed 1 --epochs 2",
    "deno task train --preset imagenette-128-5 --data imagenette2-320.tgz",
    "deno task train --resume runs/20250131-120000-mnist",
    "deno task train --runs 5 --json > result.json",
    "deno task train --register examples/own_network.ts --arch tiny",
  ],
  run,
};

if (import.meta.main) await main(trainCommand);
