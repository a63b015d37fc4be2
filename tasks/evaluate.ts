import { data as dataSets, recipe, study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { isDataPath } from "../lib/cli/data_names.ts";
import { cacheHelp, watchData } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatMetrics, formatNumber, formatPercent } from "../lib/cli/format.ts";
import { openedLine } from "../lib/cli/headline.ts";
import { checkOut, checkOutFile } from "../lib/cli/out_path.ts";
import { Progress } from "../lib/cli/progress.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";
import { usedFlags } from "../lib/cli/used_flags.ts";

const flags = {
  data: {
    kind: "string",
    placeholder: "path",
    path: isDataPath,
    help: "A data set's name, a folder with val/, or an archive",
  },
  cache: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  part: {
    kind: "choice",
    choices: ["valid", "test", "train"],
    default: "valid",
    help: "Which part of the data to measure on: val/, test/ or train/",
  },
  split: {
    kind: "number",
    above: 0,
    below: 1,
    help: "The share of images that is set aside to measure on, where there is no folder of them",
  },
  nested: { kind: "switch", help: "Images may lie anywhere below their class's folder" },
  "max-unreadable": {
    kind: "string",
    placeholder: "N|P%",
    help: "How many images may be unreadable: a number, or a share as 2% (default 1%)",
  },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of the images, as in training unless given" },
  ema: { kind: "boolean", help: "Measure the average of the weights" },
  ...usedFlags,
  bs: { kind: "integer", min: 1, help: "Images at a time, as in training unless given" },
  predictions: {
    kind: "string",
    placeholder: "file",
    path: true,
    help: "Write a CSV file with every image's prediction",
  },
  report: {
    kind: "boolean",
    help: "Report on every answer: confusion, accuracy by class, calibration, the largest losses",
  },
  out: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Where the report goes (default evaluation in the run's folder)",
  },
  bins: { kind: "integer", min: 2, max: 1000, help: "Bins of confidence in the report (default 15)" },
  top: { kind: "integer", min: 0, max: 1000, help: "Images with the largest losses in the report (default 24)" },
} as const satisfies Flags;

async function run({ flags: given, words: [path], report }: CommandContext<typeof flags>): Promise<number> {
  if (path === undefined) {
    throw new UsageError(
      "Expected a run's folder or a checkpoint, got none: `deno task train` prints its run's folder",
    );
  }
  const { data, cache, size, bs, part, predictions: csv, split, nested, "max-unreadable": most, ...more } = given;
  const { report: full, out, bins, top, ...how } = more;
  const alone = Object.entries({ out, bins, top }).find(([, value]) => value !== undefined);
  if (!full && alone !== undefined) throw new UsageError(`Expected --report with --${alone[0]}, got it alone`);
  if (csv !== undefined) checkOutFile("evaluate", csv, { flag: "predictions", paths: report.paths });
  if (cache !== undefined) checkOut("evaluate", cache, { flag: "cache", paths: report.paths });
  const folder = full ? out ?? await study.answersFolder(path, { part }) : undefined;
  if (folder !== undefined) checkOut("evaluate", folder, { flag: "out", paths: report.paths });
  using shown = new Progress(report);
  using stop = stopSignals(report, "stopping");
  const watch = watchData(shown, report, stop.signal);
  using trained = await recipe.open(path, { ...how, onWarning: watch.onWarning });
  const options: recipe.EvaluateRunOptions = {
    data,
    cache: cache ?? report.paths.ofProject(dataSets.defaultCache),
    size,
    bs,
    csv,
    part,
    split,
    nested,
    maxUnreadable: most,
    ...watch,
    onReady: () => {
      shown.line(openedLine(trained));
      shown.start();
    },
    onMeasured: (done, total) => shown.update({ label: "measure", done, total }),
  };
  const measuring: Promise<Measured> = full
    ? study.studyAnswers(trained, { ...options, bins, top })
    : trained.evaluate(options).then((evaluation) => ({ evaluation }));
  const measured = await unlessAborted(measuring, stop.signal);
  if (measured === null) {
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, run: path, exitCode });
    return exitCode;
  }
  shown.clear();
  const { evaluation } = measured;
  const { top1, top5, loss, metrics, n } = evaluation;
  const first = top1 === null ? [] : [`top-1 ${formatPercent(top1, 2)}`];
  const second = top5 === null ? [] : [`top-5 ${formatPercent(top5, 2)}`];
  const facts = [
    ...first,
    ...second,
    `loss ${loss.toFixed(4)}`,
    ...formatMetrics(metrics),
    `${formatNumber(n)} images`,
  ];
  report.line(facts.join(" · "));
  if (folder === undefined || !("report" in measured)) {
    report.result({ ...evaluation, part });
    return exitCodes.done;
  }
  for (const line of answerLines(measured.report)) report.line(line);
  const written = await study.writeAnswers(measured, folder);
  report.line(`numbers     ${written.json}`);
  report.line(`page        ${written.page}`);
  report.result({ ...evaluation, part, ...written, report: measured.report });
  return exitCodes.done;
}

/** What a run was measured to, with its answers where these were asked for. */
type Measured = study.StudiedAnswers | { readonly evaluation: study.StudiedAnswers["evaluation"] };

/** The report in a few lines. */
function answerLines({ accuracy, calibration, classes, mistakes }: study.AnswerReport): string[] {
  const { equalWidth, equalMass, ifCalibrated } = calibration;
  const known = classes.filter(({ accuracy }) => accuracy !== null).toSorted((a, b) => a.accuracy! - b.accuracy!);
  const worst = known.slice(0, 3).map(({ name, accuracy }) => `${name} ${formatPercent(accuracy!)}`);
  const frequent = mistakes.slice(0, 3).map(({ label, answer, n }) =>
    `${label} taken for ${answer} ${formatNumber(n)}`
  );
  return [
    `interval    ${formatPercent(accuracy.low, 2)} to ${formatPercent(accuracy.high, 2)} (95 %, over images)`,
    `calibration error ${formatPercent(equalWidth.ece, 2)}, by chance up to ${formatPercent(ifCalibrated.high, 2)}; ` +
    `largest of a bin ${formatPercent(equalWidth.mce, 2)}; over bins of equal mass ${formatPercent(equalMass.ece, 2)}`,
    `worst       ${worst.join(" · ")}`,
    ...(frequent.length === 0 ? [] : [`mistakes    ${frequent.join(" · ")}`]),
  ];
}

/** `deno task evaluate`. */
export const evaluateCommand: Command<typeof flags> = {
  name: "deno task evaluate",
  about: "Measures a trained run: top-1, top-5 and loss (without label smoothing) on its validation data.",
  flags,
  registers: true,
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true, path: true },
  examples: [
    "deno task evaluate runs/20250131-120000-mnist",
    "deno task evaluate runs/20250131-120000-photos --part test",
    "deno task evaluate runs/20250131-120000-imagenette-128-5 --report",
    "deno task evaluate runs/imported.safetensors --data imagenette2-320.tgz --size 128",
  ],
  run,
};

if (import.meta.main) await main(evaluateCommand);
