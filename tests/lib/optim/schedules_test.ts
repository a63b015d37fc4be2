/** Schedules: whole curves against fastai's, ends, and bad arguments. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { optim } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";

interface StoredCurve {
  kind: "flatCos" | "oneCycle" | "cosine";
  lr: number;
  total: number;
  pctStart?: number;
  div?: number;
  divFinal?: number;
  end?: number;
  values: number[];
}

const { cases }: { cases: StoredCurve[] } = JSON.parse(
  Deno.readTextFileSync(new URL("../../fixtures/training/flat_cos.json", import.meta.url)),
);

Deno.test("schedules: flat-cos, one-cycle and cosine follow fastai's over the whole training", () => {
  const seen = new Set<string>();
  for (const { kind, lr, total, pctStart: start, div, divFinal, end, values } of cases) {
    const options = Object.fromEntries(
      Object.entries({ lr, start, div, divFinal, end }).filter(([, value]) => value !== undefined),
    ) as { lr: number };
    const rate = optim[kind](options).over(total);
    const ours = values.map((_, step) => rate(step));
    assertEquals(values.length, total);
    // fastai computes the position within a phase in float32.
    assertClose(ours, values, { atol: 2e-7 * lr, rtol: 0 }, `${kind} over ${total} steps`);
    seen.add(kind);
  }
  assertEquals([...seen].sort(), ["cosine", "flatCos", "oneCycle"]);
});

/** A curve of PyTorch's, with the options under the library's names. */
interface StoredDecay {
  kind: "stepDecay" | "multiStepDecay";
  lr: number;
  total: number;
  gamma: number;
  every?: number;
  milestones?: number[];
  values: number[];
}

Deno.test("schedules: step and multi-step decay follow PyTorch's StepLR and MultiStepLR, edges included", () => {
  const { cases }: { cases: StoredDecay[] } = JSON.parse(
    Deno.readTextFileSync(new URL("../../fixtures/training/step_decay.json", import.meta.url)),
  );
  for (const { kind, total, values, ...options } of cases) {
    const schedule = kind === "stepDecay" ? optim.stepDecay(options) : optim.multiStepDecay(options);
    assertEquals(schedule.config, { name: kind, ...options });
    const ours = values.map((_, step) => schedule.over(total)(step));
    // PyTorch multiplies by gamma again and again.
    assertClose(ours, values, { atol: 0, rtol: 1e-12 }, `${kind} over ${total} steps`);
  }
  assertEquals([...new Set(cases.map(({ kind }) => kind))], ["stepDecay", "multiStepDecay"]);
});

Deno.test("schedules: bad places and factors of a decay are refused", () => {
  const wrong = (value: unknown): never => value as never;
  const calls: [() => unknown, typeof RangeError | typeof TypeError, string][] = [
    [() => optim.stepDecay({ lr: 1, every: 0 }), RangeError, "stepDecay(): Expected `every` above 0, got 0"],
    [() => optim.stepDecay({ lr: 1, every: 30 }), RangeError, "stepDecay(): Expected `every` from 0 to 1, got 30"],
    [() => optim.stepDecay({ lr: 1, gamma: -1 }), RangeError, "stepDecay(): Expected `gamma` from 0, got -1"],
    [
      () => optim.stepDecay(wrong({ lr: 1, step: 3 })),
      TypeError,
      "Expected options among lr, every, gamma, got `step`",
    ],
    [
      () => optim.multiStepDecay({ lr: 1, milestones: [0.5, 30] }),
      RangeError,
      "multiStepDecay(): Expected `milestones[1]` from 0 to 1, got 30",
    ],
    [
      () => optim.multiStepDecay({ lr: 1, milestones: [0.5, 0.5] }),
      RangeError,
      "multiStepDecay(): Expected `milestones` in rising order, got 0.5, 0.5",
    ],
    [() => optim.multiStepDecay({ lr: 1, milestones: wrong(0.5) }), TypeError, "Expected `milestones` as an array"],
  ];
  for (const [call, kind, message] of calls) assertThrows(call, kind, message);
});

Deno.test("schedules: where they begin, turn and end", () => {
  const flat = optim.flatCos({ lr: 0.1, start: 0.5, divFinal: 10 });
  assertEquals([flat.at(0), flat.at(0.25), flat.at(0.4999)], [0.1, 0.1, 0.1]);
  assertAlmostEquals(flat.at(0.75), (0.1 + 0.01) / 2, 1e-12);
  assertAlmostEquals(flat.at(1), 0.01, 1e-12);
  const cycle = optim.oneCycle({ lr: 1, start: 0.25, div: 10, divFinal: 100 });
  assertAlmostEquals(cycle.at(0), 0.1, 1e-12);
  assertAlmostEquals(cycle.at(0.125), 0.55, 1e-12);
  assertAlmostEquals(cycle.at(0.25), 1, 1e-12);
  assertAlmostEquals(cycle.at(1), 0.01, 1e-12);
  assertAlmostEquals(optim.cosine({ lr: 2, end: 1 }).at(0.5), 1.5, 1e-12);
  assertAlmostEquals(optim.cosine({ lr: 2 }).at(1), 0, 1e-12);
  assertEquals(optim.constant({ lr: 3 }).over(7)(5), 3);
});

Deno.test("schedules: linear warm-up, then another schedule over the rest", () => {
  const then = optim.cosine({ lr: 1, end: 0 });
  const warm = optim.linearWarmup({ lr: 1, warmup: 0.2, div: 10, then });
  assertAlmostEquals(warm.at(0), 0.1, 1e-12);
  assertAlmostEquals(warm.at(0.1), 0.55, 1e-12);
  assertAlmostEquals(warm.at(0.2), 1, 1e-12);
  assertAlmostEquals(warm.at(0.6), 0.5, 1e-12);
  assertAlmostEquals(warm.at(1), 0, 1e-12);
  assertEquals(optim.linearWarmup({ lr: 5 }).at(0.5), 5, "a constant rate where none is given");
  const config = { name: "linearWarmup", lr: 1, warmup: 0.2, div: 10, then: { name: "cosine", lr: 1, end: 0 } };
  assertEquals(warm.config, config);
  assertEquals(JSON.parse(JSON.stringify(warm.config)), config, "plain JSON");
});

Deno.test("schedules: a config's name is the function that makes it", () => {
  const names = ["flatCos", "oneCycle", "cosine", "constant", "linearWarmup"] as const;
  for (const name of names) assertEquals(optim[name]({ lr: 0.5 }).config.name, name);
});

Deno.test("schedules: steps before and after the training take the nearest rate", () => {
  const rate = optim.flatCos({ lr: 1, start: 0.5, divFinal: 4 }).over(10);
  assertEquals(rate(-3), rate(0));
  assertEquals(rate(10), 0.25);
  assertEquals(rate(1000), 0.25);
  assertEquals(optim.flatCos({ lr: 1, start: 1 }).at(1), 1, "never down");
  assertEquals(optim.flatCos({ lr: 1, start: 0 }).at(0), 1);
});

Deno.test("schedules: bad arguments name the argument and the value", () => {
  const bad: [() => unknown, string][] = [
    [() => optim.flatCos({ lr: NaN }), "flatCos(): Expected `lr` from 0, got NaN"],
    [() => optim.flatCos({ lr: -1 }), "flatCos(): Expected `lr` from 0, got -1"],
    [() => optim.flatCos({ lr: 1, start: 1.5 }), "flatCos(): Expected `start` from 0 to 1, got 1.5"],
    [() => optim.flatCos({ lr: 1, divFinal: Infinity }), "flatCos(): Expected `divFinal` above 0, got"],
    [() => optim.flatCos({ lr: 1, divFinal: 0 }), "flatCos(): Expected `divFinal` above 0, got"],
    [() => optim.oneCycle({ lr: 1, div: 0 }), "oneCycle(): Expected `div`"],
    [() => optim.oneCycle({ lr: 1, start: -0.1 }), "oneCycle(): Expected `start`"],
    [() => optim.cosine({ lr: 1, end: NaN }), "cosine(): Expected `end` from 0, got NaN"],
    [() => optim.constant({ lr: Infinity }), "constant(): Expected `lr`"],
    [() => optim.linearWarmup({ lr: 1, warmup: 2 }), "linearWarmup(): Expected `warmup` from 0 to 1, got 2"],
    [() => optim.linearWarmup({ lr: 1, div: 0 }), "linearWarmup(): Expected `div`"],
    [() => optim.constant({ lr: 1 }).over(0), "over(): Expected the number of steps as a whole number from 1, got 0"],
    [() => optim.constant({ lr: 1 }).over(2.5), "got 2.5"],
    [() => optim.constant({ lr: 1 }).over(NaN), "got NaN"],
  ];
  for (const [make, message] of bad) assertThrows(make, RangeError, message);
});
