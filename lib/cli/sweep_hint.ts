/** What to give where a run was asked for and a sweep's folder was given. */
import { recipe, study } from "../../mod.ts";

/** Runs that are named. */
const most = 3;

/** What an error should say that looked for a run in a sweep's folder; undefined of other errors. */
export async function sweepHint(error: unknown): Promise<string | undefined> {
  if (!(error instanceof recipe.RunNotFoundError)) return undefined;
  const { path } = error;
  // The error is what matters: whatever keeps the hint away keeps it away.
  const isSweep = await study.isSweep(path).catch(() => false);
  const runs = isSweep ? await study.listRuns(path).catch(() => []) : [];
  const own = runs.filter(({ arms, state }) => arms.length > 0 && state === "over").slice(0, most);
  if (own.length === 0) return undefined;
  const named = own.map(({ folder, arms, seed }) => `${folder} (${arms.join(" and ")}, seed ${seed ?? "unknown"})`);
  return `Expected a run's folder, got that of a sweep, "${path}": give one of its runs, as ${named.join(", ")}; ` +
    `\`deno task runs ${path}\` lists them all`;
}
