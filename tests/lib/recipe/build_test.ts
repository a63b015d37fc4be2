import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { data, type Device, nn, recipe, type Tensor, zeros } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

const short: recipe.RecipeChanges = { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 };

/** A network that passes on what it is told to, and forgets the rest. */
class Forgetful extends nn.Module {
  readonly fc: nn.Linear;

  constructor(inputs: number, outputs: number, options: nn.ModuleOptions = {}) {
    super();
    this.fc = new nn.Linear(inputs, outputs, options);
  }

  override forward(x: Tensor): Tensor {
    return this.fc.forward(x.reshape([x.shape[0]!, -1]));
  }
}

/** A network whose batch norm is frozen: in evaluation from the beginning. */
class Frozen extends nn.Module {
  readonly bn: nn.BatchNorm2d;
  readonly fc: Forgetful;

  constructor(classes: number, options: nn.ModuleOptions) {
    super();
    this.bn = new nn.BatchNorm2d(1, options);
    this.bn.eval();
    this.fc = new Forgetful(784, classes, options);
  }

  override forward(x: Tensor): Tensor {
    return this.fc.forward(this.bn.forward(x));
  }
}

recipe.register({
  models: {
    frozen: ({ classes, device }) => new Frozen(classes, { device }),
    forgetful: ({ classes }) => new Forgetful(784, classes),
    forgetfulTyped: ({ dtype }) => new Forgetful(784, 10, { dtype: dtype === "f64" ? "f32" : "f64" }),
    tooNarrow: ({ classes, device }) => new Forgetful(100, classes, { device }),
    fifteen: ({ device }) => new Forgetful(784, 15, { device }),
    weightless: () => new nn.Sequential(),
    late: (({ classes }: { classes: number }) => Promise.resolve(new Forgetful(784, classes))) as never,
  },
  dataSets: {
    otherClasses: async (options: data.MnistOptions, { device }: { device: Device }) => {
      const { train, valid } = await data.mnist({ ...options, limit: 64, device });
      Object.defineProperty(valid, "classes", { value: ["a", "b"] });
      return { train, valid };
    },
  },
});

async function refused(
  made: recipe.Recipe,
  wanted: string,
  kind: typeof Error | typeof recipe.SettingError = Error,
): Promise<void> {
  using folder = tempFolder();
  const error = await assertRejects(
    () => recipe.train(made, { out: folder.path }).result,
    kind as typeof Error,
    wanted,
  );
  assertEquals([...Deno.readDirSync(folder.path)], [], error.message);
}

Deno.test("train(): a network that makes its layers without the seed follows the recipe's all the same", async () => {
  using folder = tempFolder();
  const run = async (seed: number): Promise<number | null> => {
    const made = recipe.preset("mnist", { ...short, seed, model: { name: "forgetful" } });
    return (await recipe.train(made, { out: folder.path }).result).loss;
  };
  const [first, other, again] = [await run(3), await run(4), await run(3)];
  assertEquals(again, first);
  assertEquals(first === other, false);
});

Deno.test("train(): a part that its builder put into evaluation stays there", async () => {
  using folder = tempFolder();
  const made = recipe.preset("mnist", { ...short, model: { name: "frozen" } });
  const { folder: run } = await recipe.train(made, { out: folder.path }).result;
  await using trained = await recipe.open(run);
  const buffers = trained.model.namedBuffers();
  const [mean] = [...buffers].filter(([name]) => name.includes("ean")).map(([, tensor]) => tensor);
  assertEquals([...await mean!.data()], [0]);
});

Deno.test("train(): a network that does not fit is refused before there is a folder", async () => {
  const of = (name: string): recipe.Recipe => recipe.preset("mnist", { ...short, model: { name } });
  await refused(
    of("tooNarrow"),
    "Expected a `model.name` for images of 28 x 28 x 1, got tooNarrow",
    recipe.SettingError,
  );
  await refused(
    of("fifteen"),
    "Expected the `model.name` fifteen to answer with 10 logits an image",
    recipe.SettingError,
  );
  await refused(of("forgetfulTyped"), 'to make "fc.weight" as f32, got f64: pass `dtype` on');
  await refused(of("weightless"), 'Expected the model "weightless" to have parameters, got none');
  await refused(of("late"), 'Expected the model "late" to be built as a Module, got a promise');
  const deep = recipe.preset("mnist", { ...short, model: { name: "xresnet18" } });
  await refused(deep, "Expected a `model.name` for images of 28 x 28 x 1, got xresnet18", recipe.SettingError);
});

Deno.test("train(): what a builder of a script's made is looked at before there is a folder", async () => {
  recipe.register({
    optimizers: { nothing: () => ({}) as never },
    schedules: { nothing: () => 3 as never },
    losses: { nothing: () => null as never },
    transforms: { nothing: () => Promise.resolve() as never },
  });
  const of = (changes: recipe.RecipeChanges): recipe.Recipe => recipe.preset("mnist", { ...short, ...changes });
  const nothing = { name: "nothing" };
  await refused(of({ optimizer: nothing }), '"nothing" to be built as an object with the method bind(), got object');
  await refused(of({ schedule: nothing }), '"nothing" to be built as an object with the method over(), got number');
  await refused(of({ loss: nothing }), 'Expected the loss "nothing" to be built as a function, got null');
  await refused(of({ transforms: { nothing: {} } }), '"nothing" to be built as a function, got a promise');
});

Deno.test("train(): transforms and data that do not go together are refused before there is a folder", async () => {
  const of = (changes: recipe.RecipeChanges): recipe.Recipe => recipe.preset("mnist", { ...short, ...changes });
  await refused(
    of({ transforms: { normalize: "imagenet" } }),
    "Expected `transforms.normalize` of images with 1 channel, got statistics of 3",
    recipe.SettingError,
  );
  await refused(
    of({ transforms: { shift: 28 } }),
    "Expected `transforms.shift` from 0 to 27, got 28",
    recipe.SettingError,
  );
  await refused(of({ data: { name: "otherClasses" } }), "with the same classes and images in both parts");
});

Deno.test("train(): a signal that was given before it begins rejects with its reason, and nothing is made", async () => {
  using folder = tempFolder();
  const signal = AbortSignal.abort(new Error("not at all"));
  const made = recipe.preset("mnist", short);
  await assertRejects(() => recipe.train(made, { out: folder.path, signal }).result, Error, "not at all");
  assertEquals([...Deno.readDirSync(folder.path)], []);
  await assertRejects(() => recipe.train(made, { folder: "" }).result, TypeError, "Expected `folder` as a path");
});

Deno.test("resume(): a data set that is not registered here is told by its name", async () => {
  using folder = tempFolder();
  recipe.register({ dataSets: { passing: (_, { device }) => data.mnist({ limit: 64, device }) } });
  const made = recipe.preset("mnist", { ...short, data: { name: "passing" } });
  const { folder: run } = await recipe.train(made, { out: folder.path }).result;
  await Deno.remove(join(run, "result.json"));
  const script = `import { recipe } from "${new URL("../../../mod.ts", import.meta.url)}";
    await recipe.resume(${JSON.stringify(run)}).result.catch((error) => console.log(error.name, error.message));`;
  const path = join(folder.path, "other.ts");
  await Deno.writeTextFile(path, script);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=train", path],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout).trim(),
    `NotRegisteredHereError Run "${run}" uses the data set "passing", which is not registered here: register it before ` +
      "opening the run",
  );
});

Deno.test("register(): what could never be used as meant is refused", () => {
  const refuse = (own: unknown, wanted: string): void => {
    let message = "";
    try {
      recipe.register(own as recipe.Registrations);
    } catch (error) {
      message = (error as Error).message;
    }
    assertEquals(message.includes(wanted), true, message);
  };
  refuse({ network: {} }, 'got "network"');
  refuse({ models: [() => zeros([1])] }, "as an object, got an array");
  refuse({ transforms: { flip: () => (x: Tensor) => x } }, "which is a setting");
  const row = { path: "model.depth", kind: "integer", help: "Depth" };
  refuse({ settings: [{ ...row, kind: "whole" }] }, 'got "whole"');
  refuse({ settings: [{ ...row, kind: "choice" }] }, "as a function that gives them");
  refuse({ settings: [{ ...row, flag: "no-depth" }] }, 'got "no-depth"');
  refuse({ presets: { "../../up": { ...recipe.preset("mnist") } } }, 'for a preset, got "../../up"');
});

Deno.test("what a caller does to something it was given changes nothing here", async () => {
  using folder = tempFolder();
  (recipe.presetOf("mnist") as { epochs: number }).epochs = 77;
  assertEquals(recipe.preset("mnist").epochs, 3);
  (recipe.settings() as unknown[]).length = 0;
  recipe.check(recipe.preset("mnist"));
  const training = recipe.train(recipe.preset("mnist", { ...short, epochs: 2 }), { out: folder.path });
  for await (const event of training) {
    if (event.type === "ready") (event.config as { epochs: number }).epochs = 1;
  }
  assertEquals((await training.result).epochs, 2);
});
