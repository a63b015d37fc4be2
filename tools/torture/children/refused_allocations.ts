/** Trainings in each of which one allocation is refused. Arguments: how many, seed, part. Answers what was tried and lost. */
import { injectPanic } from "../../../lib/ffi/native.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import { optim } from "../../../mod.ts";
import { type FaultyTraining, trainedUnderFault } from "../../../tests/support/memory_faults.ts";
import { Random } from "../random.ts";

/** What came of it. */
export interface RefusedAnswer {
  readonly tried: number;
  /** Refusals that were told; the others had another way. */
  readonly told: number;
  readonly lost: readonly string[];
}

const [count = "10", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));

const trainings: Readonly<Record<string, FaultyTraining>> = {
  "recorded, Ranger": { capture: true, optimizer: optim.ranger() },
  "call by call, AdamW": { capture: false, optimizer: optim.adamw() },
  "recorded, Muon beside AdamW": { capture: true, optimizer: optim.together(optim.muon(), optim.adamw()) },
};

/** Which allocations of a training are refused: all where there is time for them, else some. */
function chosen(allocations: number, most: number): number[] {
  if (allocations <= most) return Array.from({ length: allocations }, (_, at) => at + 1);
  return Array.from({ length: most }, () => rng.between(1, allocations));
}

let [tried, told] = [0, 0];
const lost: string[] = [];
for (const [name, training] of Object.entries(trainings)) {
  const { bits, allocations } = await trainedUnderFault(0, training);
  for (const nth of chosen(allocations, Number(count))) {
    tried++;
    try {
      // The planted bug: a panic in place of a refusal.
      if (part === "panic") injectPanic(nth);
      const outcome = await trainedUnderFault(part === "panic" ? 0 : nth, training);
      told += outcome.errors.length;
      if (outcome.bits !== bits) lost.push(`${name}: allocation ${nth} of ${allocations}: other bits`);
    } catch (error) {
      lost.push(`${name}: allocation ${nth} of ${allocations}: ${messageOf(error)}`);
    }
    injectPanic(0);
  }
}
const answer: RefusedAnswer = { tried, told, lost: lost.slice(0, 20) };
console.log(JSON.stringify(answer));
Deno.exit(0);
