/** The end of a sweep: what is over is put together, and written down. */
import { join } from "node:path";
import { ownPartial, writeFileAtomic } from "../../io/atomic_file.ts";
import { jsonText } from "../../io/json_file.ts";
import type { Cell } from "./cells.ts";
import type { Journal } from "./journal.ts";
import { waitForLock } from "./lock.ts";
import { failuresSince, ownRecord } from "./own_records.ts";
import type { Plan } from "./plan.ts";
import { resultOf, type SweepResult } from "./results.ts";
import type { Comparison } from "./study.ts";
import { csvOf, markdownOf } from "./texts.ts";
import { attempts } from "./work.ts";

/** Puts together what is over, and writes it down. */
export async function finish(
  plan: Plan,
  { folder, all, wanted, since, signal, journal }: {
    folder: string;
    all: readonly Cell[];
    wanted: readonly string[];
    since: number;
    signal: AbortSignal;
    journal: Journal;
  },
): Promise<SweepResult> {
  const entries = await journal.entries();
  const failed = failuresSince(entries, since);
  const reasons = new Map(
    entries.slice(since).flatMap(({ event, hash = "", message = "" }) =>
      event === "fail" ? [[hash, message] as const] : []
    ),
  );
  // One after another: whoever writes last has read last.
  using _held = await waitForLock(join(folder, "results.lock"));
  const records = [];
  const failures = [];
  for (const cell of all) {
    const record = await ownRecord(folder, cell);
    if (record !== undefined) records.push(record);
    else if ((failed.get(cell.hash) ?? 0) >= attempts) {
      failures.push({ arm: cell.arm, seed: cell.seed, message: reasons.get(cell.hash) ?? "" });
    }
  }
  const seeds = [...new Set(all.map(({ seed }) => seed))];
  const stopped = signal.aborted && records.length + failures.length < all.length;
  const present = new Set([...wanted, ...records.map(({ arm }) => arm), ...failures.map(({ arm }) => arm)]);
  const left = plan.arms.filter(({ name }) => !present.has(name)).map(({ name }) => name);
  const result = resultOf(planOfArms(plan, present), { folder, seeds, records, failures, stopped });
  const told = left.length === 0
    ? []
    : [`Arms that were not asked for and have no runs are left out: ${left.join(", ")}`];
  const whole = { ...result, notes: [...result.notes, ...told] };
  await writeResult(whole);
  return whole;
}

/** A plan of some arms, with what is compared among them. */
function planOfArms(plan: Plan, names: ReadonlySet<string>): Plan {
  const among = ({ arm, against }: Comparison): boolean => names.has(arm) && names.has(against);
  const { arms, primary, exploratory } = plan;
  return {
    ...plan,
    arms: arms.filter(({ name }) => names.has(name)),
    primary: primary !== null && among(primary) ? primary : null,
    exploratory: exploratory.filter(among),
  };
}

async function writeResult(result: SweepResult): Promise<void> {
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    const path = join(result.folder, name);
    await writeFileAtomic(path, [bytes], ownPartial(path));
  };
  const text = new TextEncoder();
  await write("results.json", jsonText(result));
  await write("results.csv", text.encode(csvOf(result)));
  await write("results.md", text.encode(markdownOf(result)));
}
