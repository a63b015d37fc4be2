/**
 * The parts of `docs/experiments.md` that follow from `studies/` and from the results in `benchmarks/results/sweeps`: what
 * stands between `<!-- sweep NAME -->`, `<!-- verdicts -->` or `<!-- shifts -->` and `<!-- end -->`.
 */
import { fromFileUrl } from "@std/path";
import { recipe, study } from "../../mod.ts";
import { studyOf } from "../../lib/cli/studies.ts";
import { flagName } from "../../lib/cli/settings_flags.ts";
import { points, pointsInterval } from "../../lib/study/shift/words.ts";
import { short } from "../../lib/study/statistics/digits.ts";
import { markdownTable } from "../../lib/study/sweep/texts.ts";
import { shiftPoolsText } from "./shift_pools.ts";

const root = new URL("../../", import.meta.url);

/** What all arms change of the entry, so that a run takes minutes. */
export const proxy = { model: { name: "xresnet18" }, size: 64 } as const satisfies recipe.RecipeChanges;

/** What no reader takes for a change by hand. */
const ignored = ["<!-- deno-fmt-ignore-start -->", "<!-- deno-fmt-ignore-end -->"] as const;

function isThere(path: string): boolean {
  try {
    Deno.statSync(new URL(path, root));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A plan's arms by what each changes of the baseline. */
function armLines({ arms, baseline }: study.Plan): string {
  const base = arms.find(({ name }) => name === baseline)!.recipe;
  return arms.map(({ name, recipe: own }) => {
    const changed = recipe.differences(base, own).map(({ path, now }) => `\`--${flagName(path)} ${now}\``);
    return `- ${name}: ${changed.length === 0 ? "the entry on the proxy" : changed.join(", ")}`;
  }).join("\n");
}

function distinct(values: readonly (string | null)[]): string {
  return [...new Set(values.map((value) => value ?? "unknown"))].join(", ");
}

/** By which code and where the runs were made, and how long they took. */
function madeLine({ arms }: study.SweepResult): string {
  const runs = arms.flatMap(({ runs }) => runs);
  const seconds = runs.flatMap(({ trainSeconds }) => trainSeconds ?? []);
  const mean = seconds.reduce((sum, each) => sum + each, 0) / Math.max(1, seconds.length);
  return `${runs.length} runs of commit ${distinct(runs.map(({ code }) => code.commit?.slice(0, 12) ?? null))} on ${
    distinct(runs.map(({ machine }) => `${machine.cpu ?? machine.device} (${machine.isa}, ${machine.threads} threads)`))
  }; ${Math.round(mean)} s of training each on average.`;
}

/** The figures of a study's page that are committed. */
function figureLines(results: string, name: string): string {
  return ["differences", "arms", "top1", "loss", "train-loss"].flatMap((what) => {
    const path = `${results}/${name}/figures/${name}-${what}.svg`;
    return isThere(path) ? [`![${name}: ${what}](../${path})`] : [];
  }).join("\n\n");
}

/** What committed results come to for a study on the proxy; undefined where none are of it. */
async function resultOf(results: string, plan: study.Plan): Promise<study.SweepResult | undefined> {
  if (!isThere(`${results}/${plan.name}`)) return undefined;
  // The baseline that studies share may lie in another one's folder.
  return await study.readResults(plan, { results: [fromFileUrl(new URL(results, root))] });
}

/** A result without the arms that nothing was measured of, and their names. */
function measured(result: study.SweepResult): { result: study.SweepResult; left: string[] } {
  const [left, arms] = [true, false].map((none) => result.arms.filter(({ runs }) => (runs.length === 0) === none));
  const names = left!.map(({ arm }) => arm);
  const comparisons = result.comparisons.filter(({ arm, against }) => !names.includes(arm) && !names.includes(against));
  return { result: { ...result, arms: arms!, comparisons }, left: names };
}

/** What stands of one study, from its plan and its committed results. */
async function studyText(results: string, name: string): Promise<string> {
  const plan = study.planOf(await studyOf(name), { changes: proxy });
  const found = await resultOf(results, plan);
  const known = found === undefined ? undefined : measured(found);
  return [
    `**Claim**: ${plan.claim}.`,
    ...(plan.source === null ? [] : [`**Its source**: ${plan.source}.`]),
    `**The comparison that decides**: ${plan.primary?.arm} against ${plan.primary?.against}.`,
    armLines(plan),
    ...(known === undefined ? ["Not measured yet."] : [
      madeLine(known.result),
      study.markdownTables(known.result),
      known.left.length === 0 ? "" : `Not measured yet: ${known.left.join(", ")}.`,
      figureLines(results, name),
    ]),
  ].filter((part) => part !== "").join("\n\n");
}

/** Every claim that is tested on the proxy with what became of it, a row a study of the page. */
async function verdictsText(results: string, names: readonly string[]): Promise<string> {
  const rows = await Promise.all(names.map(async (name) => {
    const plan = study.planOf(await studyOf(name), { changes: proxy });
    const primary = (await resultOf(results, plan))?.comparisons.find(({ kind }) => kind === "primary");
    const found = primary?.paired ?? null;
    if (primary === undefined || found === null) return [plan.claim ?? "", "", "not measured yet", "", ""];
    const interval = pointsInterval(found.flips ?? found.t);
    return [
      plan.claim ?? "",
      `${primary.arm} against ${primary.against}`,
      primary.claim!,
      points(found.mean) + (interval === null ? "" : ` (${interval})`),
      `${short(found.p, 2)} of ${found.n} seeds`,
    ];
  }));
  return markdownTable(["claim", "what decides", "verdict", "difference in points (95 %)", "p"], rows);
}

/** What stands of VGG and shifts. */
function shiftsText(results: string): string {
  const path = `${results}/../shift_pools.json`;
  return isThere(path) ? shiftPoolsText(JSON.parse(Deno.readTextFileSync(new URL(path, root)))) : "Not measured yet.";
}

/** The page with its parts made anew; `results` is where results are committed, from the repository's root, a folder a study. */
export async function experimentsPage(page: string, results = "benchmarks/results/sweeps"): Promise<string> {
  const parts = page.split(/(<!-- (?:sweep [\w-]+|verdicts|shifts) -->\n[\s\S]*?<!-- end -->)/);
  const nameOf = (part: string): string | undefined => /^<!-- sweep ([\w-]+) -->/.exec(part)?.[1];
  const studies = parts.flatMap((part) => nameOf(part) ?? []);
  const made = await Promise.all(parts.map(async (part) => {
    const [head] = /^<!-- (?:sweep [\w-]+|verdicts|shifts) -->/.exec(part) ?? [];
    if (head === undefined) return part;
    const name = nameOf(part);
    const text = name !== undefined
      ? await studyText(results, name)
      : head.includes("shifts")
      ? shiftsText(results)
      : await verdictsText(results, studies);
    return [head, ignored[0], text, ignored[1], "<!-- end -->"].join("\n\n");
  }));
  return made.join("");
}
