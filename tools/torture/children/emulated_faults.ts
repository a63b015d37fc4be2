/**
 * A small training on the emulated GPU, one of whose driver's calls fails. Arguments: how many calls, seed, part. Answers
 * what was tried and lost.
 */
import { InternalError, LibtrainError } from "../../../lib/ffi/errors.ts";
import { injectPanic } from "../../../lib/ffi/native.ts";
import { emulator } from "../../../tests/emulated/emulator.ts";
import { smallRun } from "../../../tests/emulated/small_run.ts";
import { Random } from "../random.ts";

/** What came of it. */
export interface EmulatedAnswer {
  readonly tried: number;
  /** Calls of the training. */
  readonly calls: number;
  /** Failures that were told; others had another way to the same result. */
  readonly told: number;
  readonly lost: readonly string[];
}

const [count = "10", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));

emulator.seed(1);
const wanted = await smallRun();
emulator.reset();
if (await smallRun() !== wanted) throw new Error("Two trainings without a failure differ");
const calls = emulator.calls();
emulator.reset();

/** The first ones in turn, where devices are made; the others spread over the rest. */
const first = Math.min(Number(count), calls);
const chosen = Array.from({ length: first }, (_, at) => at < first / 2 ? at + 1 : rng.between(at + 1, calls));

let told = 0;
const lost: string[] = [];
for (const at of chosen) {
  if (part === "panic") injectPanic(at);
  else emulator.failCall(at);
  try {
    const result = await smallRun();
    if (result !== wanted) lost.push(`call ${at} of ${calls}: another result, and nothing was said`);
  } catch (error) {
    told++;
    const fine = error instanceof LibtrainError && !(error instanceof InternalError);
    if (!fine) lost.push(`call ${at} of ${calls}: ${error}`);
  }
  emulator.reset();
  injectPanic(0);
}
if (await smallRun() !== wanted) lost.push("afterwards the training gives another result");
const answer: EmulatedAnswer = { tried: chosen.length, calls, told, lost: lost.slice(0, 20) };
console.log(JSON.stringify(answer));
Deno.exit(0);
