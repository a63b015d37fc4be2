import { data, recipe, study } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { cacheHelp, watchData } from "../lib/cli/data_report.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { headline } from "../lib/cli/headline.ts";
import { checkOut } from "../lib/cli/out_path.ts";
import { Progress } from "../lib/cli/progress.ts";
import { changesOf, settingFlags } from "../lib/cli/settings_flags.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";

/** What of the command line is no setting of a recipe. */
const own = {
  "start-lr": { kind: "number", min: 1e-30, max: 1e10, default: 1e-7, help: "The first rate" },
  "end-lr": { kind: "number", min: 1e-30, max: 1e10, default: 10, help: "The rate that one step more would have" },
  steps: { kind: "integer", min: 20, max: 10_000, default: 100, help: "Steps at most" },
  diverge: {
    kind: "number",
    min: 1,
    default: 4,
    help: "End where the smoothed loss is more than so many times its lowest",
  },
  cache: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  out: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Where the curve goes (default a new folder below runs)",
  },
} as const satisfies Flags;

/** What is looked for unless the command line says otherwise. */
const usual = { preset: "mnist", seed: 0, device: "auto", dtype: "f32" };

/** A rate in a few digits. */
function short(lr: number | null): string {
  return lr === null ? "none" : `${Number(lr.toPrecision(3))}`;
}

const endings = {
  steps: "all steps were taken",
  diverged: "the loss had grown too large",
  notFinite: "something was not finite",
} as const;

async function run({ flags, report }: CommandContext<typeof own>): Promise<number> {
  const { "start-lr": startLr, "end-lr": endLr, steps, diverge, cache, out } = flags;
  if (endLr <= startLr) throw new UsageError(`Expected --end-lr above --start-lr, ${startLr}, got ${endLr}`);
  const { paths } = report;
  const root = paths.ofProject("runs");
  checkOut("lr-find", out ?? root, { paths });
  if (cache !== undefined) checkOut("lr-find", cache, { flag: "cache", paths });
  const { preset, ...changes } = changesOf(flags);
  const made = recipe.preset(preset ?? usual.preset, changes);
  const images = made.bs * made.accumulate;
  using progress = new Progress(report);
  using stop = stopSignals(report, "stopping");
  const { onWarning, onNote, onProgress, onDownload } = watchData(progress, report, stop.signal);
  const looking = study.lrFindRecipe(made, {
    ...{ startLr, endLr, steps, diverge },
    cache: cache ?? paths.ofProject(data.defaultCache),
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === "downloading") onDownload(event);
      else if (event.type === "preparing") onProgress(event);
      else if (event.type === "dtypeChosen") onNote(`--dtype auto takes ${event.dtype}`);
      else if (event.type === "note") onNote(event.message);
      else if (event.type === "warning") onWarning(event.message);
    },
    onReady: ({ config: { device, dtype, model, data, seed }, threads, parameters, train }) => {
      progress.line(
        `${headline({ kind: device, threads })} · ${dtype} · ${model.name} ${formatNumber(parameters)} parameters · ` +
          `${formatNumber(train)} images of ${data.name} · seed ${seed}`,
      );
      progress.start();
    },
    onStep: ({ lr, smooth }, step) => {
      const facts = [`rate ${short(lr)}`, `loss ${smooth.toFixed(4)}`];
      progress.update({ label: "steps", done: (step + 1) * images, total: steps * images, facts });
    },
  });
  const found = await unlessAborted(looking, stop.signal);
  if (found === null) {
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, exitCode });
    return exitCode;
  }
  progress.clear();
  const { suggestion, suggestions, points, ended, notFinite } = found;
  const rules = Object.entries(suggestions).map(([rule, lr]) => `${rule} ${short(lr)}`);
  report.line(`rate        ${short(suggestion)} is suggested: ${rules.join(" · ")}`);
  const why = notFinite === null ? endings[ended] : `${notFinite} was not finite`;
  report.line(`steps       ${formatNumber(points.length)} of ${formatNumber(steps)}: ${why}`);
  const { folder, ...written } = await study.writeLrFind(found, { folder: out, root });
  if (written.svg !== null) report.line(`figure      ${written.svg}`);
  report.line(`numbers     ${written.json}`);
  report.line(`page        ${written.page}`);
  const { page: _, ...rest } = found;
  report.result({ ...rest, folder, ...written });
  return exitCodes.done;
}

/** `deno task lr-find`. */
export const lrFindCommand: Command<typeof own> = {
  name: "deno task lr-find",
  about:
    "Looks for a learning rate: a step at each of exponentially growing rates, as fastai's lr_find does (Smith 2017).\n" +
    "What is not given is the preset's; nothing is trained or kept but the curve.",
  get flags() {
    return settingFlags(own, usual);
  },
  registers: true,
  examples: [
    "deno task lr-find",
    "deno task lr-find --preset imagenette-128-5 --data imagenette2-320.tgz --bs 64",
    "deno task lr-find --opt adamw --start-lr 1e-6 --end-lr 1 --steps 200 --json",
  ],
  run,
};

if (import.meta.main) await main(lrFindCommand);
