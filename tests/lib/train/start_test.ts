/** Which trainings go on, and which are refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { type Counters, startingCounters } from "../../../lib/checkpoint/state.ts";
import { startingPoint } from "../../../lib/train/start.ts";
import { type data, Device, StateError } from "../../../mod.ts";
import { tinyData } from "./tiny.ts";

const stats = { mean: [0.5], std: [0.25] };

/** The counters of a training in its middle, as a checkpoint holds them. */
function stopped(batches: data.Batches): Counters {
  const sampler = JSON.parse(JSON.stringify(batches.config));
  return { ...startingCounters, epochs: 2, epoch: 1, batch: 1, step: 3, sampler };
}

Deno.test("startingPoint: a training goes on with the normalization that it was begun with", () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  const plain = set.batches(4);
  const batches = set.batches(4, { normalize: stats });
  for (const same of [plain, batches]) {
    const at = stopped(same);
    assertEquals(startingPoint(at, same, { epochs: 2, resume: true }), at);
  }
  const refused = (begun: data.Batches, now: data.Batches, text: string): void => {
    const at = stopped(begun);
    assertThrows(() => startingPoint(at, now, { epochs: 2, resume: true }), StateError, text);
    assertEquals(startingPoint(at, now, { epochs: 2, resume: true, force: true }).sampler, now.config);
  };
  const shown = 'normalize {"mean":[0.5],"std":[0.25]}';
  refused(batches, plain, `Expected ${shown}, with which this training was begun, got none`);
  refused(plain, batches, 'Expected normalize none, with which this training was begun, got {"mean":[0.5],');
  refused(batches, set.batches(4, { normalize: { ...stats, mean: [0.75] } }), `Expected ${shown}, with`);
});

Deno.test("startingPoint: another batch size or seed is refused, naming both", () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  const at = stopped(set.batches(4));
  assertThrows(
    () => startingPoint(at, set.batches(2), { epochs: 2 }),
    StateError,
    "Expected batchSize 4, with which this training was begun, got 2",
  );
  assertThrows(
    () => startingPoint(at, set.batches(4, { seed: 1 }), { epochs: 2 }),
    StateError,
    "Expected seed 0, with",
  );
});

Deno.test("startingPoint: in the middle of an epoch the metrics must be those that it was begun with, unless forced", () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 8);
  const batches = set.batches(4);
  const at = { ...stopped(batches), seen: 4, metricSums: { old: 3 } };
  assertEquals(startingPoint(at, batches, { epochs: 2, metrics: ["old"] }), at);
  assertThrows(
    () => startingPoint(at, batches, { epochs: 2, metrics: ["old", "fresh"] }),
    StateError,
    "Expected the metrics with which this epoch was begun, old, got old, fresh: give the same, or pass `force`",
  );
  const { metricSums } = startingPoint(at, batches, { epochs: 2, metrics: ["old", "fresh"], force: true });
  assertEquals(metricSums, { old: 3, fresh: NaN });
  const edge = { ...at, seen: 0, batch: 0, metricSums: undefined };
  assertEquals(startingPoint(edge, batches, { epochs: 2, metrics: ["fresh"] }), edge);
});
