/** Draws that are counted on the device, and which of them are kept. */
import { apply, applyOne } from "./apply.ts";
import type { Device } from "./device.ts";
import { noGrad } from "./graph.ts";
import { hostEffect } from "./recording.ts";
import type { Tensor } from "./tensor.ts";
import { untraced } from "./trace.ts";

/** Counters with draws that are not kept yet. */
const drawn = new WeakMap<Device, Set<Tensor>>();

/** Key and number of a counter's next draw, i32 [3], and counts it; only enqueues. */
export function nextDraw(counter: Tensor): Tensor {
  const draw = noGrad(() => applyOne("next_draw", [counter], {}));
  const note = (): void => {
    const counters = drawn.get(counter.device) ?? new Set();
    drawn.set(counter.device, counters.add(counter));
  };
  note();
  hostEffect(note);
  return draw;
}

/**
 * Keeps the draws of a device so far, behind what is enqueued: an optimizer's step calls it once its update is enqueued.
 * Where the step fails, this is skipped with it, and {@linkcode takeBackDraws} takes its draws back.
 */
export function keepDraws(device: Device): void {
  const counters = [...drawn.get(device) ?? []];
  const forget = (): void => counters.forEach((counter) => drawn.get(device)?.delete(counter));
  // What was drawn outside of the step is kept too, but is no difference between its runs.
  untraced(() =>
    noGrad(() => {
      for (const counter of counters) if (!counter.disposed) apply("keep_draws", [counter], { back: false });
    })
  );
  forget();
  hostEffect(forget);
}

/** Takes back a counter's draws that were not kept. */
export function takeBackDraws(counter: Tensor): void {
  noGrad(() => apply("keep_draws", [counter], { back: true }));
}
