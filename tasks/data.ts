import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatDuration, formatNumber } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import { data } from "../mod.ts";
import { isDataPath } from "../lib/cli/data_names.ts";
import { cacheHelp, fileLines, shown, watchData } from "../lib/cli/data_report.ts";
import { runCaches } from "../lib/cli/data_caches.ts";
import { checkOut } from "../lib/cli/out_path.ts";
import { inFlags } from "../lib/cli/settings_flags.ts";
import { stopSignals, unlessAborted } from "../lib/cli/stop_signals.ts";

const flags = {
  archive: {
    kind: "string",
    placeholder: "file",
    path: true,
    help: "The archive of a set given by its name, where it is here already",
  },
  out: { kind: "string", placeholder: "folder", path: true, help: cacheHelp },
  size: { kind: "integer", min: 8, max: 1024, default: 128, help: "Height and width of the images in training" },
  keep: {
    kind: "choice",
    choices: ["size", "source"],
    default: "size",
    help: "Keep training images at that size, or as they are, for random resized crops",
  },
  split: {
    kind: "number",
    above: 0,
    below: 1,
    help: "Share of the images set aside to measure with, where there is no val/, by their names: say 0.2",
  },
  nested: { kind: "boolean", help: "Take images of a class from folders in its folder too" },
  strict: { kind: "boolean", help: "Refuse the set where a single image cannot be read, or is damaged" },
  "max-unreadable": {
    kind: "string",
    placeholder: "N|P%",
    help: "How many images of each part may not be readable (default 1%)",
  },
  list: { kind: "boolean", help: "Name every file that is left out, damaged or in both parts, not only the first ten" },
  threads: { kind: "integer", min: 1, max: 256, help: "Threads that decode, all unless given" },
  caches: {
    kind: "boolean",
    help: "List the pixel caches that there are, of all data sets or of one, with their sizes",
  },
  clear: { kind: "boolean", help: "Remove the pixel caches of all data sets or of one, and say what was freed" },
} as const satisfies Flags;

/** The smallest, median and largest of two sides. */
function sides({ heights, widths }: data.PartDescription): string {
  const [low, middle, high] = [0, 1, 2].map((at) => `${widths[at]} x ${heights[at]}`);
  return low === high ? low! : `${low} to ${high}, median ${middle}`;
}

/** The description as lines for a reader. */
function lines(result: data.DataDescription, all: boolean): string[] {
  const { source, bytes, sha256, md5, verified, train, valid, seconds } = result;
  const classes = result.classes.map(({ name }) => ({ name: shown(name) }));
  const width = classes.reduce((most, { name }) => Math.max(most, name.length), 5);
  const sum = md5 === null ? [] : [
    `md5       ${md5} · ${verified === null ? "no known sum to check it with" : "as published"}`,
  ];
  const parts = [["train", train], ["val", valid]] as const;
  return [
    `source    ${shown(source)} · ${formatNumber(bytes / 1e6, 1)} MB`,
    ...sum,
    ...(sha256 === null ? [] : [`sha256    ${sha256}`]),
    ...parts.map(([name, part]) =>
      `${name.padEnd(10)}${formatNumber(part.images)} images · ${sides(part)} pixels · ${
        [
          `${formatNumber(part.unreadable.length)} unreadable`,
          ...(part.damaged.length === 0 ? [] : [`${formatNumber(part.damaged.length)} damaged`]),
          ...(part.repeated === 0 ? [] : [`${formatNumber(part.repeated)} repeated`]),
        ].join(" · ")
      }`
    ),
    `${"class".padEnd(width + 2)}${"train".padStart(7)}${"val".padStart(7)}`,
    ...classes.map(({ name }, at) => {
      const [of, and] = [train, valid].map(({ counts }) => formatNumber(counts[at] ?? 0));
      return `${name.padEnd(width + 2)}${of!.padStart(7)}${and!.padStart(7)}`;
    }),
    ...fileLines(result, all),
    ...parts.map(([, { cache, bytes, reused }]) =>
      `cache     ${shown(cache)} · ${formatNumber(bytes / 1e6, 1)} MB${reused ? " · was there" : ""}`
    ),
    `ready in  ${formatDuration(1000 * seconds)}`,
  ];
}

/** A path that is not there, and a wrong option, are the command line's to put right. */
async function withFlags<Result>(describe: () => Promise<Result>): Promise<Result> {
  try {
    return await describe();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(error.message);
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(inFlags(error.message.replace(/^\w+\(\): /, "")).replace("`archive`", "--archive"));
  }
}

async function run({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  const { out, "max-unreadable": maxUnreadable, caches, clear, ...options } = given;
  const [name] = words;
  if (caches && clear) throw new UsageError("Expected --caches or --clear, got both: list them first, then clear");
  if (caches || clear) {
    const cache = out ?? report.paths.ofProject(data.defaultCache);
    if (clear) checkOut("data", cache, { paths: report.paths });
    return await runCaches({ cache, name, clear }, report);
  }
  if (name === undefined) {
    throw new UsageError("Expected a data set's name or path, got none: say imagenette2-320, a folder or a .tgz");
  }
  const cache = out ?? report.paths.ofProject(data.defaultCache);
  checkOut("data", cache, { paths: report.paths });
  using stop = stopSignals(report, "stopping");
  using progress = new Progress(report, { unit: "MB" });
  const watch = watchData(progress, report, stop.signal);
  const describing = withFlags(() => data.describe(name, { ...options, maxUnreadable, ...watch, cache }));
  const result = await unlessAborted(describing, stop.signal);
  if (result === null) {
    const exitCode = stop.exitCode ?? exitCodes.interrupted;
    report.result({ stopped: true, name, exitCode });
    return exitCode;
  }
  progress.clear();
  for (const line of lines(result, options.list)) report.line(line);
  if (result.refused !== null) {
    const reason = inFlags(result.refused);
    report.note(`error: ${reason}`);
    report.result({ ...result, refused: reason });
    return exitCodes.failed;
  }
  if (out !== undefined) report.line(`to use it --data ${name} --cache ${out} with train, evaluate and shift`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task data`. */
export const dataCommand: Command<typeof flags> = {
  name: "deno task data",
  about: "Prepares, verifies and describes a data set of image files. A name whose archive is not here is downloaded.",
  flags,
  words: {
    name: "name|path",
    help: `A folder with train/ and val/, an archive of one, or ${data.knownSets.map(({ name }) => name).join(", ")}`,
    max: 1,
    path: isDataPath,
  },
  examples: [
    "deno task data imagenette2-320",
    "deno task data imagenette2-320 --archive imagenette2-320.tgz",
    "deno task data photos --size 160 --json",
    "deno task data photos --split 0.2 --max-unreadable 10 --list",
    "deno task data --caches",
    "deno task data --clear imagenette2-320",
  ],
  run,
};

if (import.meta.main) await main(dataCommand);
