/** Settings of the optimizers: their names, defaults and limits. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { optim } from "../../../mod.ts";
import { PlainModel } from "../../support/plain_model.ts";

Deno.test("optimizers: what a run's configuration records", () => {
  assertEquals(optim.ranger().config, {
    name: "ranger",
    mom: 0.95,
    sqrMom: 0.99,
    eps: 1e-6,
    wd: 0.01,
    rectify: true,
    k: 6,
    alpha: 0.5,
    centralise: false,
  });
  assertEquals(optim.adamw().config, { name: "adamw", mom: 0.9, sqrMom: 0.99, eps: 1e-5, wd: 0.01 });
  assertEquals(optim.sgd({ mom: 0.9 }).config, { name: "sgd", mom: 0.9, dampening: false, nesterov: false, wd: 0 });
});

Deno.test("optimizers: settings out of range name the setting, its limits and the value", () => {
  const cases: [() => unknown, string][] = [
    [() => optim.ranger({ mom: 1.5 }), "ranger(): Expected `mom` from 0 to 1, got 1.5"],
    [() => optim.ranger({ sqrMom: -0.1 }), "ranger(): Expected `sqrMom` from 0 to 1, got -0.1"],
    [() => optim.ranger({ eps: NaN }), "ranger(): Expected `eps` from 0 to Infinity, got NaN"],
    [() => optim.ranger({ wd: -1 }), "ranger(): Expected `wd`"],
    [() => optim.ranger({ k: 1.5 }), "ranger(): Expected `k` as a whole number from 0, got 1.5"],
    [() => optim.ranger({ k: -1 }), "got -1"],
    [() => optim.ranger({ alpha: 2 }), "ranger(): Expected `alpha` from 0 to 1, got 2"],
    [() => optim.adamw({ mom: NaN }), "adamw(): Expected `mom`"],
    [() => optim.adamw({ eps: Infinity }), "adamw(): Expected `eps`"],
    [() => optim.sgd({ mom: 2 }), "sgd(): Expected `mom`"],
    [() => optim.sgd({ wd: -1e-9 }), "sgd(): Expected `wd`"],
  ];
  for (const [make, message] of cases) assertThrows(make, RangeError, message);
});

Deno.test("sgd: a step is lr times the gradient, with decoupled weight decay on weights alone", async () => {
  using model = new PlainModel({ w: { values: [1, -2], shape: [1, 2] }, b: { values: [1, -2] } }, { dtype: "f64" });
  using optimizer = optim.sgd({ wd: 0.1 }).bind(model, { lr: 0.5 });
  model.setGrad("w", [0.2, 0.4]);
  model.setGrad("b", [0.2, 0.4]);
  optimizer.step();
  assertEquals(await model.read("w"), [1 * (1 - 0.5 * 0.1) - 0.5 * 0.2, -2 * (1 - 0.5 * 0.1) - 0.5 * 0.4]);
  assertEquals(await model.read("b"), [1 - 0.5 * 0.2, -2 - 0.5 * 0.4]);
});

Deno.test("sgd: momentum adds up past gradients", async () => {
  using model = new PlainModel({ b: { values: [0] } }, { dtype: "f64" });
  using optimizer = optim.sgd({ mom: 0.5 }).bind(model, { lr: 1 });
  for (let step = 0; step < 3; step++) {
    model.setGrad("b", [1]);
    optimizer.step();
  }
  assertEquals(await model.read("b"), [-(1 + 1.5 + 1.75)]);
});

Deno.test("adamw: the first step is lr against the gradient's sign", async () => {
  using model = new PlainModel({ b: { values: [0, 0, 0] } }, { dtype: "f64" });
  using optimizer = optim.adamw({ eps: 0 }).bind(model, { lr: 0.01 });
  model.setGrad("b", [3, -1e-3, 100]);
  optimizer.step();
  for (const [i, sign] of [-1, 1, -1].entries()) assertAlmostEquals((await model.read("b"))[i]!, sign * 0.01, 1e-12);
});
