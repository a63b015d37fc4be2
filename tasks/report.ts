import { data, study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { cacheHelp, watchData } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { checkOut } from "../lib/cli/out_path.ts";
import { Progress } from "../lib/cli/progress.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";
import { usedFlags } from "../lib/cli/used_flags.ts";

const flags = {
  out: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Where the page goes (default report in the folder, of several a new one below runs)",
  },
  title: { kind: "string", help: "The page's heading (default the folder's name)" },
  pictures: {
    kind: "boolean",
    default: true,
    help: "Show answers and training images of each recipe's first run, which is measured again for it",
  },
  count: { kind: "integer", min: 1, max: 1000, help: "Pictures in a grid (default 24 training images, 12 answers)" },
  cache: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  device: usedFlags.device,
  threads: usedFlags.threads,
} as const satisfies Flags;

async function run({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  if (words.length === 0) throw new UsageError("Expected a run's folder, got none: give one, or a folder with runs");
  const { out: wanted, cache, title, pictures, count, device, threads } = given;
  if (cache !== undefined) checkOut("report", cache, { flag: "cache", paths: report.paths });
  if (wanted !== undefined) checkOut("report", wanted, { paths: report.paths });
  else if (words.length === 1) checkOut("report", words[0]!, { paths: report.paths });
  using shown = new Progress(report);
  using stop = stopSignals(report, "stopping");
  const making = study.reportRuns(words, {
    ...{ title, pictures, count, device, threads },
    cache: cache ?? report.paths.ofProject(data.defaultCache),
    ...watchData(shown, report, stop.signal),
    onMeasured: (_, done, total) => shown.update({ label: "measure", done, total }),
  });
  const made = await unlessAborted(making, stop.signal);
  if (made === null) {
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, runs: words, exitCode });
    return exitCode;
  }
  shown.clear();
  const { page, runs, elsewhere, missing } = made;
  const folder = wanted ?? await study.reportFolder(words, { root: report.paths.ofProject("runs") });
  const { html, bytes, figures, warnings } = await study.writePage(page, folder);
  for (const warning of warnings) report.note(`warning: ${warning}`);
  const states = Map.groupBy(runs, ({ state }) => state);
  const counted = [...states].map(([state, each]) => `${each.length} ${state}`);
  if (elsewhere > 0) counted.push(`${elsewhere} by their results alone`);
  report.line(`runs      ${counted.join(" · ")}`);
  report.line(`figures   ${figures.length}, each as SVG, PNG and CSV beside the page`);
  report.line(`page      ${html} · ${formatNumber(bytes / 1e6, 1)} MB`);
  const told = runs.map(({ folder, state, why }) => ({ folder, state, why }));
  report.result({ html, bytes, figures, warnings, runs: told, elsewhere, missing });
  return exitCodes.done;
}

/** `deno task report`. */
export const reportCommand: Command<typeof flags> = {
  name: "deno task report",
  about:
    "Makes a page of runs to look at: curves with bands over seeds, recipes beside each other with what differs in\n" +
    "their settings, pictures of answers and of training images. One file, which opens without a network.",
  flags,
  registers: true,
  words: {
    name: "run",
    help: "A run's folder, or one with runs below it: of several seeds, of a sweep",
    max: 1000,
    required: true,
    path: true,
  },
  examples: [
    "deno task report runs/20250131-120000-imagenette-128-5",
    'deno task report runs/max runs/maxblur --title "Max against blur" --no-pictures',
  ],
  run,
};

if (import.meta.main) await main(reportCommand);
