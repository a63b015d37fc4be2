/** `deno task import` and `deno task export`. */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import {
  Device,
  exportFastai,
  loadCheckpoint,
  models,
  type nn,
  noGrad,
  randn,
  readSafetensors,
  recipe,
  scope,
  writeSafetensors,
  writeTensors,
} from "../../mod.ts";
import { exportCommand } from "../../tasks/export.ts";
import { importCommand } from "../../tasks/import.ts";
import { importWeights } from "../support/training.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { skip } from "../skip.ts";
import { tempFolder } from "../temp_folder.ts";

const trained = { classes: 4, act: "mish", pool: "maxblur", sa: true, seed: 5 } as const;

/** What assertEquals would take seconds for. */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}

/** Logits of a model on one batch, in evaluation. */
async function logitsOf(model: nn.Module, device?: Device): Promise<ArrayLike<number>> {
  model.eval();
  using logits = scope(() => noGrad(() => model.forward(randn([2, 32, 32, 3], { seed: 9, device }))));
  return await logits.data();
}

Deno.test("import and export: a checkpoint says what it is, gives the same logits, and goes back to the same file", async () => {
  using folder = tempFolder();
  const [weights, checkpoint, back] = ["in", "runs/checkpoint", "back"].map((name) =>
    join(folder.path, `${name}.safetensors`)
  ) as [string, string, string];
  using model = models.xseResnext18(trained);
  await exportFastai(model, weights);
  const { act, pool, sa } = trained;
  const result = await importWeights(weights, { arch: "xse_resnext18", act, pool, sa, out: checkpoint });
  const { classes, parameters, model: arch } = result;
  assertEquals([arch, classes, parameters, result.sha256.length], ["xse_resnext18", 4, 13_139_045, 64]);

  const { state, config } = await loadCheckpoint(checkpoint);
  using device = new Device("cpu", { threads: 2 });
  using rebuilt = recipe.buildModel(config as unknown as recipe.ModelChoice, device);
  writeTensors(state.tensors, { model: rebuilt });
  const logits = await logitsOf(rebuilt, device);
  assertEquals(logits, await logitsOf(model));
  assertNotEquals(logits[0], 0);

  const exported = await recipe.exportWeights(checkpoint, { out: back });
  assertEquals([exported.model, exported.parameters, exported.file], ["xse_resnext18", parameters, back]);
  assert(equalBytes(await Deno.readFile(back), await Deno.readFile(weights)));
});

Deno.test("import: what does not fit is one line, exit code 1, and leaves nothing", async () => {
  using folder = tempFolder();
  const weights = join(folder.path, "weights.safetensors");
  const out = join(folder.path, "new", "checkpoint.safetensors");
  using model = models.xresnet18({ classes: 4 });
  await exportFastai(model, weights);
  const streams = keptStreams();
  assertEquals(await runCommand([weights, "--arch", "xresnet18", "--sa", "--out", out], importCommand, { streams }), 1);
  assertEquals(
    streams.text.err,
    'error: Cannot import these weights: missing "4.1.convpath.2.gamma", "4.1.convpath.2.conv.weight_orig", ' +
      '"4.1.convpath.2.conv.weight_u", "4.1.convpath.2.conv.weight_v". ' +
      "Build the model as it was trained (arch, sa, widths, classes)\n",
  );
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["weights.safetensors"]);
});

Deno.test("import --no-strict: what does not fit keeps its initial weights, and is told", async () => {
  using folder = tempFolder();
  const [weights, out] = ["weights", "out"].map((name) => join(folder.path, `${name}.safetensors`)) as [string, string];
  using model = models.xresnet18({ classes: 4, seed: 5 });
  await exportFastai(model, weights);
  const { tensors } = await readSafetensors(weights);
  const odd = { dtype: "F32" as const, shape: [3], data: new Float32Array(3) };
  await writeSafetensors(weights, new Map([...tensors, ["0.1.bias", odd]]));
  const args = [weights, "--arch", "xresnet18", "--pool", "avg", "--out", out];
  const strict = keptStreams();
  assertEquals(await runCommand(args, importCommand, { streams: strict }), 1);
  assertStringIncludes(strict.text.err, "or pass --no-strict to leave out");
  const streams = keptStreams();
  assertEquals(await runCommand([...args, "--no-strict"], importCommand, { streams }), 0, streams.text.err);
  assertStringIncludes(streams.text.out, "left out: 0.1.bias\n");
  using trained = await recipe.open(out, { device: "cpu" });
  assertEquals(trained.classes.length, 4);
  const state = trained.model.state();
  assertEquals(await state.get("head.bias")!.data(), await model.state().get("head.bias")!.data());
});

Deno.test("import and export: wrong command lines give exit code 2 and say what to do", async () => {
  using folder = tempFolder();
  const there = join(folder.path, "there.safetensors");
  await Deno.writeTextFile(there, "");
  const out = join(folder.path, "out.safetensors");
  const arch = ["--arch", "xresnet18"];
  const cases = [
    [importCommand, ["--out", out, ...arch], "Expected a file of weights, got none"],
    [importCommand, [there, "--out", out], "Expected --arch, got none"],
    [importCommand, [there, ...arch], "Expected --out, got none"],
    [importCommand, [`${there}x`, "--out", out, ...arch], "which is not there"],
    [importCommand, [folder.path, "--out", out, ...arch], "which is no file"],
    [importCommand, [there, "--out", out, "--arch", "resnet18"], "Expected --arch to be one of xresnet18"],
    [
      importCommand,
      [there, "--out", out, ...arch, "--act", "elu"],
      "Expected --act to be one of mish, relu, silu, gelu",
    ],
    [
      importCommand,
      [there, "--out", "/elsewhere/x", ...arch],
      '--allow-write="/elsewhere,runs,.cache" tasks/import.ts',
    ],
    [exportCommand, ["--out", out], "Expected a run's folder or a checkpoint, got none"],
    [exportCommand, [there], "Expected --out, got none"],
    [exportCommand, [`${there}x`, "--out", out], "Cannot find"],
    [exportCommand, [there, "--out", out, "--format", "onnx"], "Expected --format to be one of fastai"],
  ] as const;
  for (const [command, args, message] of cases) {
    const streams = keptStreams();
    assertEquals(await runCommand([...args], command as typeof importCommand, { streams }), 2, args.join(" "));
    assertStringIncludes(streams.text.err, message);
    assertEquals(streams.text.err.trimEnd().split("\n").length, 1);
  }
  assertEquals([...Deno.readDirSync(folder.path)].length, 1);
});

Deno.test("import and export: with --json one object, and files of another kind fail with 1", async () => {
  using folder = tempFolder();
  const [weights, checkpoint, back] = ["in", "checkpoint", "back"].map((name) =>
    join(folder.path, `${name}.safetensors`)
  ) as [string, string, string];
  using model = models.xresnet18({ classes: 2, seed: 1 });
  await exportFastai(model, weights);
  const run = async (command: unknown, args: string[]): Promise<[number, Record<string, unknown>, string]> => {
    const streams = keptStreams();
    const code = await runCommand([...args, "--json"], command as typeof importCommand, { streams });
    return [code, JSON.parse(streams.text.out), streams.text.err];
  };
  const [code, imported, shown] = await run(importCommand, [weights, "--arch", "xresnet18", "--out", checkpoint]);
  assertEquals([code, imported["checkpoint"], imported["classes"]], [0, checkpoint, 2]);
  assertEquals(shown, `xresnet18 · 11,196,770 parameters · 2 classes\nwrote ${checkpoint}\n`);
  const [, exported] = await run(exportCommand, [checkpoint, "--out", back]);
  assertEquals(exported, { file: back, format: "fastai", model: "xresnet18", parameters: 11_196_770 });
  // Weights are no checkpoint.
  const [failed, answer] = await run(exportCommand, [weights, "--out", back]);
  assertEquals([failed, answer["exitCode"]], [1, 1]);
});

/** Loads the file strictly into fastai's network and prints its logits for the images of a second file. */
const script = `
import sys, torch
from fastai.layers import Mish, MaxPool
from fastai.vision.models import xresnet
from kornia.filters import MaxBlurPool2D
from safetensors.torch import load_file
def blurred(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.MaxPool2d): setattr(module, name, MaxBlurPool2D(3, ceil_mode=True))
        else: blurred(child)
    return module
net = blurred(xresnet.xse_resnext18(n_out=4, act_cls=Mish, sa=1, pool=MaxPool))
net.load_state_dict(load_file(sys.argv[1]), strict=True)
images = torch.tensor(eval(sys.stdin.read())).reshape(2, 32, 32, 3).permute(0, 3, 1, 2)
print(net.eval()(images).detach().flatten().tolist())
`;

Deno.test("export: PyTorch loads the file strictly, and gives the same logits", async () => {
  const name = "export: PyTorch loads the file strictly, and gives the same logits";
  const python = Deno.env.get("LIBTRAIN_PYTHON") ?? "";
  if (python === "") return skip(name, "LIBTRAIN_PYTHON names no Python with torch, fastai and kornia");
  if (Deno.permissions.querySync({ name: "run", command: python }).state !== "granted") {
    return skip(name, `no permission to run ${python}: add --allow-run=${python}`);
  }
  using folder = tempFolder();
  const path = join(folder.path, "weights.safetensors");
  using model = models.xseResnext18({ ...trained, zeroGamma: false });
  using gamma = randn([1], { seed: 1, std: 0.01 });
  model.stages[0]![1]!.attention!.gamma.assign(gamma);
  await exportFastai(model, path);
  const child = new Deno.Command(python, {
    args: ["-c", script, path],
    stdin: "piped",
    stdout: "piped",
    cwd: folder.path,
  })
    .spawn();
  using images = randn([2, 32, 32, 3], { seed: 9 });
  const input = new Blob([`[${await images.data()}]`]).stream();
  const [output] = await Promise.all([child.output(), input.pipeTo(child.stdin)]);
  assertEquals(output.code, 0);
  const theirs: number[] = JSON.parse(new TextDecoder().decode(output.stdout));
  const ours = await logitsOf(model);
  const largest = Math.max(...theirs.map(Math.abs));
  assertEquals(theirs.map((each, i) => Math.abs(each - ours[i]!) < 1e-5 * largest), theirs.map(() => true));
  assertEquals(theirs.length, 8);
});

Deno.test("import and export: --help shows every flag", async () => {
  for (
    const [command, words] of [[importCommand, ["--arch", "--act", "--pool", "--sa", "--out"]], [exportCommand, [
      "--format",
      "--out",
    ]]] as const
  ) {
    const streams = keptStreams();
    assertEquals(await runCommand(["--help"], command as typeof importCommand, { streams }), 0);
    for (const word of words) assertStringIncludes(streams.text.out, word);
    assertEquals(streams.text.out.split("\n").filter((line) => line.length > 140), []);
  }
  const tasks = JSON.parse(await Deno.readTextFile(fromFileUrl(new URL("../../deno.json", import.meta.url)))).tasks;
  assertEquals([tasks.import.dependencies, tasks.export.dependencies], [["build"], ["build"]]);
});

Deno.test("import --prefix: what all names begin with is told, and taken off", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using model = models.xresnet18({ classes: 3, seed: 1, device });
  const [plain, wrapped, out] = ["plain", "wrapped", "out"].map((name) => join(folder.path, `${name}.safetensors`)) as [
    string,
    string,
    string,
  ];
  await exportFastai(model, plain);
  const { tensors } = await readSafetensors(plain);
  for (const prefix of ["module.", "_orig_mod.", "_orig_mod.module."]) {
    await writeSafetensors(wrapped, new Map([...tensors].map(([name, saved]) => [`${prefix}${name}`, saved])));
    const command = async (...more: string[]): Promise<{ code: number; err: string }> => {
      const streams = keptStreams();
      const code = await runCommand([wrapped, "--arch", "xresnet18", "--out", out, ...more], importCommand, {
        streams,
      });
      return { code, err: streams.text.err };
    };
    const { code, err } = await command();
    assertEquals(code, 1);
    assertStringIncludes(err, `their names begin with "${prefix}", which fastai's do not: pass --prefix "${prefix}"`);
    assertEquals(await command("--prefix", prefix), { code: 0, err: "" });
    const { config } = await loadCheckpoint(out);
    assertEquals(config["classes"], 3);
  }
});
