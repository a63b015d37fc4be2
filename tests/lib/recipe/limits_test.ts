/** The limits of settings are those of what they set: each end, and just beyond it, trains a step or is refused before a run. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { data, type Device, nn, recipe, type Tensor } from "../../../mod.ts";
import { runCommand } from "../../../lib/cli/command.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { keptStreams } from "../cli/streams.ts";
import { tempFolder } from "../../temp_folder.ts";

const n = 32;
const images = Uint8Array.from({ length: n * 784 }, (_, pixel) => Math.imul(pixel, 0x9e3779b1) >>> 24);
const labels = Int32Array.from({ length: n }, (_, at) => at % 4);
const classes = ["a", "b", "c", "d"];

class Flat extends nn.Module {
  readonly norm: nn.BatchNorm2d;
  readonly head: nn.Linear;
  constructor(options: { device: Device; dtype: "f32" | "f64" }) {
    super();
    this.norm = new nn.BatchNorm2d(1, options);
    this.head = new nn.Linear(784, 4, options);
  }
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(x).reshape([x.shape[0]!, 784]));
  }
}

const part = (device: Device, training = false): data.Dataset =>
  data.fromArrays({ images, imageShape: [28, 28, 1], labels, classes }, { device, training });

recipe.register({
  models: { limitsNet: ({ device, dtype }) => new Flat({ device, dtype }) },
  dataSets: { limits: (_, { device }) => ({ train: part(device, true), valid: part(device) }) },
});

type Values = Readonly<Record<string, unknown>>;

/** The changes that set one place. */
function at(path: string, value: unknown): Values {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;
}

function merged(a: Values, b: Values): Values {
  const inner = (value: unknown): value is Values =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const both = Object.entries(b).map((
    [key, value],
  ) => [key, inner(value) ? merged((a[key] ?? {}) as Values, value) : value]);
  return { ...a, ...Object.fromEntries(both) };
}

const optimizers = ["ranger", "adamw", "sgd", "rmsprop", "muon"];

/** What a setting needs beside it to count at all. */
function contextsOf(path: string): Values[] {
  const [section, option = ""] = path.split(".");
  if (section === "optimizer") {
    const has = recipe.registered().optimizers;
    return optimizers.filter((name) => has[name]!.includes(option)).map((name) => at("optimizer.name", name));
  }
  if (section === "schedule") {
    const has = Object.entries(recipe.registered().schedules);
    return has.filter(([, options]) => options!.includes(option)).map(([name]) => at("schedule.name", name));
  }
  return [{}];
}

/** The ends of a setting, what is just inside and just beyond, and the ends of all numbers. */
function endsOf({ kind, min, max, above, below }: recipe.Setting): unknown[] {
  const ends = [min, max, above, below].filter((end) => end !== undefined);
  const near = ends.flatMap((end) => [end, end * (1 - 2 ** -53), end * (1 + 2 ** -52), end - 1]);
  const numbers = [...near, -1, 5e-324, 1e39, 1.7e308, Number.MAX_SAFE_INTEGER];
  const own = kind === "integer" ? numbers.map(Math.round) : numbers;
  const all = [...new Set(own)];
  return kind === "numbers" ? all.flatMap((value) => [[value], Array(4).fill(value)]) : all;
}

/** What a value comes to: refused before there is a run, or a step that was trained. */
async function tried(changes: Values, out: string): Promise<string> {
  let begun = false;
  try {
    const mine = recipe.preset("mnist", changes as recipe.RecipeChanges);
    const stop = new AbortController();
    const training = recipe.train(mine, { out, signal: stop.signal });
    let loss = NaN;
    for await (const event of training) {
      if (event.type === "ready") begun = true;
      if (event.type === "batchEnd") stop.abort();
      if (event.type === "losses") loss = event.losses[0]!.loss;
    }
    await training.result;
    return Number.isFinite(loss) ? "trained" : `a loss of ${loss}`;
  } catch (error) {
    if (error instanceof recipe.SettingError && !begun) return "refused";
    // The step itself was done, and its weights are what is not finite.
    const message = `${(error as Error).name}: ${(error as Error).message}`;
    return /Cannot go on after epoch 1, step 1: .* of the model/.test(message) ? "trained" : message;
  }
}

const base: Values = {
  data: { name: "limits" },
  model: { name: "limitsNet" },
  transforms: { shift: 0 },
  bs: 16,
  epochs: 1,
  threads: 1,
};

Deno.test("settings: each end, and just beyond, trains a step or is refused before a run", async () => {
  using folder = tempFolder();
  const counts: Record<string, { trained: number; refused: number }> = {};
  for (const setting of recipe.settings()) {
    const { path, kind } = setting;
    // Where there are no weights to begin with, these are refused; images in arrays have one size.
    if (path.startsWith("weights.") || !["number", "integer", "numbers"].includes(kind)) continue;
    const count = counts[path] = { trained: 0, refused: 0 };
    for (const context of contextsOf(path)) {
      for (const value of endsOf(setting)) {
        const came = await tried(merged(merged(base, context), at(path, value)), folder.path);
        assert(came === "trained" || came === "refused", `${path} ${JSON.stringify(context)} ${value}: ${came}`);
        count[came]++;
      }
    }
  }
  // Neither all nor nothing passes, but for what these data do not have.
  for (const [path, { trained, refused }] of Object.entries(counts)) {
    assert(refused > 0 && (trained > 0 || /crop|erase|minScale|eraseCount/.test(path)), path);
  }
});

Deno.test("flags: beyond its limits each is a wrong command line, and no folder is made", async () => {
  using folder = tempFolder();
  const rows: readonly (readonly [args: string[], message: string])[] = [
    [["--mom", "1"], "Expected --mom to be a number from 0 to below 1"],
    [["--opt", "adamw", "--eps", "0"], "Expected --eps to be a number above 0"],
    [["--opt", "adamw", "--eps", "1e-46"], "Expected --eps to be a number of at least 1e-37"],
    [["--lr", "1e308"], "Expected --lr to be a number of at most 3.4028234663852886e+38"],
    [["--lr", "Infinity"], "Expected --lr to be a number"],
    [["--lr=-1"], "Expected --lr to be a number"],
    [["--wd", "1e300"], "Expected --wd to be"],
    [["--bs", "1e9"], "Expected at most 60000 images a step"],
    [["--bs", "99999999999999999999"], "Expected --bs to be a whole number"],
    [["--bs", "1.5"], "Expected --bs to be a whole number"],
    [["--size", "7"], "Expected --size to be a whole number from 8 to 1024"],
    [["--size", "1025"], "Expected --size to be a whole number from 8 to 1024"],
    [["--threads", "0"], "Expected --threads to be a whole number from 1 to 256"],
    [["--threads", "257"], "Expected --threads to be a whole number from 1 to 256"],
    [["--runs", "0"], "Expected --runs to be a whole number from 1 to 1000"],
    [["--runs", "1001"], "Expected --runs to be a whole number from 1 to 1000"],
    [["--runs", "2", "--bs", "1e9"], "Expected at most 60000 images a step"],
    [["--runs", "2", "--class-weights", "0,0,0,0,0,0,0,0,0,0"], "Expected --class-weights as one finite number from 0"],
    [["--runs", "2", "--seed", "4294967295"], "Expected seeds up to 4294967295"],
    [["--save-every=-1"], "Expected --save-every to be a number of at least 0"],
    [["--label-smoothing", "1.01"], "Expected --label-smoothing to be a number from 0 to 1"],
    [["--mixup", "5e-324"], "Expected --mixup to be 0, for none, or a number from 1e-300"],
    [["--shift", "28"], "Expected --shift from 0 to 27"],
    [["--schedule", "multiStepDecay", "--milestones", "0.7,0.5"], "Expected --milestones in rising order"],
    [["--schedule", "stepDecay", "--every", "0.01", "--gamma", "1e30"], "Expected a --schedule of rates from 0 to "],
    [["--ema", "1"], "Expected --ema to be a number from 0 to 0.999999"],
    [["--seed", "4294967296"], "Expected --seed to be a whole number from 0 to 4294967295"],
  ];
  for (const [args, message] of rows) {
    const streams = keptStreams();
    const all = [...args, "--out", folder.path];
    assertEquals(await runCommand(all, trainCommand, { streams }), 2, `${args.join(" ")}: ${streams.text.err}`);
    assertStringIncludes(streams.text.err, message);
    assertEquals([...Deno.readDirSync(folder.path)], [], args.join(" "));
  }
});
