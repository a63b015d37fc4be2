import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/flags.ts";
import { presetNames } from "../../tasks/presets.ts";
import { changes, planOf } from "../../tasks/train_config.ts";

Deno.test("planOf: an option takes the place of the preset's value, and nothing else changes", () => {
  const plain = planOf({});
  assertEquals([plain.preset, plain.seed, plain.threads, plain.capture, plain.dtype], ["mnist", 0, null, true, "f32"]);
  const options = {
    epochs: 3,
    bs: 16,
    lr: 0.1,
    mom: 0.9,
    sqrMom: 0.999,
    eps: 1e-8,
    wd: 0.5,
    seed: 4,
    limit: 9,
    threads: 2,
  };
  const { optimizer, schedule, data, ...rest } = planOf(options);
  assertEquals([rest.epochs, rest.bs, rest.seed, rest.threads, data.limit, schedule.lr], [3, 16, 4, 2, 9, 0.1]);
  assertEquals(optimizer, { ...plain.optimizer, mom: 0.9, sqrMom: 0.999, eps: 1e-8, wd: 0.5 } as typeof optimizer);
  assertEquals(schedule, { ...plain.schedule, lr: 0.1 });
  assertEquals(rest.model, plain.model);
});

Deno.test("planOf: imagenette-128-5 is the leaderboard's entry", () => {
  const plan = planOf({ preset: "imagenette-128-5" });
  assertEquals(plan.model, {
    name: "xse_resnext50",
    options: { act: "mish", sa: true, sym: false, pool: "maxblur" },
  });
  assertEquals(plan.optimizer, { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 });
  assertEquals(plan.schedule, { name: "flatCos", lr: 8e-3, start: 0.75 });
  assertEquals([plan.epochs, plan.bs, plan.labelSmoothing, plan.data.size], [5, 32, 0.1, 128]);
  assertEquals([plan.augmentation.flip, plan.ema], [0.5, null]);
});

Deno.test("planOf: network, activation, pool and attention can be others, one by one", () => {
  const { model } = planOf({ preset: "imagenette-128-5", arch: "xresnet18", act: "relu", sa: false, pool: "avg" });
  assertEquals(model, { name: "xresnet18", options: { act: "relu", sa: false, sym: false, pool: "avg" } });
});

Deno.test("planOf: another optimizer takes over the settings that it has, and refuses the others", () => {
  const preset = "imagenette-128-5" as const;
  assertEquals(planOf({ preset, opt: "adamw", wd: 0.1 }).optimizer, {
    name: "adamw",
    mom: 0.95,
    sqrMom: 0.99,
    eps: 1e-6,
    wd: 0.1,
  });
  assertEquals(planOf({ preset, opt: "sgd" }).optimizer, { name: "sgd", mom: 0.95, wd: 1e-2 });
  assertThrows(() => planOf({ opt: "sgd", eps: 1e-3 }), UsageError, "settings that sgd has, mom, wd, got eps");
});

Deno.test("planOf: the learning rate grows with the batch only where that is asked for", () => {
  const preset = "imagenette-128-5" as const;
  assertEquals(planOf({ preset, bs: 64 }).schedule.lr, 8e-3);
  assertEquals(planOf({ preset, bs: 64, scaleLr: true }).schedule.lr, 16e-3);
  assertEquals(planOf({ preset, bs: 16, lr: 1e-2, scaleLr: true }).schedule.lr, 5e-3);
});

Deno.test("changes: every field that decides a bit is named as on the command line, with both values", () => {
  const base = planOf({});
  assertEquals(changes(base, structuredClone(base)), []);
  assertEquals(changes(base, planOf({ threads: 2, capture: false })), []);
  const cases = [
    [{ lr: 0.01 }, "lr 0.008, now 0.01"],
    [{ bs: 32 }, "bs 64, now 32"],
    [{ epochs: 4 }, "epochs 3, now 4"],
    [{ seed: 7 }, "seed 0, now 7"],
    [{ wd: 0 }, "wd 0.01, now 0"],
    [{ sqrMom: 0.9 }, "sqrmom 0.99, now 0.9"],
    [{ data: "other.tgz" }, "data mnist, now other.tgz"],
    [{ limit: 5 }, "limit null, now 5"],
    [{ arch: "xresnet18" as const }, "arch mnistNet, now xresnet18"],
    [{ act: "relu" as const }, "act mish, now relu"],
    [{ sa: true }, "sa not set, now true"],
    [{ ema: 0.99 }, "ema null, now 0.99"],
    [{ dtype: "f64" as const }, "dtype f32, now f64"],
  ] as const;
  for (const [options, change] of cases) assertEquals(changes(base, planOf(options)), [change]);
  assertEquals(changes(base, planOf({ lr: 1, bs: 8 })).length, 2);
});

Deno.test("presets: JSON keeps all of a plan", () => {
  for (const preset of presetNames) {
    const plan = planOf({ preset });
    assertEquals(JSON.parse(JSON.stringify(plan)), plan);
  }
});
