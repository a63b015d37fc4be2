import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { study } from "../../../../mod.ts";
import { link } from "../../../support/links.ts";
import { tempFolder } from "../../../temp_folder.ts";

const changes = { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 };

/** A sweep of one arm, as little as there is. */
function plan(options: study.GridOptions = {}): study.Plan {
  return study.gridOf({ bs: [32] }, { changes, name: "odd", ...options });
}

/** A sweep of one run that is over, in a folder that goes afterwards; tests copy it. */
async function sweptOnce(): Promise<Disposable & { readonly root: string; readonly folder: string }> {
  const root = tempFolder();
  const folder = join(root.path, "odd");
  await study.sweep(plan(), { folder, runs: 1 });
  return { root: root.path, folder, [Symbol.dispose]: () => root[Symbol.dispose]() };
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    await (isDirectory ? copyFolder : Deno.copyFile)(join(from, name), join(to, name));
  }
}

/** What a call is refused with before anything is trained. */
async function refusal(folder: string, options: study.SweepOptions = {}): Promise<string> {
  const begun: unknown[] = [];
  const onEvent = (event: study.WorkEvent): void => void (event.type === "begin" && begun.push(event));
  const error = await assertRejects(() => study.sweep(plan(), { folder, runs: 2, onEvent, ...options }));
  assertEquals(begun, []);
  return (error as Error).message;
}

Deno.test("sweep: a damaged or foreign file among its own results is refused before anything runs, by a dry run too", async () => {
  using swept = await sweptOnce();
  const path = join(swept.folder, "results", "bs=32_seed0.json");
  const whole = await Deno.readTextFile(path);
  const record = JSON.parse(whole);
  const other = { ...record, arm: "bs=64" };
  const cases: [text: string, message: string][] = [
    [whole.slice(0, 500), `Expected JSON in "${path}"`],
    ["[]", `Expected a JSON object in "${path}"`],
    ["", `Expected JSON in "${path}"`],
    ["{}", `Expected "${path}" as a sweep's result, got another JSON file: move it elsewhere`],
    [JSON.stringify(other), `Expected "${path}" of the arm bs=32, got bs=64: move it elsewhere`],
    [
      JSON.stringify({ ...record, seed: 1, recipe: { ...record.recipe, seed: 1 } }),
      "with the recipe that its hash is of, got another",
    ],
  ];
  for (const [text, message] of cases) {
    await Deno.writeTextFile(path, text);
    assertStringIncludes(await refusal(swept.folder), message, text.slice(0, 40));
    const error = await assertRejects(() => study.previewSweep(plan(), { folder: swept.folder, runs: 1 }));
    assertStringIncludes((error as Error).message, message);
  }
  // One that somebody put there for a seed that nobody has asked for yet.
  await Deno.writeTextFile(path, whole);
  await Deno.writeTextFile(path.replace("seed0", "seed1"), "{}");
  assertStringIncludes(await refusal(swept.folder), "as a sweep's result, got another JSON file");
});

Deno.test("readRecord: every field is checked, and named with what it must be", async () => {
  using swept = await sweptOnce();
  const path = join(swept.folder, "results", "bs=32_seed0.json");
  const record = JSON.parse(await Deno.readTextFile(path));
  const odd = async (edited: unknown, message: string): Promise<void> => {
    await Deno.writeTextFile(path, JSON.stringify(edited));
    const error = await assertRejects(() => study.readRecord(path), Error, message);
    assertEquals(error.name, "JsonFileError");
    assertStringIncludes(error.message, `in "${path}" as `);
  };
  const { answers, epochs: [epoch], recipe, data } = record;
  const cases: [edit: object, message: string][] = [
    [{ top1: 7.5 }, "Expected `top1` in"],
    [{ top1: 7.5 }, "a number from 0 to 1 (null where no top-1 was measured) in a run that is done"],
    [{ top1: null }, "got null"],
    [{ top1: "abc" }, 'got "abc"'],
    [{ correct: 3.5 }, "Expected `correct`"],
    [{ correct: record.correct + 1 }, "the right answers that `top1` is the share of"],
    [{ total: 0 }, "Expected `total`"],
    [{ loss: null }, "Expected `loss`"],
    [{ status: "diverged" }, "Expected `diverged` in"],
    [{ status: "diverged", diverged: { epoch: 1, step: 1, where: "the loss" } }, "null in one that diverged"],
    [{ diverged: { epoch: 1, step: 1, where: "the loss" } }, "null in one that is done"],
    [{ status: "over" }, "one of done, diverged"],
    [{ arm: "" }, "Expected `arm`"],
    [{ seed: 1 }, "Expected `recipe.seed` in"],
    [{ seed: -1 }, "a whole number from 0 to 4294967295, got -1"],
    [{ hash: "abc" }, "16 hexadecimal digits"],
    [{ answers: { ...answers, total: 1e12 } }, "Expected `answers.total`"],
    [{ answers: { ...answers, correct: -1 } }, "Expected `answers.correct`"],
    [{ answers: { ...answers, right: "AA==" } }, "a bit an image in base64"],
    [{ answers: { ...answers, predicted: 5 } }, "a class an image in base64"],
    [{ code: { ...record.code, commit: 5 } }, "Expected `code.commit`"],
    [{ code: null }, "Expected `code`"],
    [{ machine: { ...record.machine, threads: "many" } }, "Expected `machine.threads`"],
    [{ machine: { ...record.machine, device: "abacus" } }, "one of cpu, cuda"],
    [{ epochs: {} }, "Expected `epochs`"],
    [{ epochs: [null] }, "Expected `epochs[0]`"],
    [{ epochs: [{ ...epoch, top1: 2 }] }, "Expected `epochs[0].top1`"],
    [{ recipe: { ...recipe, model: null } }, "Expected `recipe.model`"],
    [{ recipe: { ...recipe, bs: "32" } }, "Expected `recipe.bs`"],
    [{ data: { ...data, classes: "ab" } }, "Expected `data.classes`"],
    [{ data: { ...data, samples: { train: 64 } } }, "Expected `data.samples.valid`"],
    [{ dtype: "f8" }, "one of f32, bf16, f64"],
    [{ trainSeconds: -1 }, "Expected `trainSeconds`"],
    [{ ended: "yesterday" }, "Expected `ended`"],
  ];
  for (const [edit, message] of cases) await odd({ ...record, ...edit }, message);
  const { top1: _, ...without } = record;
  await odd(without, "got none");
  await Deno.writeTextFile(path, JSON.stringify(record));
  assertEquals((await study.readRecord(path))?.top1, record.top1);
});

Deno.test("sweep: odd files of other runs are told and left out, and what they were of is trained", async () => {
  using swept = await sweptOnce();
  const cell = join(swept.folder, "cells", [...Deno.readDirSync(join(swept.folder, "cells"))][0]!.name);
  const record = await Deno.readTextFile(join(swept.folder, "results", "bs=32_seed0.json"));
  // Like a named pipe it is no regular file, but needs no program to make it.
  const device = async (path: string): Promise<void> => {
    await Deno.remove(path).catch(() => {});
    await link("/dev/null", path);
  };
  const edited = async (path: string, edit: object): Promise<void> => {
    await Deno.writeTextFile(path, JSON.stringify({ ...JSON.parse(await Deno.readTextFile(path)), ...edit }));
  };
  const cases: [name: string, make: (root: string) => Promise<void>, reason: string][] = [
    ["a device among results", async (root) => {
      await Deno.mkdir(join(root, "other", "results"), { recursive: true });
      await device(join(root, "other", "results", "a.json"));
    }, "got a device"],
    ["a damaged record", async (root) => {
      await Deno.mkdir(join(root, "other", "results"), { recursive: true });
      await Deno.writeTextFile(join(root, "other", "results", "a.json"), record.slice(0, 100));
    }, "Expected JSON in"],
    ["a device as configuration", async (root) => {
      await copyFolder(cell, join(root, "run"));
      await device(join(root, "run", "config.json"));
    }, "got a device"],
    ["a loop as configuration", async (root) => {
      await copyFolder(cell, join(root, "run"));
      await Deno.remove(join(root, "run", "config.json"));
      await link("config.json", join(root, "run", "config.json"));
    }, "result.json"],
    ["a damaged result", async (root) => {
      await copyFolder(cell, join(root, "run"));
      await Deno.writeTextFile(join(root, "run", "result.json"), '{"top1":');
    }, "Expected JSON in"],
    ["a result without top-1", async (root) => {
      await copyFolder(cell, join(root, "run"));
      await edited(join(root, "run", "result.json"), { top1: null });
    }, "Expected `top1` in"],
  ];
  for (const [name, make, reason] of cases) {
    using root = tempFolder();
    await make(root.path);
    const folder = join(root.path, "odd");
    const preview = await study.previewSweep(plan(), { folder, runs: 1 });
    assertEquals(preview.cells.map(({ state }) => state), ["to run"], name);
    const notes = new Set<string>();
    const begun: string[] = [];
    const result = await study.sweep(plan(), {
      folder,
      runs: 1,
      onEvent: (event) => {
        if (event.type === "note") notes.add(event.message);
        if (event.type === "begin") begun.push(event.cell.arm);
      },
    });
    assertEquals([result.arms[0]!.summary?.n, begun], [1, ["bs=32"]], name);
    assertEquals(notes.size, 1, name);
    const [note = ""] = notes;
    assertStringIncludes(note, "is left out of what was run before: ", name);
    assertStringIncludes(note, reason, name);
  }
});

Deno.test("sweep: a dry run refuses what the run would refuse, and counts what it would count", async () => {
  using swept = await sweptOnce();
  const { folder } = swept;
  const preview = async (own: study.Plan): Promise<void> => void await study.previewSweep(own, { folder, runs: 1 });
  await assertRejects(
    () =>
      preview(plan({ changes: { ...changes, wd: undefined, optimizer: { wd: 0.5 } } as study.GridOptions["changes"] })),
    study.SweepError,
    "was begun with optimizer.wd of all arms",
  );
  const more = study.gridOf({ bs: [32, 64] }, { changes, name: "odd" });
  await assertRejects(() => preview(more), study.SweepError, "with bs=64 added");
  const full = join(swept.root, "full");
  await Deno.mkdir(full);
  await Deno.writeTextFile(join(full, "notes.txt"), "mine");
  await assertRejects(() => study.previewSweep(plan(), { folder: full }), study.SweepError, 'it holds "notes.txt"');
  assertEquals([...Deno.readDirSync(full)].map(({ name }) => name), ["notes.txt"]);
});

Deno.test("sweep: a journal whose head or seeds were edited is refused with its line", async () => {
  using swept = await sweptOnce();
  const path = join(swept.folder, "journal.jsonl");
  const text = await Deno.readTextFile(path);
  const [head = "", ...rest] = text.split("\n");
  for (const seeds of [[-1, "x", 1.5], { a: 1 }, "01", [4294967296], undefined]) {
    await Deno.writeTextFile(path, `${text}${JSON.stringify({ event: "join", by: "me", seeds })}\n`);
    const line = rest.length + 1;
    assertStringIncludes(
      await refusal(swept.folder),
      `Expected the seeds of line ${line} of "${path}" as whole numbers from 0 to 4294967295, got ${
        seeds === undefined ? "none" : JSON.stringify(seeds)
      }`,
    );
  }
  const { definition, ...without } = JSON.parse(head);
  for (
    const [edited, part] of [
      [without, "definition"],
      [{ ...without, definition: { ...definition, arms: null } }, "definition.arms"],
      [{ ...without, definition: { ...definition, arms: { "bs=32": 5 } } }, "definition.arms"],
      [{ ...without, definition: { ...definition, measure: "luck" } }, "definition.measure"],
      [{ ...without, definition: { ...definition, exploratory: {} } }, "definition.exploratory"],
    ]
  ) {
    await Deno.writeTextFile(path, [JSON.stringify(edited), ...rest].join("\n"));
    assertStringIncludes(await refusal(swept.folder), `got one without \`${part}\``);
  }
});

Deno.test("sweep: devices, files and links in place of its folders and locks are told, and a foreign folder stays as it was", async () => {
  using root = tempFolder();
  const inside = async (name: string, make: (folder: string) => Promise<unknown>): Promise<string> => {
    const parent = join(root.path, name);
    await Deno.mkdir(parent);
    await make(parent);
    return await refusal(join(parent, "odd"));
  };
  const asDevice = await inside("device", async (parent) => {
    await Deno.mkdir(join(parent, "odd"));
    await link("/dev/null", join(parent, "odd", "journal.lock"));
  });
  assertStringIncludes(asDevice, "Expected a regular file, got a device");
  const asFile = await inside("file", (parent) => Deno.writeTextFile(join(parent, "odd"), ""));
  assertStringIncludes(asFile, "it is no folder: give the sweep another name");
  const asLink = await inside("link", (parent) => link("nowhere", join(parent, "odd")));
  assertStringIncludes(asLink, "Cannot make the folder");
  const claims = await inside("claims", (parent) => Deno.writeTextFile(join(parent, ".claims"), ""));
  assertStringIncludes(claims, "Cannot make the folder");
  const results = join(root.path, "results.json");
  await Deno.writeTextFile(results, "{}");
  assertStringIncludes(
    await refusal(join(root.path, "odd"), { results: [results] }),
    `got "${results}", which is no folder: give the one that it lies in`,
  );
});
