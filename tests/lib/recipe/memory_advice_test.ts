/** What helps where memory runs out, in each place. */
import { assertEquals } from "@std/assert";
import { models, nn, OutOfMemoryError } from "../../../mod.ts";
import { messageOf } from "../../../lib/cli/advice.ts";
import {
  adviseMeasuring,
  advisePredicting,
  adviseTraining,
  withModelAdvice,
} from "../../../lib/recipe/memory_advice.ts";
import { during, type MemoryStage } from "../../../lib/train/memory_stage.ts";

async function errorIn(stage?: MemoryStage): Promise<OutOfMemoryError> {
  const error = new OutOfMemoryError("no room");
  if (stage === undefined) return error;
  return await during(stage, () => Promise.reject(error)).catch((thrown) => thrown as OutOfMemoryError);
}

const training = { bs: 16, validBs: 128, size: 64 };
const more = "no room: give the process more memory, or use a smaller model: this does not depend on the batch size";

Deno.test("memory advice: steps, measuring and saving name what counts there, as flags on the command line", async () => {
  using plain = new nn.Linear(2, 2);
  const advice = async (stage?: MemoryStage, changes = {}): Promise<string> =>
    messageOf(adviseTraining(await errorIn(stage), { ...training, ...changes }, plain));
  assertEquals(await advice(), "no room: set --bs below 16, which takes less memory");
  assertEquals(await advice("measure"), "no room: set --valid-bs below 128, which takes less memory");
  assertEquals(await advice("save"), more);
  assertEquals(await advice(undefined, { bs: 1 }), "no room: set --size below 64, or give the process more memory");
  assertEquals(await advice("measure", { validBs: 1, size: null }), "no room: give the process more memory");
});

Deno.test("memory advice: no batch of one where a batch norm needs two", async () => {
  using normed = models.mnistNet({ seed: 0 });
  const error = await errorIn();
  assertEquals(
    messageOf(adviseTraining(error, { ...training, bs: 2 }, normed)),
    "no room: set --size below 64, or give the process more memory",
  );
  assertEquals(
    messageOf(adviseTraining(error, { ...training, bs: 3 }, normed)),
    "no room: set --bs below 3, which takes less memory",
  );
});

Deno.test("memory advice: evaluate has --bs, predict only --size, and a model neither", async () => {
  const error = await errorIn();
  const measuring = adviseMeasuring(error, { bs: 64, size: 128 });
  assertEquals(messageOf(measuring), "no room: set --bs below 64, which takes less memory");
  assertEquals(
    messageOf(advisePredicting(error, 128)),
    "no room: set --size below 128, or give the process more memory",
  );
  let thrown: unknown;
  try {
    withModelAdvice(() => {
      throw error;
    });
  } catch (caught) {
    thrown = caught;
  }
  assertEquals(messageOf(thrown), more);
  const other = new Error("other");
  assertEquals([adviseMeasuring(other, { bs: 1 }), advisePredicting(other, 8)], [other, other]);
});
