import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { recipe, serve } from "../../../../mod.ts";

const small = { name: "digits", preset: "mnist", recipe: { epochs: 1, bs: 32 } };

/** Every field at once. */
const whole = {
  ...small,
  deadline: "2030-02-28T23:59:00+01:00",
  saveEvery: 60,
  output: "runs/elsewhere",
  artefacts: ["model", "report", "predictions"],
  environment: { threads: 2, memory: 1024, cache: ".cache/other" },
};

/** The error of a value that is no job. */
function wrong(value: unknown): serve.JobError {
  return assertThrows(() => serve.checkJob(value), serve.JobError);
}

Deno.test("checkJob(): takes what a job may have, and gives it back", () => {
  for (const job of [small, whole, { ...small, deadline: 0.5 }, { name: "a", recipe: recipe.preset("mnist") }]) {
    assertEquals(serve.checkJob(job), job as serve.JobSpec);
  }
  const { preset: _, clipNorm: _clip, ...parts } = recipe.preset("mnist");
  assertEquals(serve.jobRecipe(serve.checkJob({ name: "a", recipe: parts })).bs, 64);
  assertEquals(serve.jobRecipe(serve.checkJob(small)), recipe.preset("mnist", { epochs: 1, bs: 32 }));
});

/** What is wrong, at which place, and what the message says. */
const bad: readonly [value: unknown, path: string, message: RegExp][] = [
  [null, "", /a job as an object, got null$/],
  [[small], "", /a job as an object, got \[/],
  ["digits", "", /got "digits"$/],
  [{ preset: "mnist" }, "name", /`name` to be 1 to 100 letters.*, got none$/],
  [{ ...small, name: "../up" }, "name", /got "\.\.\/up"$/],
  [{ ...small, name: ".hidden" }, "name", /got "\.hidden"$/],
  [{ ...small, name: "a".repeat(101) }, "name", /`name`/],
  [{ ...small, name: 7 }, "name", /got 7$/],
  [{ ...small, nmae: "x" }, "nmae", /got "nmae": it may be name that is meant$/],
  [{ ...small, save_every: 5 }, "save_every", /it may be saveEvery that is meant$/],
  [{ ...small, colour: "red" }, "colour", /got "colour": leave it out$/],

  [{ ...small, preset: "mnits" }, "preset", /got "mnits": it may be mnist that is meant$/],
  [{ name: "a" }, "preset", /with `preset` or with a whole `recipe`, got neither/],
  [{ name: "a", recipe: {} }, "preset", /got neither/],
  [{ ...small, recipe: [] }, "recipe", /`recipe` to be an object of settings, got \[\]$/],
  [{ ...small, recipe: { preset: "imagenette-128-5" } }, "recipe.preset", /left out beside `preset` mnist/],
  [{ ...small, recipe: { epochs: 0 } }, "recipe.epochs", /`recipe\.epochs` to be a whole number of at least 1, got 0$/],
  [{ ...small, recipe: { epoch: 1 } }, "recipe.epoch", /got `recipe\.epoch`: it may be epochs that is meant$/],
  [{ ...small, recipe: { schedule: { lr: "fast" } } }, "recipe.schedule.lr", /`recipe\.schedule\.lr`.*, got "fast"$/],
  [{ ...small, recipe: { schedule: 3 } }, "recipe.schedule", /`recipe\.schedule` to be an object/],
  [{ ...small, recipe: { model: { actt: "mish" } } }, "recipe.model.actt", /`recipe\.model\.actt`: it may be act/],
  [{ ...small, recipe: { model: { name: "mnistnte" } } }, "recipe.model.name", /it may be mnistNet that is meant$/],
  [{ ...small, recipe: { transforms: { flipp: 0.5 } } }, "recipe.transforms.flipp", /it may be flip that is meant$/],
  [{ name: "a", recipe: { epochs: 1 } }, "recipe.data", /without data, model, optimizer, schedule, bs: name/],
  [{ ...small, deadline: 0 }, "deadline", /seconds above 0.*, got 0$/],
  [{ ...small, deadline: -5 }, "deadline", /got -5$/],
  [{ ...small, deadline: "soon" }, "deadline", /an instant with its zone.*, got "soon"$/],
  [{ ...small, deadline: "2030-01-01T00:00:00" }, "deadline", /with its zone/],
  [{ ...small, deadline: "2030-02-30T00:00:00Z" }, "deadline", /got "2030-02-30T00:00:00Z"$/],
  [{ ...small, deadline: "2030-02-01T25:00:00Z" }, "deadline", /got "2030-02-01T25/],
  [{ ...small, deadline: null }, "deadline", /got null$/],
  [{ ...small, saveEvery: -1 }, "saveEvery", /a number of seconds from 0 to 1000000000, got -1$/],
  [{ ...small, output: "" }, "output", /a folder's path, got ""$/],
  [{ ...small, output: "runs/\0" }, "output", /a folder's path/],
  [{ ...small, artefacts: "model" }, "artefacts", /some of model, report, predictions, each once, got "model"$/],
  [{ ...small, artefacts: ["model", "modell"] }, "artefacts.1", /got "modell" at `artefacts\.1`: it may be model/],
  [{ ...small, preset: ["mnist"] }, "preset", /got \["mnist"\]$/],
  [{ ...small, artefacts: ["report", "report"] }, "artefacts.1", /got "report" at `artefacts\.1`$/],
  [{ ...small, environment: 4 }, "environment", /`environment` to be an object, got 4$/],
  [{ ...small, environment: { thread: 4 } }, "environment.thread", /it may be threads that is meant$/],
  [{ ...small, environment: { threads: 1.5 } }, "environment.threads", /a whole number from 1 to 256, got 1\.5$/],
  [{ ...small, environment: { memory: 1 } }, "environment.memory", /from 64 to/],
  [{ ...small, environment: { cache: 1 } }, "environment.cache", /a folder's path, got 1$/],
];

Deno.test("checkJob(): what is wrong is named by its place, with what was wanted and what is there", () => {
  for (const [value, path, message] of bad) {
    const error = wrong(value);
    assertEquals(error.path, path, error.message);
    assertMatch(error.message, message);
    assertEquals(error.pointer, path === "" ? "" : `/${path.replaceAll(".", "/")}`);
  }
});

Deno.test("jobSchema(): takes what checkJob() takes, and refuses what it refuses but for what it cannot say", () => {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false });
  const validate = ajv.compile(serve.jobSchema());
  const { preset: _, ...parts } = recipe.preset("mnist");
  for (const job of [small, whole, { ...small, deadline: 0.5 }, { name: "a", recipe: parts }]) {
    assert(validate(job), JSON.stringify(validate.errors));
  }
  // Options of networks and days that a month has are beyond a schema, and so is what goes together.
  const beyond = ["recipe.model.actt", "recipe.transforms.flipp", "recipe.preset"];
  for (const [value, path] of bad) {
    if (beyond.includes(path) || /02-30|T25/.test(JSON.stringify(value))) continue;
    assertEquals(validate(value), false, JSON.stringify(value));
  }
});

Deno.test("jobSchema(): every field has its description and its default in words", () => {
  const properties = serve.jobSchema()["properties"] as Record<
    string,
    { description: string; properties: Record<string, { description: string }> }
  >;
  assertEquals(Object.keys(properties), [...new Set(serve.jobFields.map(({ path }) => path.split(".")[0]))]);
  assertStringIncludes(properties["saveEvery"]!.description, "(default: 600)");
  const inner = properties["environment"]!.properties;
  assertEquals(Object.keys(inner), ["threads", "memory", "cache"]);
  for (const { description } of Object.values(inner)) assertMatch(description, /default: /);
});

Deno.test("parseJob(): text that is no JSON is told by line and column", () => {
  const cases: readonly [text: string, message: RegExp][] = [
    ["", /got .* at line 1, column 1$/],
    ['{\n  "name": digits\n}', /got invalid symbol at line 2, column 11$/],
    ['{ "name": "a",\n}', /line 2, column 1$/],
    ['{ "name": "a"', /line 1, column 14$/],
    ['{ "name": "a" } x', /line 1, column 17$/],
    ['{ // a job\n "name": "a" }', /got invalid comment token at line 1, column 3$/],
    ['{ "name": "a\nb" }', /line 1/],
    ['{\n "name": "a",\n "name": "b" }', /got "name" a second time at line 3, column 2$/],
    ['{ "name": "\\x" }', /line 1/],
    ["{'name': 1}", /line 1, column 2$/],
    ['{ "a": 01 }', /line 1|other text/],
    [`${"[".repeat(100_000)}`, /at most 32 levels, got more$/],
    [`{"a":`.repeat(40), /at most 32 levels/],
    [`"${"x".repeat(2 ** 20)}"`, /at most 1048576 bytes, got 1048578$/],
  ];
  for (const [text, message] of cases) {
    const { message: told } = assertThrows(() => serve.parseJob(text), serve.JobError);
    assertMatch(told, message, text.slice(0, 40));
  }
  assertEquals(serve.parseJob(` ${JSON.stringify(whole)}\n`), whole);
  assertEquals(serve.parseJob('{ "a": { "x": 1 }, "b": [{ "x": 2 }, { "x": 3 }] }'), {
    a: { x: 1 },
    b: [{ x: 2 }, { x: 3 }],
  });
});
