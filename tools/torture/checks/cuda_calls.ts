/** Each call of an emulated CUDA driver fails in turn. */
import { buildEmulator, NoCompiler } from "../../../tests/emulated/build.ts";
import { type Check, type CheckContext, type Control, Skipped } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { EmulatedAnswer } from "../children/emulated_faults.ts";

/** The folder of the driver that the tests build too. */
async function emulator(): Promise<string> {
  try {
    return await buildEmulator();
  } catch (error) {
    if (error instanceof NoCompiler) throw new Skipped(`the emulated driver cannot be built: ${error.message}`);
    throw error;
  }
}

async function failed({ rng }: CheckContext, count: number, part: string): Promise<EmulatedAnswer> {
  const folder = await emulator();
  const env = { LIBTRAIN_EMULATED: folder, LD_LIBRARY_PATH: folder, LIBTRAIN_NVRTC_DIR: "", LIBTRAIN_KERNEL_CACHE: "" };
  return answerOf(await runChild("emulated_faults", [String(count), String(rng.u32()), part], { env }));
}

/** The first hundred, and a hundred of those after them. */
export const cudaCalls: Check = {
  name: "cuda-calls",
  promise: "Whichever call of the CUDA driver fails, a typed error comes at most, and the process goes on.",
  unit: "failed calls",
  sizes: { quick: 10, long: 200 },
  async run(context, tally): Promise<void> {
    const { tried, calls, told, lost } = await failed(context, context.count, "run");
    tally.count(undefined, tried - lost.length);
    for (const loss of lost) tally.count(loss);
    tally.figures["told"] = told;
    tally.figures["calls of the training"] = calls;
  },
  async control(context): Promise<Control> {
    const planted = "a panic in place of a failed call";
    const { lost } = await failed(context, 3, "panic");
    return { planted, caught: lost.length > 0, said: lost[0] ?? "nothing lost" };
  },
};
