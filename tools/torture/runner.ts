/** Runs checks one after another, each with its planted bug. */
import { join } from "@std/path";
import { messageOf } from "../../lib/cli/command.ts";
import { type Check, type CheckContext, type Control, type Figure, Skipped, Tally } from "./check.ts";
import { root } from "./child.ts";
import { Random } from "./random.ts";

/** What a check came to. */
export interface CheckResult {
  readonly name: string;
  readonly promise: string;
  readonly unit: string;
  /** `kept`: nothing lost and the planted bug found. */
  readonly state: "kept" | "lost" | "skipped" | "blind";
  readonly tried: number;
  readonly lost: number;
  /** The first of what was lost, in words. */
  readonly losses: readonly string[];
  /** Parts that this machine cannot try, with the reason. */
  readonly skipped: readonly string[];
  readonly figures: Readonly<Record<string, Figure>>;
  /** The planted bug; null where nothing could be tried. */
  readonly control: Control | null;
  readonly seed: number;
  readonly seconds: number;
}

/** How to run checks. */
export interface RunOptions {
  readonly quick: boolean;
  readonly seed: number;
  /** Minutes that each check has at most; its own size decides otherwise. */
  readonly minutes?: number;
  /** Told when a check begins, and what it has to say meanwhile. */
  note(line: string): void;
}

function contextOf(check: Check, part: string, folder: string, options: RunOptions): CheckContext {
  const { quick, seed, minutes = Infinity, note } = options;
  const usual = quick ? check.sizes.quick : check.sizes.long;
  const count = check.timed === true && minutes < Infinity ? 60 * minutes : usual;
  const deadline = performance.now() + 60_000 * minutes;
  return {
    rng: Random.of(seed, `${check.name}/${part}`),
    count,
    quick,
    folder,
    note: (line): void => note(`  ${line}`),
    *rounds(most = count): Iterable<number> {
      for (let round = 0; round < most && performance.now() < deadline; round++) yield round;
    },
  };
}

/** A folder of its own below `.cache/torture` for each part, so that one cannot lean on what another left. */
async function inFolder<Result>(name: string, body: (folder: string) => Promise<Result>): Promise<Result> {
  const parent = join(root, ".cache", "torture");
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent, prefix: `${name}-` });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A check that tried nothing, or whose planted bug went by, is blind: it says nothing of the promise. */
function stateOf({ lost, tried, skipped }: Tally, control: Control | null, nothing: boolean): CheckResult["state"] {
  if (lost > 0) return "lost";
  if (nothing || (tried === 0 && skipped.length > 0)) return "skipped";
  return tried > 0 && control?.caught === true ? "kept" : "blind";
}

/** Runs one check and its planted bug. */
export async function runCheck(check: Check, options: RunOptions): Promise<CheckResult> {
  const start = performance.now();
  const tally = new Tally();
  let control: Control | null = null;
  let nothing = false;
  try {
    await inFolder(check.name, (folder) => check.run(contextOf(check, "run", folder, options), tally));
    control = await inFolder(check.name, (folder) => check.control(contextOf(check, "control", folder, options)));
  } catch (error) {
    if (error instanceof Skipped) {
      tally.skip(check.name, error.message);
      nothing = tally.tried === 0;
    } else tally.count(`the check itself failed: ${messageOf(error)}`);
  }
  const state = stateOf(tally, control, nothing);
  const { name, promise, unit } = check;
  const { tried, lost, skipped, figures } = tally;
  // Results are kept in files that say nothing of the machine's folders.
  const losses = tally.losses.map((loss) => loss.replaceAll(root, ""));
  if (control !== null) control = { ...control, said: control.said.replaceAll(root, "") };
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const { seed } = options;
  return { name, promise, unit, state, tried, lost, losses, skipped, figures, control, seed, seconds };
}

/** More at a time would only share memory and the processors' caches. */
const MOST_BESIDE = 4;

/** Runs checks in order, those that may stand beside each other on as many processors as there are. */
export async function runChecks(
  checks: readonly Check[],
  run: (check: Check) => Promise<CheckResult>,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks.filter(({ beside }) => beside !== true)) results.push(await run(check));
  const waiting = checks.filter(({ beside }) => beside === true).values();
  const worker = async (): Promise<void> => {
    for (const check of waiting) results.push(await run(check));
  };
  await Promise.all(Array.from({ length: Math.min(navigator.hardwareConcurrency, MOST_BESIDE) }, worker));
  const place = (result: CheckResult): number => checks.findIndex(({ name }) => name === result.name);
  return results.sort((a, b) => place(a) - place(b));
}

/** Whether a result lets the command end well. */
export function isGood({ state }: CheckResult): boolean {
  return state === "kept" || state === "skipped";
}
