/** Recipes that begin with weights: which, what is left out, and how what was taken is trained. */
import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import {
  exportFastai,
  loadCheckpoint,
  models,
  nn,
  recipe,
  SafetensorsError,
  saveWeights,
  type State,
  type Tensor,
} from "../../../mod.ts";
import { runCommand } from "../../../lib/cli/command.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { keptStreams } from "../cli/streams.ts";
import { tempFolder } from "../../temp_folder.ts";

const short = { data: { limit: 64 }, epochs: 3, bs: 32, threads: 1, device: "cpu" } as const;

/** The weights in a run's newest checkpoint, and what else it holds. */
async function savedIn(run: string): Promise<{ state: State; config: Readonly<Record<string, unknown>> }> {
  return await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
}

/** Shape and values as text, as comparing many numbers one by one takes long. */
function tensorsOf({ state }: { state: State }): ReadonlyMap<string, string> {
  return new Map([...state.tensors].map(([name, { shape, data }]) => [name, `[${shape}] ${data}`]));
}

/** Weights of the mnist preset's network for three classes. */
async function source(folder: string): Promise<{ own: string; fastai: string }> {
  using model = models.mnistNet({ classes: 3, act: "mish", pool: "maxblur", seed: 9 });
  const [own, fastai] = [join(folder, "own.safetensors"), join(folder, "fastai.safetensors")];
  await saveWeights(model, own);
  await exportFastai(model, fastai);
  return { own, fastai };
}

Deno.test("weights: a recipe's settings for them need weights, and a part that is trained", () => {
  const made = (weights: recipe.WeightsRecipe): recipe.Recipe => recipe.preset("mnist", { weights });
  assertEquals(made({ from: "x", except: "head", freeze: 1 }).weights, { from: "x", except: "head", freeze: 1 });
  assertEquals(recipe.change(made({ from: "x" }), { weights: { lrScale: 0.1 } }).weights, { from: "x", lrScale: 0.1 });
  assertEquals("weights" in recipe.preset("mnist"), false);
  const cases: [recipe.WeightsRecipe, string][] = [
    [{ except: "head" }, "Expected `weights.from` with `weights.except`, got it alone"],
    [{ lrScale: 0.5 }, "Expected `weights.from` with `weights.lrScale`, got it alone"],
    [{ from: "x", freeze: 2 }, "Expected `weights.except` with `weights.freeze`, got it alone"],
    [{ from: "x", freeze: -1 }, "Expected `weights.freeze` to be a whole number of at least 0, got -1"],
    [{ from: "x", frozen: 1 } as never, "got `weights.frozen`: leave it out"],
  ];
  for (const [weights, message] of cases) assertThrows(() => made(weights), recipe.SettingError, message);
});

Deno.test("weights: a run's, a checkpoint's, a file's and fastai's give the same training, without the head", async () => {
  using folder = tempFolder();
  const { own, fastai } = await source(folder.path);
  const base = recipe.preset("mnist", { ...short, epochs: 1 });
  const from = async (path: string): Promise<string> => {
    const weights = { from: path, except: "head" };
    const { folder: run } = await recipe.train(recipe.change(base, { weights }), { out: folder.path }).result;
    return run;
  };
  const [first, second, plain] = [
    await from(own),
    await from(fastai),
    await recipe.train(base, { out: folder.path }).result,
  ];
  const tensors = tensorsOf(await savedIn(first));
  assertEquals(tensorsOf(await savedIn(second)), tensors);
  assertNotEquals(
    tensorsOf(await savedIn(plain.folder)).get("model.stem.0.conv.weight"),
    tensors.get("model.stem.0.conv.weight"),
  );
  const { config } = await savedIn(first);
  assertEquals([config["weights"], String(config["weightsSha256"]).length], [{ from: own, except: "head" }, 64]);
  // Of a run with the same classes everything is taken; a checkpoint's file is as good as its folder.
  const again = async (path: string): Promise<ReadonlyMap<string, string>> => {
    const weights = { from: path, lrScale: 0.5 };
    const { folder: run } = await recipe.train(recipe.change(base, { weights }), { out: folder.path }).result;
    return tensorsOf(await savedIn(run));
  };
  assertEquals(await again(first), await again(join(first, "checkpoint", "state.safetensors")));
});

Deno.test("weights: what was taken is frozen for the first epochs, then trained; stopped anywhere, the run ends with the same bits", async () => {
  using folder = tempFolder();
  const { own } = await source(folder.path);
  const weights = { from: own, except: "head", freeze: 2, lrScale: 0.1 };
  const made = recipe.preset("mnist", { ...short, weights });
  const body: string[] = [];
  const train = async (capture: boolean, stopAt?: number): Promise<string> => {
    const stop = new AbortController();
    const training = recipe.train({ ...made, capture }, { out: folder.path, signal: stop.signal });
    let run = "";
    for await (const event of training) {
      if (event.type === "ready") run = event.folder;
      if (event.type === "batchEnd" && event.step === stopAt) stop.abort();
      if (event.type !== "epochEnd" || stopAt !== undefined || !capture) continue;
      body.push(tensorsOf(await savedIn(run)).get("model.stem.0.conv.weight")!);
    }
    return (await training.result).folder;
  };
  const whole = tensorsOf(await savedIn(await train(true)));
  assertEquals([body[0] === body[1], body[1] === body[2]], [true, false], "frozen for two epochs of three");
  assertEquals(tensorsOf(await savedIn(await train(false))), whole, "eager");
  for (const step of [1, 4, 5]) {
    const run = await train(true, step);
    if (step === 5) await Deno.remove(own);
    await recipe.resume(run).result;
    assertEquals(tensorsOf(await savedIn(run)), whole, `stopped after step ${step}`);
  }
});

Deno.test("weights: what does not fit is told in settings before there is a folder, on a command line in flags", async () => {
  using folder = tempFolder();
  const { own, fastai } = await source(folder.path);
  const out = join(folder.path, "runs");
  const made = (weights: recipe.WeightsRecipe): recipe.Recipe => recipe.preset("mnist", { ...short, weights });
  const refused = async (weights: recipe.WeightsRecipe): Promise<string> =>
    (await assertRejects(() => recipe.train(made(weights), { out }).result, recipe.RecipeError)).message;
  assertEquals(
    await refused({ from: own }),
    `Cannot load the weights of "${own}": expected "head.weight" as f32 [10, 64], got F32 [3, 64]; expected "head.bias" as ` +
      "f32 [10], got F32 [3]: build the model as it was saved, or pass `weights.except` head",
  );
  assertEquals(
    await refused({ from: fastai, except: "heed" }),
    'Expected `weights.except` to match a name of the model, got "heed", which matches none: their parts are "stem", ' +
      '"stages", "head"',
  );
  assertEquals(
    await refused({ from: join(folder.path, "none") }),
    `Expected \`weights.from\` as a run's folder, a checkpoint or a file of weights, got "${folder.path}/none", which is ` +
      "not there",
  );
  const archive = join(folder.path, "body.pth");
  await Deno.writeFile(archive, Uint8Array.of(80, 75, 3, 4, ...new Array(60).fill(0)));
  const ofTorch = recipe.train(made({ from: archive }), { out }).result;
  await assertRejects(() => ofTorch, SafetensorsError, "got one of torch.save. Convert it with");
  await assertRejects(() => Deno.stat(out), Deno.errors.NotFound);
  const streams = keptStreams();
  const args = [
    "--limit",
    "64",
    "--bs",
    "32",
    "--epochs",
    "1",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--weights",
    fastai,
  ];
  assertEquals(await runCommand(args, trainCommand, { streams }), 2);
  assertEquals(
    streams.text.err.trimEnd().split("\n").at(-1)!.endsWith("widths, classes), or pass --except head"),
    true,
    streams.text.err,
  );
});

Deno.test("weights: a network of one's own takes those of its own paths", async () => {
  class Plain extends nn.Module {
    readonly first: nn.Conv2d;
    readonly head: nn.Linear;

    constructor({ classes, inChannels, device }: recipe.ModelContext) {
      super();
      this.first = new nn.Conv2d(inChannels, 4, { device });
      this.head = new nn.Linear(4, classes, { device });
    }

    override forward(x: Tensor): Tensor {
      return this.head.forward(this.first.forward(x).mean([1, 2]));
    }
  }
  recipe.register({ models: { plainForWeights: (options) => new Plain(options) } });
  using folder = tempFolder();
  const base = recipe.preset("mnist", { ...short, epochs: 1, model: { name: "plainForWeights" } });
  const first = await recipe.train(base, { out: folder.path }).result;
  const weights = { from: first.folder, except: "head", freeze: 1 };
  const second = await recipe.train(recipe.change(base, { weights }), { out: folder.path }).result;
  const [before, after] = [tensorsOf(await savedIn(first.folder)), tensorsOf(await savedIn(second.folder))];
  assertEquals(after.get("model.first.weight"), before.get("model.first.weight"));
  assertNotEquals(after.get("model.head.weight"), before.get("model.head.weight"));
});
