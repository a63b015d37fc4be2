/** Options whose names are not known: settings without effect, which are refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { Device, nn, optim } from "../../../mod.ts";

const wrong = (value: unknown): never => value as never;

Deno.test("adamw(), sgd() and ranger() refuse unknown names, and know other libraries'", () => {
  const cases: readonly [() => unknown, string][] = [
    [
      () => optim.adamw(wrong({ lr: 1e-3 })),
      "adamw(): Expected options among mom, sqrMom, eps, wd, got `lr`: the learning rate is the schedule's, or that of " +
      "bind(model, { lr }) and of `lr` of what it returns",
    ],
    [
      () => optim.sgd(wrong({ momentum: 0.9 })),
      "sgd(): Expected options among mom, dampening, nesterov, wd, got `momentum`: it is called mom here",
    ],
    [() => optim.ranger(wrong({ weight_decay: 0.1 })), "got `weight_decay`: it is called wd here"],
    [() => optim.adamw(wrong({ betas: [0.9, 0.99] })), "got `betas`: they are called mom and sqrMom here"],
    [
      () => optim.adamw(wrong({ amsgrad: true })),
      "adamw(): Expected options among mom, sqrMom, eps, wd, got `amsgrad`",
    ],
    [
      () => optim.flatCos(wrong({ lr: 1, pct: 0.7 })),
      "flatCos(): Expected options among lr, start, divFinal, got `pct`",
    ],
    [() => optim.oneCycle(wrong(undefined)), "oneCycle(): Expected options as an object, got undefined"],
    [() => new optim.Ema(wrong({}), wrong(undefined)), "Ema(): Expected options, got undefined"],
  ];
  for (const [make, message] of cases) assertThrows(() => void make(), TypeError, message);
});

Deno.test("bind() refuses unknown names in its options and in groups", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(1, 1, { device });
  const bind = (options: unknown): void => void optim.sgd().bind(model, options as optim.BindOptions);
  assertThrows(() => bind({ group: [] }), TypeError, "bind(): Expected options among groups, lr, got `group`");
  assertThrows(
    () => bind({ groups: [{ match: /w/, lr: 1 }] }),
    TypeError,
    "got `lr`: lrScale multiplies the learning rate here",
  );
  assertThrows(
    () => bind({ groups: [{ frozen: true }] }),
    TypeError,
    "bind(): Expected `match` as a pattern or a function, got undefined",
  );
  assertThrows(
    () => optim.sgd().bind(wrong(undefined)),
    TypeError,
    "bind(): Expected a model, or a list of models, got undefined",
  );
});

Deno.test("optimizers and schedules take their own configs again", () => {
  for (const made of [optim.adamw({ wd: 0.5 }), optim.sgd({ mom: 0.5 }), optim.ranger({ k: 3 })]) {
    const name = made.config["name"] as "adamw" | "sgd" | "ranger";
    assertEquals(optim[name](made.config as never).config, made.config);
  }
  const schedule = optim.flatCos({ lr: 0.5, start: 0.25 });
  assertEquals(optim.flatCos(schedule.config as never).config, schedule.config);
});

Deno.test("defineOptimizer(), bind() and clipGradNorm() name fields of another type", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 1, { device });
  const define = (fields: object): unknown =>
    optim.defineOptimizer(wrong({ name: "own", update: () => {}, ...fields }));
  const bind = (group: object): unknown =>
    optim.adamw().bind(model, wrong({ groups: [{ match: /weight/, ...group }] }));
  const cases: readonly [() => unknown, string][] = [
    [() => define({ states: "momentum" }), 'defineOptimizer(): Expected `states` as an array of names, got "momentum"'],
    [() => define({ states: ["a"], copies: "a" }), 'Expected `copies` as an array of names, got "a"'],
    [() => define({ options: { a: 1 }, limits: { a: 1 } }), "Expected `limits.a` as two numbers, got 1"],
    [() => optim.adamw().bind(model, wrong({ groups: 3 })), "bind(): Expected `groups` as an array, got 3"],
    [() => bind({ lrScale: "2" }), 'bind(): Expected a group\'s `lrScale` as a number from 0, got "2"'],
    [() => bind({ wd: NaN }), "bind(): Expected a group's `wd` as a number from 0, got NaN"],
    [() => bind({ frozen: 1 }), "bind(): Expected a group's `frozen` as true or false, got 1"],
    [() => optim.clipGradNorm(wrong(3), 1), "clipGradNorm(): Expected a module, modules or parameters, got 3"],
  ];
  for (const [call, message] of cases) assertThrows(call, Error, message);
});
