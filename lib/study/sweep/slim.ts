/** What is kept of a run that is over: its weights, without what only a training needs. */
import { join } from "node:path";
import { isThere, removeIfThere } from "../../io/atomic_file.ts";
import { loadCheckpoint, saveCheckpoint } from "../../checkpoint/checkpoint.ts";
import { checkpointIn } from "../../checkpoint/checkpoints.ts";

/** Whether a tensor of a state is of the weights or of their average. */
function isKept(name: string): boolean {
  return name.startsWith("model.") || name.startsWith("ema.");
}

/** Whether the newest checkpoint of a run has weights alone, so that no training can go on from it. */
export async function isSlim(folder: string): Promise<boolean> {
  if (!await isThere(checkpointIn(folder))) return false;
  return [...(await loadCheckpoint(checkpointIn(folder))).state.tensors.keys()].every(isKept);
}

/**
 * Takes the optimizer's state out of the newest checkpoint of a run that is over, and removes the one before it: a quarter,
 * or an eighth, of the bytes is left, which still opens, is measured and predicts.
 */
export async function slim(folder: string): Promise<void> {
  const path = checkpointIn(folder);
  const { state, config } = await loadCheckpoint(path);
  const kept = [...state.tensors].filter(([name]) => isKept(name));
  await saveCheckpoint(path, { state: { ...state, tensors: new Map(kept) }, config });
  await removeIfThere(join(folder, "checkpoint", "previous.safetensors"));
}
