/** Runs of one recipe, which differ in their seeds alone, and what tells one recipe from another. */
import { basename } from "node:path";
import { differences } from "../../recipe/differences.ts";
import type { StudiedRun } from "./read_run.ts";

/** Runs that share a recipe. */
export interface RunGroup {
  /** What tells its recipe from the others: `pool max`; the preset or the folder where nothing does. */
  readonly label: string;
  /** In the order of their seeds. */
  readonly runs: readonly StudiedRun[];
}

/** A setting that is not the same in all recipes, with its value in each group. */
export interface GroupSetting {
  /** Its path. */
  readonly path: string;
  /** One a group, as text. */
  readonly values: readonly string[];
}

/** What may differ in runs of one recipe: the seed, and what machine and code added. */
const ofRun = /^(seed|preset|device|threads|isa|commit)$/;

/** The longest label, in characters. */
const longestLabel = 60;

/** The path of each setting that differs, with both values. */
function recipeChanges(a: StudiedRun, b: StudiedRun): ReturnType<typeof differences> {
  if (a.config === null || b.config === null) return [{ path: "config", before: "", now: "" }];
  return differences(a.config, b.config).filter(({ path }) => !ofRun.test(path));
}

function sameRecipe(a: StudiedRun, b: StudiedRun): boolean {
  return a.config !== null && b.config !== null && recipeChanges(a, b).length === 0;
}

/** Settings by which groups differ from the first; groups whose configuration cannot be read have none. */
export function settingsOf(groups: readonly (readonly StudiedRun[])[]): GroupSetting[] {
  const first = groups.find(([run]) => run!.config !== null)?.[0];
  if (first === undefined) return [];
  const own = groups.map(([run]) => run!.config === null ? null : recipeChanges(first, run!));
  const usual = new Map(own.flatMap((changes) => (changes ?? []).map(({ path, before }) => [path, before] as const)));
  return [...usual].map(([path, before]) => ({
    path,
    values: own.map((changes) =>
      changes === null ? "unknown" : changes.find((each) => each.path === path)?.now ?? before
    ),
  }));
}

/** A setting's name in a label: the last part of its path, of a name what it names; the whole path where two are alike. */
function shortNames(paths: readonly string[]): string[] {
  const short = paths.map((path) => path.replace(/\.name$/, "").split(".").at(-1)!);
  return short.map((name, at) => short.indexOf(name) === short.lastIndexOf(name) ? name : paths[at]!);
}

/** What a group is called by itself. */
function ownName([run]: readonly StudiedRun[]): string {
  return run!.preset ?? run!.model ?? basename(run!.folder);
}

/**
 * Labels by the settings that differ: where it is one, by its value; else the first by its own name, and the others by what
 * they have other than it.
 */
function byDifferences(groups: readonly (readonly StudiedRun[])[]): string[] {
  const settings = settingsOf(groups);
  const names = shortNames(settings.map(({ path }) => path));
  const one = settings.length === 1;
  return groups.map((group, at) => {
    const own = settings.flatMap(({ values }, which) =>
      one || values[at] !== values[0] ? [`${names[which]} ${values[at]}`] : []
    );
    return own.length === 0 ? ownName(group) : own.join(", ");
  });
}

/** A label for each group: by the settings that differ where these are few, else by its preset or folder. */
function labelsOf(groups: readonly (readonly StudiedRun[])[]): string[] {
  if (groups.length === 1) return [ownName(groups[0]!)];
  const unique = (labels: readonly string[]): boolean =>
    new Set(labels).size === labels.length && labels.every((label) => label.length <= longestLabel);
  const settings = byDifferences(groups);
  if (groups.every(([run]) => run!.config !== null) && unique(settings)) return settings;
  const presets = groups.map(([run]) => run!.preset ?? "");
  if (!presets.includes("") && unique(presets)) return presets;
  const folders = groups.map(([run]) => basename(run!.folder));
  return unique(folders) ? folders : groups.map(([run]) => run!.folder);
}

/** Runs by their recipes, in the order in which these are met. */
export function groupRuns(runs: readonly StudiedRun[]): RunGroup[] {
  const groups: StudiedRun[][] = [];
  for (const run of runs) {
    const found = groups.find(([first]) => sameRecipe(first!, run));
    if (found === undefined) groups.push([run]);
    else found.push(run);
  }
  const labels = labelsOf(groups);
  return groups.map((group, at) => ({
    label: labels[at]!,
    runs: group.toSorted((a, b) => (a.seed ?? 0) - (b.seed ?? 0)),
  }));
}
