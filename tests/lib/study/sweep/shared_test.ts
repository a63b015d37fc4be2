import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { data, recipe, study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { small, smallPlan } from "./plans.ts";

/** Whether opening fails now: a set that is there when arms are rehearsed, and gone when one is trained. */
const broken = { times: 0 };

function squares(label: string, limit: number): data.Arrays {
  const images = new Uint8Array(limit * 28 * 28).map((_, at) => (at * 2654435761) >>> 24);
  const labels = Array.from({ length: limit }, (_, at) => at % 2);
  return { images, labels, imageShape: [28, 28, 1], classes: [label, "other"] };
}

recipe.register({
  dataSets: {
    sound: (_, { device }) => ({
      train: data.fromArrays(squares("sound", 64), { device, training: true }),
      valid: data.fromArrays(squares("sound", 32), { device }),
    }),
    brittle: (_, { device }) => {
      if (broken.times-- > 0) throw new Error("The drive is gone");
      return {
        train: data.fromArrays(squares("brittle", 64), { device, training: true }),
        valid: data.fromArrays(squares("brittle", 32), { device }),
      };
    },
  },
});

const brittle = study.planOf(study.define({
  ...small,
  name: "brittle",
  changes: { epochs: 1, bs: 16, threads: 1 },
  arms: { brittle: { data: { name: "brittle", limit: null } }, sound: { data: { name: "sound", limit: null } } },
  baseline: "sound",
  primary: undefined,
}));

async function swept(
  folder: string,
  times: number,
): Promise<{ result: study.SweepResult; failed: [number, string][] }> {
  const failed: [number, string][] = [];
  const result = await study.sweep(brittle, {
    folder,
    runs: 1,
    onReady: () => void (broken.times = times),
    onEvent: (event) => event.type === "failed" && failed.push([event.attempt, event.message]),
  });
  broken.times = 0;
  return { result, failed };
}

Deno.test("sweep: a cell that fails is tried once more; one that fails again is told, and the others are run", async () => {
  using root = tempFolder();
  const folder = join(root.path, "brittle");
  const { result, failed } = await swept(folder, 2);
  assertEquals(failed, [[1, "The drive is gone"], [2, "The drive is gone"]]);
  const [bad, sound] = result.arms;
  assertEquals([bad!.failed, bad!.summary, bad!.missing], [[{ seed: 0, message: "The drive is gone" }], null, []]);
  assertEquals(sound!.summary?.n, 1);
  const page = await Deno.readTextFile(join(folder, "results.md"));
  assertStringIncludes(page, "| brittle | 0 of 1: 1 failed |");
  assertStringIncludes(page, "- brittle, seed 0, failed: The drive is gone");
  assertStringIncludes(await Deno.readTextFile(join(folder, "results.csv")), "brittle,0,failed,,,,,,");
  // Called again it has two tries again, of which the second does.
  const again = await swept(folder, 1);
  assertEquals(again.failed, [[1, "The drive is gone"]]);
  assertEquals(again.result.arms.map(({ summary, failed }) => [summary?.n, failed]), [[1, []], [1, []]]);
});

Deno.test("sweep: two sweeps that begin at one moment train the arm that both have once", async () => {
  using root = tempFolder();
  const hard = study.planOf(study.define({
    ...small,
    name: "hard",
    arms: { entry: {}, hard: { loss: { labelSmoothing: 0 } } },
    primary: undefined,
  }));
  const folders = ["pools", "hard"].map((name) => join(root.path, name));
  const both = await Promise.all([
    study.sweep(smallPlan(), { folder: folders[0]!, runs: 2 }),
    study.sweep(hard, { folder: folders[1]!, runs: 2 }),
  ]);
  for (const { arms } of both) assertEquals(arms.map(({ summary }) => summary?.n), [2, 2]);
  assertEquals(both[0].arms[0]!.values, both[1].arms[0]!.values);
  const trained = folders.flatMap((folder) => [...Deno.readDirSync(join(folder, "cells"))].map(({ name }) => name));
  assertEquals([trained.length, new Set(trained).size], [6, 6], "four arms with two seeds, of which one is shared");
  assertEquals([...Deno.readDirSync(join(root.path, ".claims"))], []);
  for (const folder of folders) {
    const runs = await study.sweepRuns(folder);
    assertEquals(runs.map(({ seed }) => seed), [0, 1, 0, 1]);
    const own = await Promise.all(runs.map(({ run }) => Deno.realPath(join(run!, "checkpoint", "state.safetensors"))));
    assertEquals(new Set(own).size, 4, "the weights of each run, whichever sweep trained it");
  }
});

Deno.test("sweep: arms that are asked for alone are run, and the others are left out unless they have runs", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  const preview = await study.previewSweep(smallPlan(), { folder, runs: 2, arms: ["max"] });
  assertEquals(preview.cells.map(({ arm, seed }) => [arm, seed]), [["max", 0], ["max", 1]]);
  const part = await study.sweep(smallPlan(), { folder, runs: 1, arms: ["max"] });
  assertEquals(part.arms.map(({ arm, summary, failed }) => [arm, summary?.n, failed]), [["max", 1, []]]);
  assertEquals([part.comparisons, part.notes.at(-1)], [
    [],
    "Arms that were not asked for and have no runs are left out: entry",
  ]);
  const page = await Deno.readTextFile(join(folder, "results.md"));
  assertEquals(page.match(/entry/g)?.length, 1);
  assertEquals(part.stopped, false);
  const both = await study.sweep(smallPlan(), { folder, runs: 1, arms: ["entry"] });
  assertEquals(both.arms.map(({ arm }) => arm), ["entry", "max"]);
  assertEquals([both.comparisons.length, both.notes.filter((note) => note.startsWith("Arms"))], [1, []]);
  const rest = await study.sweep(smallPlan(), { folder, runs: 1 });
  assertEquals(rest.arms.map(({ summary }) => summary?.n), [1, 1]);
  const error = await assertRejects(() => study.sweep(smallPlan(), { folder, arms: ["maxi"] }), recipe.RecipeError);
  assertEquals(error.message, 'Expected `arms` of small, entry, max, got "maxi": it may be max that is meant');
  assert(await study.isSweep(folder));
});
