import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatDuration, formatNumber } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import { readHeader } from "../lib/data/open.ts";
import { defaultCache, prepare, type PreparedFile } from "../lib/data/prepare.ts";
import { data, Device } from "../mod.ts";
import { cacheHelp, showDownload, showPreparing } from "./data_report.ts";
import { thereOrRefused } from "./open_data.ts";
import { checkOut } from "./out_path.ts";
import { stopSignals, unlessAborted } from "./stop_signals.ts";

/** What to prepare, and how. */
export interface PrepareOptions extends data.ReadOptions, data.FindOptions {
  /** The archive of a set that is given by its name. */
  archive?: string;
  /** Height and width of the images in training; by default 128. */
  size?: number;
  /** What is kept of training images, see `data.open`. */
  keep?: "size" | "source";
}

/** One part of a data set. */
export interface PartDescription {
  readonly images: number;
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** Images of each class, in the order of the classes. */
  readonly counts: readonly number[];
  /** Smallest, median and largest height of the files' own images, pixels. */
  readonly heights: readonly number[];
  /** The same of their widths. */
  readonly widths: readonly number[];
  /** The pixel cache. */
  readonly cache: string;
  readonly bytes: number;
  /** Whether it was there already. */
  readonly reused: boolean;
}

/** What a data set is. */
export interface DataDescription {
  /** As it was asked for. */
  readonly name: string;
  /** The folder or archive that it was read from. */
  readonly source: string;
  readonly kind: "archive" | "folder";
  readonly bytes: number;
  /** SHA-256 of an archive; null for a folder. */
  readonly sha256: string | null;
  /** MD5 of an archive that belongs to a name; null where none was computed. */
  readonly md5: string | null;
  /** Whether that is the sum known for the name; null where none is known. */
  readonly verified: boolean | null;
  readonly classes: readonly { readonly folder: string; readonly name: string }[];
  readonly train: PartDescription;
  readonly valid: PartDescription;
  readonly seconds: number;
}

/** Where the files of a name or path are, with the sum of an archive given for a name. */
async function sourceOf(
  nameOrPath: string,
  options: PrepareOptions,
): Promise<{ source: string; md5: string | null; set: data.KnownSet | undefined }> {
  const { archive } = options;
  const set = data.knownSet(nameOrPath);
  if (archive === undefined) {
    const source = await thereOrRefused(() => data.findArchive(nameOrPath, options));
    if (source === nameOrPath || set === undefined) return { source, md5: null, set: undefined };
    return { source, md5: await data.importArchive(set, source, options), set };
  }
  if (set === undefined) {
    const names = data.knownSets.map(({ name }) => name).join(", ");
    throw new UsageError(`Expected --archive with one of ${names}, got "${nameOrPath}": give the archive's path alone`);
  }
  if (!await isFile(archive)) throw new UsageError(`Expected --archive as a file, got "${archive}", which is none`);
  return { source: archive, md5: await data.importArchive(set, archive, options), set };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How many of the paths `split/class/file` are in each class. */
export function countsOf(folders: readonly string[], paths: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const [, folder = ""] = path.split("/", 2);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return folders.map((folder) => counts.get(folder) ?? 0);
}

async function describe(file: PreparedFile, device: Device): Promise<PartDescription & { folders: readonly string[] }> {
  const { classes: folders, paths, unreadable, heights, widths } = await readHeader(file.path, device);
  const counts = countsOf(folders, paths);
  const { images, path: cache, bytes, reused } = file;
  return { images, unreadable, counts, heights, widths, cache, bytes, reused, folders };
}

/** Decodes a data set into its cache, and says what it is. */
export async function prepareData(nameOrPath: string, options: PrepareOptions = {}): Promise<DataDescription> {
  const { size = 128, keep = "size" } = options;
  const { source, md5, set } = await sourceOf(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: keep === "source" ? 0 : size, validSize: size }, options);
  const { kind, bytes, key } = prepared.source;
  using device = new Device("cpu", { threads: 1 });
  const of = (split: PreparedFile["split"]): PreparedFile => prepared.files.find((file) => file.split === split)!;
  const { folders, ...train } = await describe(of("train"), device);
  const { folders: _, ...valid } = await describe(of("val"), device);
  const names = data.classNames(folders);
  return {
    name: nameOrPath,
    source,
    kind,
    bytes,
    sha256: kind === "archive" ? key : null,
    md5,
    verified: set === undefined || set.md5 === null ? null : set.md5 === md5,
    classes: folders.map((folder, at) => ({ folder, name: names[at]! })),
    train,
    valid,
    seconds: prepared.seconds,
  };
}

const flags = {
  archive: {
    kind: "string",
    placeholder: "file",
    help: "The archive of a set given by its name, where it is here already",
  },
  out: { kind: "string", placeholder: "folder", help: cacheHelp },
  size: { kind: "integer", min: 8, max: 1024, default: 128, help: "Height and width of the images in training" },
  keep: {
    kind: "choice",
    choices: ["size", "source"],
    default: "size",
    help: "Keep training images at that size, or as they are, for random resized crops",
  },
  strict: { kind: "boolean", help: "Refuse the set where a single image cannot be read" },
  threads: { kind: "integer", min: 1, max: 256, help: "Threads that decode, all unless given" },
} as const satisfies Flags;

/** The smallest, median and largest of two sides. */
function sides({ heights, widths }: PartDescription): string {
  const [low, middle, high] = [0, 1, 2].map((at) => `${widths[at]} x ${heights[at]}`);
  return low === high ? low! : `${low} to ${high}, median ${middle}`;
}

/** The description as lines for a reader. */
function lines(result: DataDescription): string[] {
  const { source, bytes, sha256, md5, verified, classes, train, valid, seconds } = result;
  const width = Math.max(5, ...classes.map(({ name }) => name.length));
  const sum = md5 === null ? [] : [
    `md5       ${md5} · ${verified === null ? "no known sum to check it with" : "as published"}`,
  ];
  const parts = [["train", train], ["val", valid]] as const;
  return [
    `source    ${source} · ${formatNumber(bytes / 1e6, 1)} MB`,
    ...sum,
    ...(sha256 === null ? [] : [`sha256    ${sha256}`]),
    ...parts.map(([name, part]) =>
      `${name.padEnd(10)}${formatNumber(part.images)} images · ${
        sides(part)
      } pixels · ${part.unreadable.length} unreadable`
    ),
    `${"class".padEnd(width + 2)}${"train".padStart(7)}${"val".padStart(7)}`,
    ...classes.map(({ name }, at) => {
      const [of, and] = [train, valid].map(({ counts }) => formatNumber(counts[at] ?? 0));
      return `${name.padEnd(width + 2)}${of!.padStart(7)}${and!.padStart(7)}`;
    }),
    ...parts.flatMap(([, { unreadable }]) => unreadable.map(({ path, reason }) => `unreadable ${path}: ${reason}`)),
    ...parts.map(([, { cache, bytes, reused }]) =>
      `cache     ${cache} · ${formatNumber(bytes / 1e6, 1)} MB${reused ? " · was there" : ""}`
    ),
    `ready in  ${formatDuration(1000 * seconds)}`,
  ];
}

async function run({ flags: { out, ...options }, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [name] = words;
  if (name === undefined) {
    throw new UsageError("Expected a data set's name or path, got none: say imagenette2-320, a folder or a .tgz");
  }
  const cache = out ?? defaultCache;
  checkOut("data", cache);
  using stop = stopSignals((line) => report.note(line), "stopping");
  using progress = new Progress(report, { unit: "MB" });
  const watch = {
    onDownload: (state: data.DownloadProgress): void => showDownload(progress, state),
    onProgress: (state: data.PrepareProgress): void => showPreparing(progress, state),
  };
  const preparing = prepareData(name, { ...options, ...watch, cache, signal: stop.signal });
  const result = await unlessAborted(preparing, stop.signal);
  if (result === null) return stop.exitCode ?? exitCodes.interrupted;
  progress.clear();
  for (const line of lines(result)) report.line(line);
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
    required: true,
  },
  examples: [
    "deno task data imagenette2-320",
    "deno task data imagenette2-320 --archive imagenette2-320.tgz",
    "deno task data photos --size 160 --json",
  ],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, dataCommand));
