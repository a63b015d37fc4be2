/** One sum over a state. */
import type { State } from "../../lib/checkpoint/state.ts";
import { sha256Of } from "../../lib/io/sha256.ts";

/** SHA-256 of every tensor and counter, without times, which no two trainings share. */
export async function stateSum({ tensors, counters }: State): Promise<string> {
  const lines = [JSON.stringify({ ...counters, trainSeconds: 0, epochSeconds: 0 })];
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name)!;
    lines.push(JSON.stringify([name, dtype, shape, await sha256Of(data)]));
  }
  return await sha256Of(new TextEncoder().encode(lines.join("\n")));
}
