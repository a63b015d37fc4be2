/** The same seed gives the same bits, however often, on however many threads, eager or captured. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { startTraining, stateHash, trainSteps } from "../../support/mnist_steps.ts";

const STEPS = 20;

interface Run {
  readonly hash: string;
  readonly losses: number[];
  readonly chunks: number[];
}

async function run(options: { set: string; threads: number; captured?: boolean; seed?: number }): Promise<Run> {
  const { set, threads, captured = false, seed } = options;
  using device = cpuWith(set, { threads });
  using training = startTraining({ device, captured, seed });
  const losses = await trainSteps(training, device, 0, STEPS);
  return { hash: await stateHash(training), losses, chunks: device.stats().chunksByThread };
}

for (const set of instructionSets()) {
  Deno.test(`determinism on ${set}: 20 steps give the same state twice, on 1 and 2 threads, eager and captured`, async () => {
    const first = await run({ set, threads: 1 });
    assert(first.losses.every(Number.isFinite), `losses ${first.losses}`);
    assertEquals(new Set(first.losses).size, STEPS, "every step changes the loss");
    const two = await run({ set, threads: 2 });
    assertEquals(two.chunks.length, 2);
    assert(two.chunks.every((count) => count > 100), `both threads worked: ${two.chunks}`);
    for (const [what, other] of Object.entries({ again: await run({ set, threads: 1 }), "2 threads": two })) {
      assertEquals([other.hash, other.losses], [first.hash, first.losses], what);
    }
    for (const threads of [1, 2]) {
      const captured = await run({ set, threads, captured: true });
      assertEquals([captured.hash, captured.losses], [first.hash, first.losses], `captured on ${threads} threads`);
    }
    const other = await run({ set, threads: 2, seed: 1 });
    assertNotEquals(other.hash, first.hash, "another seed");
  });
}
