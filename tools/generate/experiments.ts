/**
 * The parts of `docs/experiments.md` that follow from `studies/` and from the results in `benchmarks/results/sweeps`: what
 * stands between `<!-- sweep NAME -->` and `<!-- end -->`.
 */
import { fromFileUrl } from "@std/path";
import { recipe, study } from "../../mod.ts";
import { studyOf } from "../../lib/cli/studies.ts";
import { flagName } from "../../lib/cli/settings_flags.ts";

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

/** What stands of one study, from its plan and its committed results. */
async function studyText(results: string, name: string): Promise<string> {
  const plan = study.planOf(await studyOf(name), { changes: proxy });
  const folder = `${results}/${name}`;
  // The baseline that studies share may lie in another one's folder.
  const found = isThere(folder)
    ? await study.readResults(plan, { results: [fromFileUrl(new URL(results, root))] })
    : undefined;
  return [
    `**Claim**: ${plan.claim}.`,
    ...(plan.source === null ? [] : [`**Its source**: ${plan.source}.`]),
    `**The comparison that decides**: ${plan.primary?.arm} against ${plan.primary?.against}.`,
    armLines(plan),
    ...(found === undefined
      ? ["Not measured yet."]
      : [madeLine(found), study.markdownTables(found), figureLines(results, name)]),
  ].filter((part) => part !== "").join("\n\n");
}

/** The page with its parts made anew; `results` is where results are committed, from the repository's root, a folder a study. */
export async function experimentsPage(page: string, results = "benchmarks/results/sweeps"): Promise<string> {
  const parts = page.split(/(<!-- sweep [\w-]+ -->\n[\s\S]*?<!-- end -->)/);
  const made = await Promise.all(parts.map(async (part) => {
    const name = /^<!-- sweep ([\w-]+) -->/.exec(part)?.[1];
    if (name === undefined) return part;
    return [`<!-- sweep ${name} -->`, ignored[0], await studyText(results, name), ignored[1], "<!-- end -->"].join(
      "\n\n",
    );
  }));
  return made.join("");
}
