/** Whichever allocation is refused, a training goes on to the same bits. */
import { assert, assertEquals } from "@std/assert";
import { optim } from "../../../mod.ts";
import { type FaultyTraining, trainedUnderFault } from "../../support/memory_faults.ts";
import { long } from "../../long.ts";

/** Refuses one allocation after the other, each in a training of its own. */
async function refuseEach(training: FaultyTraining, stride: number, first: number): Promise<void> {
  const { bits, allocations, errors } = await trainedUnderFault(0, training);
  assertEquals(errors, []);
  assert(allocations > 100, `${allocations} allocations`);
  let refused = 0;
  for (let nth = first; nth <= allocations; nth += stride) {
    const outcome = await trainedUnderFault(nth, training);
    assertEquals(outcome.bits, bits, `allocation ${nth} of ${allocations}: ${outcome.errors}`);
    refused += outcome.errors.length;
  }
  const tried = Math.ceil((allocations - first + 1) / stride);
  assert(refused > 0.5 * tried, `${refused} of ${tried} refusals were told`);
}

const trainings: Readonly<Record<string, FaultyTraining>> = {
  "recorded, Ranger": { capture: true, optimizer: optim.ranger() },
  "call by call, AdamW": { capture: false, optimizer: optim.adamw() },
  "recorded, Muon beside AdamW": { capture: true, optimizer: optim.together(optim.muon(), optim.adamw()) },
};

for (const [name, training] of Object.entries(trainings)) {
  Deno.test(`memory faults: any allocation may be refused, some of them: ${name}`, () => refuseEach(training, 7, 3));
  long(`memory faults: each allocation refused in turn: ${name}`, "hundreds of trainings", () => {
    return refuseEach(training, 1, 1);
  });
}
