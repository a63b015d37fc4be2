/** Muon as it is trained with: by its name in recipes, which puts AdamW beside it. */
import { assert, assertEquals } from "@std/assert";
import { Device, optim, recipe } from "../../../mod.ts";
import { tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

Deno.test("muon: a recipe's has AdamW for biases and norms, and learns within two epochs", async () => {
  using device = new Device("cpu", { threads: 2 });
  using model = tinyModel(device);
  const optimizer = recipe.buildOptimizer({ optimizer: { name: "muon", mom: 0.95, wd: 1e-2 } });
  assertEquals(optimizer.config, {
    name: "together",
    optimizers: [
      { name: "muon", mom: 0.95, nesterov: true, wd: 0.01 },
      { name: "adamw", mom: 0.9, sqrMom: 0.99, eps: 1e-5, wd: 0.01, lrScale: 1 },
    ],
  });
  using trainer = tinyTrainer(model, { optimizer, schedule: optim.flatCos({ lr: 2e-2 }) });
  const [train, valid] = [tinyData(device, 256, { training: true }), tinyData(device, 64)];
  const { top1 } = await trainer.fit(train.batches(16, { seed: 0 }), { epochs: 2, valid: valid.batches(64) });
  assert(top1! > 0.95, `top-1 ${top1}`);
});
