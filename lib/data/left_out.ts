/** What of a data set is left out or strange, in one line each. */
import { kindOf } from "../tensor/ops/checks.ts";
import { shown } from "../io/shown.ts";
import type { CacheHeader, UnreadableImage } from "./cache_file.ts";
import type { LeftOut, LeftOutReason, ReadOptions } from "./prepare.ts";

/** What is said of each reason. */
const texts: Readonly<Record<LeftOutReason, string>> = {
  ending: "not called as an image",
  depth: "not directly in a class folder",
  link: "linked to nothing, in a circle, or to the outside",
  special: "no regular files",
  unreadable: "not to be looked at",
  replaced: "replaced by a later entry",
  outside: "beside the parts",
  hidden: "hidden",
};

/** What lies beside a data set may well do so. */
const harmless: readonly LeftOutReason[] = ["outside", "hidden"];

/** How many are left out for each reason; none for those without. */
export function leftOutCounts(leftOut: readonly LeftOut[]): Partial<Record<LeftOutReason, number>> {
  requireLeftOut("leftOutCounts", leftOut);
  const counts: Partial<Record<LeftOutReason, number>> = {};
  for (const { reason } of leftOut) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** The ending of a file's name, for people. */
function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "without ending" : name.slice(dot).toLowerCase();
}

/** The endings of files, the most frequent first: `.gif 2, .csv 1`. */
function endings(leftOut: readonly LeftOut[]): string {
  const counts = new Map<string, number>();
  for (const { path } of leftOut) counts.set(endingOf(path), (counts.get(endingOf(path)) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const named = sorted.slice(0, 5).map(([ending, count]) => `${shown(ending)} ${count}`);
  return [...named, ...(sorted.length > 5 ? ["…"] : [])].join(", ");
}

/** How many are left out, by reason; empty where none are. */
export function leftOutText(leftOut: readonly LeftOut[]): string {
  requireLeftOut("leftOutText", leftOut);
  const parts = (Object.keys(texts) as LeftOutReason[]).flatMap((reason) => {
    const own = leftOut.filter((each) => each.reason === reason);
    if (own.length === 0) return [];
    return `${own.length} ${texts[reason]}${reason === "ending" ? ` (${endings(own)})` : ""}`;
  });
  return parts.join("; ");
}

/** What a data set is made of, as far as it is told. */
export interface Told {
  /** As it was asked for. */
  readonly name: string;
  readonly leftOut: readonly LeftOut[];
  /** Each part's header. */
  readonly parts: readonly { readonly split: string; readonly header: CacheHeader }[];
  /** Paths of images of validation that are also trained on, each with its twin's. */
  readonly shared: readonly (readonly [val: string, train: string])[];
}

function flaws(split: string, header: CacheHeader): string[] {
  const all = header.paths.length + header.unreadable.length;
  const line = (found: readonly UnreadableImage[], what: string): string[] => {
    const [first] = found;
    if (first === undefined) return [];
    return [
      `${found.length} of ${all} images of ${split} ${what}, the first: ${shown(`${first.path}: ${first.reason}`)}`,
    ];
  };
  return [
    ...line(header.unreadable, "cannot be read and are left out"),
    ...line(header.damaged, "are damaged and were read as far as they go"),
  ];
}

/** Classes that a network cannot learn, or whose accuracy nobody sees. */
function emptyClasses(split: string, { classes, counts }: CacheHeader): string[] {
  const empty = classes.filter((_, at) => counts[at] === 0);
  const [first] = empty;
  if (first === undefined) return [];
  const which = empty.length === 1 ? `the class "${shown(first)}" has` : `${empty.length} classes have`;
  return [`${which} no image in ${split}${empty.length === 1 ? "" : `, the first: "${shown(first)}"`}`];
}

/** Tells what is left out, damaged, missing, or in both parts. */
export function tell({ name, leftOut, parts, shared }: Told, options: Pick<ReadOptions, "onWarning" | "onNote">): void {
  const { onWarning = console.warn, onNote } = options;
  for (const { split, header } of parts) flaws(split, header).forEach((line) => onWarning(line));
  for (const { split, header } of parts) emptyClasses(split, header).forEach((line) => onWarning(line));
  // Whatever it learns, its answer is right.
  if (parts[0]?.header.classes.length === 1) {
    onWarning(`"${shown(name)}" has a single class: there is nothing to tell apart`);
  }
  const harmful = leftOut.find(({ reason }) => !harmless.includes(reason));
  const first = harmful ?? leftOut[0];
  const line = `left out of "${shown(name)}": ${leftOutText(leftOut)}; the first: ${shown(first?.path ?? "")}`;
  if (harmful !== undefined) onWarning(line);
  else if (first !== undefined) onNote?.(line);
  const [twins] = shared;
  if (twins === undefined) return;
  const count = `${shared.length} image${shared.length === 1 ? " of val is" : "s of val are"}`;
  onWarning(`${count} trained on too, the first: ${shown(twins[0])}, the same as ${shown(twins[1])}`);
}

function requireLeftOut(caller: string, leftOut: unknown): void {
  const isFile = (file: Partial<LeftOut> | null): boolean =>
    typeof file?.reason === "string" && typeof file.path === "string";
  if (Array.isArray(leftOut) && leftOut.every(isFile)) return;
  throw new TypeError(`${caller}(): Expected \`leftOut\` as an array of { path, reason }, got ${kindOf(leftOut)}`);
}
