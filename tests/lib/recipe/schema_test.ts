import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { recipe } from "../../../mod.ts";

const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(recipe.schema());

Deno.test("schema(): takes every preset, and what is made of it", () => {
  for (const name of recipe.presetNames()) {
    assert(validate(recipe.preset(name)), JSON.stringify(validate.errors));
  }
  const changes: recipe.RecipeChanges = {
    model: { name: "xresnet18", widths: [8, 16, 32, 64] },
    schedule: { name: "linearWarmup", then: { name: "cosine" } },
    transforms: { crop: "resized", minScale: 0.35, erase: 0.9, eraseCount: 3, normalize: { mean: [0.5], std: [0.2] } },
    ema: 0.99,
    threads: 2,
    dtype: "auto",
  };
  assert(validate(recipe.preset("imagenette-128-5", changes)), JSON.stringify(validate.errors));
});

Deno.test("schema(): refuses what check() refuses, at the same place", () => {
  const cases: [(made: Record<string, Record<string, unknown>>) => void, place: string][] = [
    [(made) => void (made["schedule"]!["lr"] = -1), "/schedule/lr"],
    [(made) => void (made["optimizer"]!["mom"] = 1), "/optimizer/mom"],
    [(made) => void (made["optimizer"]!["eps"] = 0), "/optimizer/eps"],
    [(made) => void (made["model"]!["pool"] = "blur"), "/model/pool"],
    [(made) => void (made["model"]!["name"] = "vgg"), "/model/name"],
    [(made) => void (made["loss"]!["labelSmoothing"] = 2), "/loss/labelSmoothing"],
    [(made) => void (made["transforms"]!["normalize"] = { mean: [0], std: [0] }), "/transforms/normalize/std/0"],
    [(made) => void (made["epochs"] = 1.5 as never), "/epochs"],
    [(made) => void (made["sise"] = {}), ""],
    [(made) => void delete made["bs"], ""],
    [(made) => void delete made["schedule"]!["lr"], "/schedule"],
  ];
  for (const [spoil, place] of cases) {
    const made = structuredClone(recipe.preset("mnist")) as unknown as Record<string, Record<string, unknown>>;
    spoil(made);
    assertEquals(validate(made), false, place);
    assert(validate.errors!.some(({ instancePath }) => instancePath === place), JSON.stringify(validate.errors));
    let refused = false;
    try {
      recipe.check(made);
    } catch (error) {
      refused = error instanceof recipe.SettingError;
    }
    assert(refused, `check() takes what the schema refuses at ${place}`);
  }
});

Deno.test("schema(): every setting has its sentence", () => {
  type Level = { properties?: Record<string, Level>; description?: string };
  const root = recipe.schema() as Level;
  for (const { path, help, transient } of recipe.settings()) {
    if (transient) continue;
    const found = path.split(".").reduce<Level | undefined>((level, name) => level?.properties?.[name], root);
    assertEquals(found?.description, help, path);
  }
});
