import { basename } from "@std/path";
import { data, study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { isDataPath } from "../lib/cli/data_names.ts";
import { cacheHelp, watchData } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber, formatPercent } from "../lib/cli/format.ts";
import { deviceHeadline } from "../lib/cli/headline.ts";
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
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of what the model gets, as in training" },
  kind: {
    kind: "choice",
    choices: study.shiftKinds,
    help: "What comes into view: more of a larger image, the other side, or black (default by the data)",
  },
  shifts: {
    kind: "integer",
    min: 1,
    max: 256,
    help: "Pixels by which images move along an axis (default a quarter of their width)",
  },
  pairs: { kind: "integer", min: 1, max: 100, default: 1, help: "Random pairs of shifts of each image, of both kinds" },
  images: { kind: "integer", min: 1, max: 16, default: 4, help: "Images in the figure" },
  "mean-images": { kind: "integer", min: 1, default: 32, help: "Images whose curves the means are of" },
  square: {
    kind: "integer",
    min: 0,
    max: 128,
    help: "Pixels to either side of the maps of all shifts, 0 for none (default up to 8)",
  },
  "map-images": { kind: "integer", min: 1, default: 16, help: "Images of the maps" },
  seed: { kind: "integer", min: 0, max: 2 ** 32 - 1, default: 0, help: "The pairs of shifts follow from it" },
  limit: { kind: "integer", min: 1, help: "Use only the first images" },
  ema: { kind: "boolean", help: "Measure the average of the weights" },
  bs: { kind: "integer", min: 1, default: 16, help: "Images at a time, with four windows of each" },
  ...usedFlags,
  dtype: { ...usedFlags.dtype, help: "Numbers to compute in, as in each run's training unless given" },
  out: {
    kind: "string",
    placeholder: "file",
    path: true,
    help: "The figure, with all numbers beside it as .json (default shift.svg in the first run's folder)",
  },
  report: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Write a page of it all into a folder, as runs/shift: report.html, and each figure as SVG, PNG and CSV",
  },
} as const satisfies Flags;

/** What `--json` prints: without what there is of every image, or of every shift of each layer, which the file has. */
function briefly({ runs, ...result }: study.ShiftRunsResult): Readonly<Record<string, unknown>> {
  return {
    ...result,
    runs: runs.map(({ agreement: _both, agreementDiagonal: _diagonal, map, ...run }) => ({
      ...run,
      map: map === null ? null : { ...map, layers: map.layers.map(({ map: _map, ...layer }) => layer) },
    })),
  };
}

function pageOf(result: study.ShiftRunsResult): study.Page {
  const { runs, data } = result;
  const n = formatNumber(runs[0]!.n);
  return {
    title: `${basename(data)}: images that move`,
    about: `${n} images of ${data}, ${runs.map(({ path }) => path).join(", ")}`,
    sections: study.shiftSections(result),
  };
}

function share(value: number, { low, high }: study.Interval): string {
  return `${formatPercent(value, 2)} (${(100 * low).toFixed(2)} to ${formatPercent(high, 2)})`;
}

async function run({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  const { "mean-images": meanImages, "map-images": mapImages, report: folder, ...options } = given;
  const [first] = words;
  if (first === undefined) {
    throw new UsageError("Expected a run's folder or a checkpoint, got none: give one, or two to compare");
  }
  const out = options.out ?? await study.shiftFile(first);
  checkOutFile("shift", out, { paths: report.paths });
  if (folder !== undefined) checkOut("shift", folder, { flag: "report", paths: report.paths });
  const cache = options.cache ?? report.paths.ofProject(data.defaultCache);
  if (options.cache !== undefined) checkOut("shift", cache, { flag: "cache", paths: report.paths });
  using progress = new Progress(report);
  using stop = stopSignals(report, "stopping");
  let counted = "";
  const measuring = study.shiftRuns(words, {
    ...options,
    ...{ meanImages, mapImages, cache },
    ...watchData(progress, report, stop.signal),
    out,
    onReady: ({ device, dtypes, samples, data, shifts, kind }) => {
      progress.line(
        `${deviceHeadline(device)} · ${dtypes.join(", ")} · ${
          formatNumber(samples)
        } images of ${data}, moved by ${shifts} pixels (${kind})`,
      );
      progress.start();
    },
    onMeasured: (path, done, total, stage) => {
      // Each stage counts other things.
      if (`${path} ${stage}` !== counted) progress.start();
      counted = `${path} ${stage}`;
      progress.update({ label: `${basename(path)} ${stage}`, done, total });
    },
  });
  const result = await unlessAborted(measuring, stop.signal);
  if (result === null) {
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, runs: words, exitCode });
    return exitCode;
  }
  progress.clear();
  for (const each of result.runs) {
    const { path, pool, consistency, consistencyInterval, consistencyDiagonal, consistencyDiagonalInterval } = each;
    report.line(
      `consistency ${share(consistency, consistencyInterval)} · ` +
        `diagonal ${share(consistencyDiagonal, consistencyDiagonalInterval)} · ${path}` +
        `${pool === null ? "" : ` (${pool})`}`,
    );
  }
  for (const { other, measure, words } of result.comparisons) {
    report.line(`${measure === "consistency" ? "both axes " : "diagonal  "}  ${other}: ${words}`);
  }
  report.line(`figure      ${result.svg}`);
  report.line(`numbers     ${result.json}`);
  const page = folder === undefined ? undefined : await study.writePage(pageOf(result), folder);
  if (page !== undefined) report.line(`page        ${page.html}`);
  report.result({ ...briefly(result), ...(page === undefined ? {} : { page: page.html }) });
  return exitCodes.done;
}

/** `deno task shift`. */
export const shiftCommand: Command<typeof flags> = {
  name: "deno task shift",
  about:
    "Measures how much a model's answers depend on where in the image something is: how often they agree between two\n" +
    "random shifts (Zhang 2019), the probability of the right class while images move, and how far each layer's features\n" +
    "are from moving with them. Runs after the first are compared with it, image by image.",
  flags,
  registers: true,
  words: {
    name: "run",
    help: "A run's folder, or a checkpoint; several are compared",
    max: 8,
    required: true,
    path: true,
  },
  examples: [
    "deno task shift runs/20250131-120000-imagenette-128-5",
    "deno task shift runs/max runs/maxblur --data imagenette2-320.tgz --json",
    "deno task shift runs/max runs/maxblur --report runs/shift",
    "deno task shift runs/max runs/maxblur --kind circular --shifts 127 --square 0",
  ],
  run,
};

if (import.meta.main) await main(shiftCommand);
