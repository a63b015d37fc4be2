/** What a state must be before anything of it is taken over. */
import { isCounter } from "../checkpoint/checkpoint.ts";
import { startingCounters, type State } from "../checkpoint/state.ts";
import { kindOf, requireOptions } from "../tensor/ops/checks.ts";

/** Throws where something is no state, or one whose counters cannot be. */
export function requireState(state: unknown): asserts state is State {
  requireOptions("load", state, "trainer.load((await loadCheckpoint(path)).state)");
  const { tensors, counters } = state as Partial<State>;
  if (!(tensors instanceof Map)) {
    throw new TypeError(`load(): Expected \`tensors\` as a Map of tensors by name, got ${kindOf(tensors)}`);
  }
  requireOptions("load", counters, "trainer.load((await loadCheckpoint(path)).state)");
  const held = counters as unknown as Readonly<Record<string, unknown>>;
  const wrong = Object.keys(startingCounters).find((name) => !isCounter(name, held[name]));
  if (wrong === undefined) return;
  throw new TypeError(`load(): Expected the counter ${wrong} of a training, got ${kindOf(held[wrong])}`);
}
