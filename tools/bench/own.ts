/**
 * The library in a process that stays and answers requests, a JSON object a line, as benchmarks/peer/resident.py does for
 * PyTorch: what is compared is measured in the same way, and has its memory for itself.
 *
 * `{"setup": {…}}` makes what {@linkcode OwnSetup} says and runs it until it is warm, `{"run": {"steps"}}` measures.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { deviceInfo, recipe } from "../../mod.ts";
import { messageOf } from "../../lib/cli/command.ts";
import { makeOwn, type OwnSetup, type Repeated } from "./own_network.ts";

/** Runs before those that count: the first makes state, the second is recorded, the third replayed. */
const WARM = 3;

let made: Repeated | undefined;

/** `warm`: runs in all; 1 for whoever asks how soon the first is done. */
async function setup({ warm = WARM, ...request }: OwnSetup & { warm?: number }): Promise<Record<string, unknown>> {
  made?.[Symbol.dispose]();
  const start = performance.now();
  made = makeOwn(request);
  await made.run(1);
  const first = performance.now() - start;
  if (warm > 1) await made.run(warm - 1);
  return { parameters: made.parameters, threads: made.threads, first_step_s: Number((first / 1000).toFixed(2)) };
}

async function run({ steps }: { steps: number }): Promise<Record<string, unknown>> {
  const peak = (): number => Math.round(deviceInfo().process.peakMemory / 2 ** 20);
  const ms = await made!.run(steps);
  return { ms, peak_mib: peak(), whole_peak_mib: peak() };
}

function say(answer: unknown): void {
  console.log(JSON.stringify(answer));
}

async function answered(line: string): Promise<unknown> {
  try {
    const request = JSON.parse(line);
    return "setup" in request ? await setup(request.setup) : await run(request.run);
  } catch (error) {
    return { error: messageOf(error) };
  }
}

if (import.meta.main) {
  const { model, isa } = recipe.cpuFacts();
  say({ ready: { cpu: model, isa } });
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
    say(await answered(line));
  }
}
