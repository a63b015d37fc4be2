import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { recipe } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

const short: recipe.RecipeChanges = { epochs: 2, bs: 32, data: { limit: 128 }, threads: 1 };

Deno.test("trainSeeds(): what is changed by force is in the group's files, and holds for the seeds to come", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { ...short, epochs: 1, data: { limit: 64 } });
  const stop = new AbortController();
  const training = recipe.trainSeeds(mine, { runs: 3, out: folder.path, signal: stop.signal });
  let over = 0;
  for await (const event of training) if (event.type === "fitEnd" && ++over === 1) stop.abort();
  const part = await training.result;
  assertEquals([part.stopped, part.top1.length], [true, 1]);
  const again = new AbortController();
  const second = recipe.resumeSeeds(part.folder, {
    changes: { schedule: { lr: 0.001 } },
    force: true,
    signal: again.signal,
  });
  over = 0;
  for await (const event of second) if (event.type === "fitEnd" && ++over === 1) again.abort();
  await second.result;
  const rest = await recipe.resumeSeeds(part.folder).result;
  assertEquals([rest.stopped, rest.top1.length], [false, 3]);
  const rates = [];
  for (const seed of [1, 2]) {
    const config = JSON.parse(await Deno.readTextFile(join(part.folder, `seed-${seed}`, "config.json")));
    rates.push(config.schedule.lr);
  }
  assertEquals(rates, [0.001, 0.001]);
});

Deno.test("resumeSeeds(): a change that is refused, or that a run cannot take, leaves the group as it was", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const training = recipe.trainSeeds(recipe.preset("mnist", short), {
    runs: 3,
    out: folder.path,
    signal: stop.signal,
  });
  let steps = 0;
  for await (const event of training) if (event.type === "batchEnd" && ++steps === 10) stop.abort();
  const { folder: runs } = await training.result;
  const path = join(runs, "group.json");
  const before = await Deno.readTextFile(path);
  const forced = { changes: { optimizer: { name: "sgd" } }, force: true };
  await assertRejects(() => recipe.resumeSeeds(runs, forced).result, Error, "Cannot load this state");
  assertEquals(await Deno.readTextFile(path), before);
  // Only one of two at once trains; the other changes nothing.
  const going = recipe.resumeSeeds(runs);
  let refused = "";
  for await (const event of going) {
    if (event.type !== "ready" || refused !== "") continue;
    const error = await assertRejects(() =>
      recipe.resumeSeeds(runs, { changes: { schedule: { lr: 1 } }, force: true }).result
    );
    refused = (error as Error).message;
  }
  assert(refused.includes("another process"), refused);
  const { results } = await going.result;
  const optimizers = [];
  for (const { folder } of results) {
    optimizers.push(JSON.parse(await Deno.readTextFile(join(folder, "config.json"))).optimizer.name);
  }
  assertEquals(optimizers, ["ranger", "ranger", "ranger"]);
});

Deno.test("resumeSeeds(): a run that is under way with other settings than the group's is refused", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const training = recipe.trainSeeds(recipe.preset("mnist", short), { runs: 2, out: folder.path, signal: stop.signal });
  for await (const event of training) if (event.type === "batchEnd") stop.abort();
  const { folder: runs } = await training.result;
  const path = join(runs, "group.json");
  const group = JSON.parse(await Deno.readTextFile(path));
  group.recipe.schedule.lr = 0.5;
  await Deno.writeTextFile(path, JSON.stringify(group));
  await assertRejects(() => recipe.resumeSeeds(runs).result, recipe.ChangedSettingsError, "schedule.lr 0.008, now 0.5");
});

Deno.test("resumeSeeds(): one flipped bit of group.json is told, and force takes the file as it is", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const training = recipe.trainSeeds(recipe.preset("mnist", short), { runs: 2, out: folder.path, signal: stop.signal });
  for await (const event of training) if (event.type === "batchEnd") stop.abort();
  const { folder: runs } = await training.result;
  const path = join(runs, "group.json");
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder().decode(bytes);
  const places = ['"runs": 2', '"recipe"', "0.008", '"labelSmoothing"', '"sha256"', '"sha256": "'];
  for (const place of places) {
    const at = text.indexOf(place) + place.length - (place.endsWith('": "') ? -1 : 2);
    await Deno.writeFile(path, bytes.with(at, bytes[at]! ^ 1));
    const error = await assertRejects(() => recipe.resumeSeeds(runs).result, Error);
    assert(error.message.includes(`"${path}"`) || error.message.includes(`Run "${runs}"`), error.message);
  }
  // With a plan of three runs that nobody summed, as by hand.
  await Deno.writeTextFile(path, text.replace('"runs": 2', '"runs": 1'));
  await assertRejects(() => recipe.resumeSeeds(runs).result, recipe.RecipeError, "as it was written, got another text");
  assertEquals((await recipe.resumeSeeds(runs, { force: true }).result).seeds.length, 1);
});
