/** Runs, and folders of runs, as one page. */
import { basename, join } from "node:path";
import { requireOptionsOf, requireText, requireWhole } from "../../tensor/ops/checks.ts";
import { LibtrainError } from "../../ffi/errors.ts";
import { RunNotFoundError } from "../../recipe/errors.ts";
import type { OpenDataOptions } from "../../recipe/data.ts";
import { codeVersion } from "../../run/code_version.ts";
import { makeRunFolder } from "../../run/folder_name.ts";
import { Device } from "../../tensor/device.ts";
import type { Figure, Page, Section } from "../report/page.ts";
import { CellArms, placedRuns } from "../sweep/folder_use.ts";
import { isSweep } from "../sweep/journal.ts";
import { groupRuns } from "./groups.ts";
import { type FolderPart, partsIn } from "./folder_parts.ts";
import { runFoldersIn } from "./list_runs.ts";
import { requirePaths } from "./paths.ts";
import { pictureSections } from "./picture_sections.ts";
import { readRunOf, type StudiedRun } from "./read_run.ts";
import { runSections } from "./sections.ts";

/** How to report. */
export interface ReportRunsOptions extends OpenDataOptions {
  /** The page's heading; by default from the folders' names. */
  title?: string;
  /** Whether runs are measured again for pictures of their answers, and training images shown; by default true. */
  pictures?: boolean;
  /** Pictures in a grid, 1 to 1000; by default 24 training images, 12 of the largest losses and 12 right ones. */
  count?: number;
  /** Where to compute; by default `auto`. */
  device?: Device | "auto" | "cpu" | "cuda";
  /** CPU threads of a device that is opened; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  /** Told how far the measuring of a run is. */
  onMeasured?(folder: string, done: number, total: number): void;
}

/** What is reported. */
export interface ReportedRuns {
  /** The page, for `writePage`. */
  readonly page: Page;
  /** The runs on it whose folders are here, those of a sweep that lie in another one beside it among them. */
  readonly runs: readonly StudiedRun[];
  /** Runs of sweeps on it that have no folder here: only their results were found. */
  readonly elsewhere: number;
  /** What the page should have and has not, with the reason; the page tells it too. */
  readonly missing: readonly string[];
}

const known: readonly string[] = [
  ...["title", "pictures", "count", "device", "threads", "onMeasured"],
  ...["cache", "signal", "onWarning", "onNote", "onProgress", "onDownload"],
];

/** What was found at the paths. */
interface Found {
  readonly runs: StudiedRun[];
  /** Folders of runs that a part tells of by itself. */
  readonly told: Set<string>;
  readonly parts: { readonly folder: string; readonly part: FolderPart }[];
  /** Hashes of runs of which only a result is here. */
  readonly elsewhere: Set<string>;
}

/** The runs of a sweep's result that lie in sweeps beside it; notes those that lie nowhere. */
async function borrowed(folder: string, found: Found): Promise<string[]> {
  if (!await isSweep(folder)) return [];
  const placed = await placedRuns(folder).catch((error) => {
    // Not over yet, or damaged: the sweep's own part tells it.
    if (error instanceof LibtrainError || error instanceof TypeError) return [];
    throw error;
  });
  for (const { run, hash } of placed) if (run === null) found.elsewhere.add(hash);
  return placed.flatMap(({ run }) => run === null ? [] : [run]);
}

async function look(folder: string, found: Found, cells: CellArms): Promise<void> {
  const parts = await partsIn(folder);
  found.parts.push(...parts.map((part) => ({ folder, part })));
  const folders = [...new Set([...await runFoldersIn(folder), ...await borrowed(folder, found)])];
  if (folders.length === 0 && parts.length === 0) {
    throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder, or a folder with runs`);
  }
  for (const path of folders) {
    found.runs.push(await readRunOf(path, cells));
    if (parts.some(({ tellsRuns }) => tellsRuns)) found.told.add(path);
    if (path === folder) continue;
    for (const part of await partsIn(path)) found.parts.push({ folder: path, part });
  }
}

async function find(paths: readonly string[]): Promise<Found> {
  const found: Found = { runs: [], told: new Set(), parts: [], elsewhere: new Set() };
  const cells = new CellArms();
  for (const path of paths) {
    const about = await Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
      throw error;
    });
    if (!about?.isDirectory) {
      const what = about === undefined ? "Cannot find" : "Cannot find a run in the file";
      throw new RunNotFoundError(path, `${what} "${path}": give a run's folder, or a folder with runs`);
    }
    await look(path, found, cells);
  }
  // A run that is given twice, say alone and with others of its folder, is one run.
  const once = [...new Map(found.runs.map((run) => [run.folder, run])).values()];
  const parts = new Map(found.parts.map((each) => [`${each.folder}\n${each.part.file}`, each]));
  return { ...found, runs: once, parts: [...parts.values()] };
}

/** Sections whose figures have names of their own: those of several runs would have the same. */
function withOwnNames(sections: readonly Section[]): Section[] {
  const taken = new Set<string>();
  const own = ({ name, ...figure }: Figure): Figure => {
    let free = name;
    for (let count = 2; taken.has(free); count++) free = `${name}-${count}`;
    taken.add(free);
    return { name: free, ...figure };
  };
  return sections.map((section) =>
    section.figures === undefined ? section : { ...section, figures: section.figures.map(own) }
  );
}

async function partSections({ parts, runs }: Found, place: FolderPart["place"], missing: string[]): Promise<Section[]> {
  const sections: Section[] = [];
  for (const { folder, part } of parts.filter(({ part }) => part.place === place)) {
    try {
      const of = place === "last" && runs.length > 1 ? ` of ${basename(folder)}` : "";
      sections.push(
        ...(await part.sections(folder)).map((section) => ({ ...section, title: `${section.title}${of}` })),
      );
    } catch (error) {
      // A file that was edited may lack anything: the page tells it, and shows the rest.
      if (!(error instanceof LibtrainError || error instanceof TypeError || error instanceof RangeError)) throw error;
      missing.push(`${join(folder, part.file)}: ${error.message}`);
    }
  }
  return sections;
}

async function about({ runs, elsewhere }: Found): Promise<string> {
  const all = runs.length + elsewhere.size;
  const data = [...new Set(runs.flatMap(({ data }) => data ?? []))];
  const { commit, dirty } = await codeVersion();
  const code = commit === null
    ? "code of no commit"
    : `commit ${commit.slice(0, 7)}${dirty === false ? "" : ", changed"}`;
  return [
    `${all} ${all === 1 ? "run" : "runs"}${elsewhere.size === 0 ? "" : `, ${elsewhere.size} by their results alone`}`,
    ...(data.length === 0 ? [] : [data.join(", ")]),
    `page made by ${code}`,
    new Date().toISOString().slice(0, 10),
  ].join(" · ");
}

/**
 * Makes a page of runs: folders of runs, or folders with runs below them, as those of several seeds. It has what
 * {@linkcode runSections} tells, pictures of answers and of training images for the first run of each recipe, and what was
 * measured of a run beside and lies in its folder. What cannot be shown, say where data are gone, is told on the page.
 *
 * Rejects with a RunNotFoundError where there is no run at a path.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 } });
 * const { folder } = await recipe.trainSeeds(mine, { runs: 2 }).result;
 * const { page, missing } = await study.reportRuns([folder]);
 * const { html } = await study.writePage(page, `${folder}/report`);
 * console.log(html, missing);
 * ```
 */
export async function reportRuns(paths: readonly string[], options: ReportRunsOptions = {}): Promise<ReportedRuns> {
  requirePaths("reportRuns", "paths", paths, 1);
  requireOptionsOf("reportRuns", options, { example: 'reportRuns(["runs/mine"], { pictures: false })', known });
  if (options.count !== undefined) requireWhole("reportRuns", "count", options.count, 1);
  const { title, pictures = true, signal } = options;
  const found = await find(paths);
  const { runs } = found;
  signal?.throwIfAborted();
  const missing: string[] = [];
  const first = await partSections(found, "first", missing);
  const untold = runs.filter(({ folder }) => !found.told.has(folder));
  const own = untold.length === 0 ? [] : await runSections(untold);
  const shown = pictures && runs.length > 0 ? await pictureSections(groupRuns(runs), { ...options, missing }) : [];
  const last = await partSections(found, "last", missing);
  const told: Section[] = missing.length === 0 ? [] : [{ title: "What is missing", text: missing }];
  for (const line of missing) options.onWarning?.(line);
  const page: Page = {
    title: title ?? (paths.length === 1 ? basename(paths[0]!) : `${runs.length + found.elsewhere.size} runs`),
    about: await about(found),
    sections: withOwnNames([...first, ...own, ...shown, ...last, ...told]),
  };
  return { page, runs, elsewhere: found.elsewhere.size, missing };
}

/** Where a page of runs goes unless a folder is given: `report` in the folder, of several a new one below `root`. */
export async function reportFolder(paths: readonly string[], options: { root?: string } = {}): Promise<string> {
  requirePaths("reportFolder", "paths", paths, 1);
  requireOptionsOf("reportFolder", options, { example: 'reportFolder(["runs/mine"])', known: ["root"] });
  const { root = "runs" } = options;
  requireText("reportFolder", "root", root);
  return paths.length === 1 ? join(paths[0]!, "report") : await makeRunFolder({ root, name: "report" });
}
