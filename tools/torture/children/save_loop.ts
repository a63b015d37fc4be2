/** Saves checkpoints until it is killed: every tensor of the n-th holds n. Arguments: folder, how. */
import { checkpointIn, Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { startingCounters } from "../../../lib/checkpoint/state.ts";
import type { SafeTensor } from "../../../lib/checkpoint/safetensors.ts";

const [folder = "", how = "library"] = Deno.args;

/** Floats in each of the tensors: 2 MiB in all, so that a save takes its time. */
const FLOATS = 1 << 17;
const TENSORS = 4;

function stateOf(step: number): { tensors: Map<string, SafeTensor>; counters: typeof startingCounters } {
  const names = Array.from({ length: TENSORS }, (_, at) => `model.${at}.weight`);
  const tensor = (): SafeTensor => ({ dtype: "F32", shape: [FLOATS], data: new Float32Array(FLOATS).fill(step) });
  return { tensors: new Map(names.map((name) => [name, tensor()])), counters: { ...startingCounters, step } };
}

/** Bytes that a writer who knows no better hands to the system at a time. */
const PIECE = 1 << 16;

/** The planted bug: the file is written where it belongs, in pieces. */
async function overwrite(step: number): Promise<void> {
  await checkpoints.save({ state: stateOf(step), config: {} });
  const bytes = await Deno.readFile(checkpointIn(folder));
  using file = await Deno.open(checkpointIn(folder), { write: true, truncate: true });
  for (let at = 0; at < bytes.length; at += PIECE) await file.write(bytes.subarray(at, at + PIECE));
}

const checkpoints = new Checkpoints(folder);
await checkpoints.prepare();
for (let step = Number(Deno.args[2] ?? 1);; step++) {
  if (how === "library") await checkpoints.save({ state: stateOf(step), config: {} });
  else await overwrite(step);
  console.log(step);
}
