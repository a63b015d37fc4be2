import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { loadCheckpoint, type SafeTensor } from "../../mod.ts";
import { exampleNames } from "../../tasks/example.ts";
import { copies, writeFolder } from "../support/image_files.ts";
import { tempFolder } from "../temp_folder.ts";

const root = new URL("../../", import.meta.url);

/** Runs `tasks/example.ts` with the permissions of the task; gives its lines. */
async function run(...args: string[]): Promise<{ code: number; lines: string[]; errors: string }> {
  return await deno("-P=examples", "tasks/example.ts", ...args);
}

/** Runs a command with the permissions of its task. */
async function task(name: string, ...args: string[]): Promise<{ code: number; lines: string[]; errors: string }> {
  return await deno(`-P=${name}`, `tasks/${name}.ts`, ...args);
}

async function deno(...args: string[]): Promise<{ code: number; lines: string[]; errors: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...args],
    cwd: fromFileUrl(root),
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, lines: text(stdout).trimEnd().split("\n"), errors: text(stderr) };
}

async function lines(...args: string[]): Promise<string[]> {
  const { code, lines, errors } = await run(...args);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return lines;
}

/** The numbers that a pattern finds, one a line. */
function numbers(lines: readonly string[], pattern: RegExp): number[] {
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number);
}

Deno.test("examples: the task knows every one, and each has fewer than 80 lines", async () => {
  const found: string[] = [];
  for await (const { name, isFile } of Deno.readDir(new URL("examples/", root))) {
    // Folders are for other programs than Deno.
    if (!isFile) continue;
    found.push(name);
    const text = await Deno.readTextFile(new URL(`examples/${name}`, root));
    const count = text.trimEnd().split("\n").length;
    assert(count < 80, `${name} has ${count} lines`);
  }
  assertEquals(found.sort(), exampleNames.map((name) => `${name}.ts`).sort());
});

Deno.test("examples: an unknown name ends with status 2 and names those that there are", async () => {
  const { code, errors } = await run("loops");
  assertEquals(code, 2);
  assertEquals(
    errors,
    `error: Expected the name of an example, one of ${exampleNames.join(", ")}, got "loops"\n`,
  );
});

Deno.test("example recipe: the loss falls and digits are told apart", async () => {
  const shown = await lines("recipe", "--limit", "2048", "--epochs", "2");
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)/);
  assertEquals(losses.length, 2);
  assert(losses[1]! < 0.85 * losses[0]!, `losses ${losses}`);
  const [top1 = 0] = numbers(shown, /^top-1 ([\d.]+) % after 128 steps$/);
  assert(top1 > 60, `top-1 ${top1} %`);
});

Deno.test("example loop: the loss falls, the same op by op and captured", async () => {
  const args = ["loop", "--limit", "1600", "--epochs", "2"];
  const losses = (shown: readonly string[]): number[] => numbers(shown, /^step \d+: loss ([\d.]+)$/);
  const eager = losses(await lines(...args));
  assertEquals(eager.length, 2);
  assert(eager[1]! < 0.9 * eager[0]!, `losses ${eager}`);
  assertEquals(losses(await lines(...args, "--capture")), eager);
});

Deno.test("example new_op: gradients are checked, and the straight-through network learns", async () => {
  const shown = await lines("new_op", "--limit", "1024", "--epochs", "3");
  assertEquals(shown[0], "swishGate: gradients as by differences");
  assert(/^a wrong one: .* for element 0 of input 0, got /.test(shown[1]!), shown[1]);
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)$/);
  assert(losses.length === 3 && losses[2]! < 0.5 * losses[0]!, `losses ${losses}`);
  const [top1 = 0] = numbers(shown, /^top-1 ([\d.]+) %$/);
  assert(top1 > 65, `top-1 ${top1} %`);
});

Deno.test("example antialiasing: xresnet50 loses its max pools, and answers stay the same more often", async () => {
  const shown = await lines("antialiasing", "--limit", "1024", "--epochs", "3");
  assertEquals(shown[0], "xresnet50: 4 max pools replaced");
  const kinds = shown.map((line) => line.split(/ {2,}/)[1]);
  assertEquals(kinds.filter((kind) => kind === "MaxBlurPool2d").length, 4);
  assertEquals(kinds.filter((kind) => kind === "MaxPool2d").length, 0);
  // timm counts 25,576,264 parameters for resnet50d, the same layers with 1,000 classes: 990 · 2,049 more.
  assert(shown.some((line) => /^total +23,547,754 +1,412,845,568$/.test(line)), "no line of totals");
  const accuracies = numbers(shown, /^max(?:blur)?: top-1 ([\d.]+) %/);
  assert(accuracies.length === 2 && accuracies.every((top1) => top1 > 35), `top-1 ${accuracies} %`);
  const [plain = 100, blurred = 0] = numbers(shown, /same answer when moved ([\d.]+) % \(/);
  assert(blurred > plain, `same answer: ${blurred} % blurred, ${plain} % plain`);
  const [far = 0, near = 1] = numbers(shown, /distance of the pool's features ([\d.]+)$/);
  assert(near < far, `features: ${near} from moving along with blur, ${far} without`);
  assertMatch(shown.at(-1)!, /^maxblur is (better|not decided)/);
});

Deno.test("example transformer: it learns to write, the same op by op, captured, and gone on with", async () => {
  const shown = await lines("transformer");
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)$/);
  assert(losses.length === 6 && losses[0]! < 3.2 && losses[5]! < 0.8, `losses ${losses}`);
  assertEquals(shown.at(-1), "over after step 300");
  const short = ["transformer", "--epochs", "2"];
  const captured = await lines(...short);
  assertEquals(await lines(...short, "--eager"), captured);
  const stopped = await lines(...short, "--stop", "70");
  assertEquals(stopped.filter((line) => line !== "stopped after step 70"), captured);
  assertEquals(stopped.length, captured.length + 1);
});

Deno.test("example dropout: it learns, and is the same op by op, recorded and resumed", async () => {
  const shown = await lines("dropout", "--limit", "1024", "--epochs", "2");
  const [top1 = 0] = numbers(shown, /^loss [\d.]+, top-1 ([\d.]+) %$/);
  assert(top1 > 70, `top-1 ${top1} %`);
  assertEquals(shown.slice(1), ["recorded: the same bits", "resumed after 50 steps: the same bits"]);
});

Deno.test("example recipe_run: stopped at the step, gone on with, opened, and an image is told", async () => {
  const shown = await lines("recipe_run", "--limit", "1024");
  const [recipe, begun, stopped, ...rest] = shown;
  assertEquals(recipe, 'recipe: {"name":"mnistNet","act":"relu","pool":"maxblur"} with adamw, 2 epochs');
  assert(/^training 76418 parameters into runs.\S+-mnist$/.test(begun!), begun);
  assertEquals(stopped, "stopped: true, after 20 steps");
  const losses = numbers(rest, /^epoch \d: loss ([\d.]+), top-1 [\d.]+$/);
  // It was stopped in the second of its epochs of 16 steps: only that one is over after it goes on.
  assertEquals(losses.length, 1);
  assert(
    rest.some((line) => /^Trained\(mnistNet, 10 classes, 28 pixels, .*\): top-1 [\d.]+ %$/.test(line)),
    shown.join("\n"),
  );
  assert(/^tests\/fixtures\/images\/grey\.jpg shows (\d [\d.]+ %(, )?){3}$/.test(rest.at(-1)!), rest.at(-1));
  await Deno.remove(new URL(begun!.split(" into ")[1]!, root), { recursive: true });
});

Deno.test("example own_network: its run is opened by evaluate and predict, which say what is missing without it", async () => {
  const shown = await lines("own_network", "--limit", "2048", "--epochs", "3");
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)$/);
  assert(losses.length === 3 && losses[2]! < 0.95 * losses[0]!, `losses ${losses}`);
  const run = shown.find((line) => line.startsWith("run "))!.slice(4);
  const config = JSON.parse(await Deno.readTextFile(new URL(`${run}/config.json`, root)));
  assertEquals(config.model, { name: "tiny", width: 24 });
  const missing =
    `error: Run "${run}" uses the model "tiny", which is not registered here: register it before opening the run, say ` +
    "with --register and the script that registers it\n";
  const register = ["--register", "examples/own_network.ts"];
  const [top1 = NaN] = numbers(shown, /^top-1 ([\d.]+) %$/);
  const measured = await task("evaluate", run, "--json", ...register);
  assertEquals(measured.code, 0, measured.errors);
  assertEquals((100 * JSON.parse(measured.lines[0]!).top1).toFixed(2), top1.toFixed(2));
  assertEquals(await task("evaluate", run), { code: 2, lines: [""], errors: missing });
  const image = "tests/fixtures/images/grey.jpg";
  const told = await task("predict", run, image, "--top", "2", ...register);
  assertEquals(told.code, 0, told.errors);
  assert(/^grey\.jpg {2}\d [\d.]+ % · \d [\d.]+ %$/.test(told.lines.at(-1)!), told.lines.at(-1));
  assertEquals(await task("predict", run, image), { code: 2, lines: [""], errors: missing });
  const help = await task("train", "--help", ...register);
  assert(help.lines.some((line) => /^ {2}--width <number> +Channels of tiny$/.test(line)), help.lines.join("\n"));
  const wide = await task("train", "--arch", "tiny", "--width", "513", ...register);
  assertEquals([wide.code, wide.errors], [
    2,
    'error: Expected --width to be a whole number from 1 to 512, got "513"\n',
  ]);
  await Deno.remove(new URL(run, root), { recursive: true });
});

/** The weights and the optimizer's state in a run's newest checkpoint. */
async function stateOf(run: string): Promise<ReadonlyMap<string, SafeTensor>> {
  return (await loadCheckpoint(join(run, "checkpoint", "state.safetensors"))).state.tensors;
}

/**
 * A script that keeps its run in a folder: gives what it prints, once it was seen that it ends with the same bits captured, op
 * by op, and stopped after some steps and run again.
 */
async function resumedAlike(name: string, folder: string, stop: number, ...args: string[]): Promise<string[]> {
  const runs = ["whole", "eager", "stopped"].map((part) => join(folder, part));
  const [whole = "", eager = "", stopped = ""] = runs;
  const shown = await lines(name, ...args, "--run", whole);
  assertEquals(shown.at(-1), `run ${whole}`);
  await lines(name, ...args, "--run", eager, "--eager");
  const first = await lines(name, ...args, "--run", stopped, "--stop", `${stop}`);
  assertEquals(first.at(-2), `stopped after ${stop} steps`);
  const rest = await lines(name, ...args, "--run", stopped);
  assertEquals(rest.at(-2), shown.at(-2));
  const state = await stateOf(whole);
  assertEquals(await stateOf(eager), state, "eager");
  assertEquals(await stateOf(stopped), state, "stopped");
  return shown;
}

Deno.test("example finetune: weights without their head on a folder of photos; its run predicts, resumed with the same bits", async () => {
  using folder = tempFolder();
  const photos = await writeFolder(join(folder.path, "photos"), {
    ...copies(40, "grey_progressive.jpg", "train/grey"),
    ...copies(40, "progressive_444.jpg", "train/colour"),
    ...copies(4, "grey.jpg", "val/grey"),
    ...copies(4, "baseline_444.jpg", "val/colour"),
  });
  const shown = await resumedAlike("finetune", folder.path, 13, "--data", photos);
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)$/);
  assert(losses.length === 4 && losses[3]! < 0.5 * losses[0]!, `losses ${losses}`);
  const [top1 = 0] = numbers(shown, /^top-1 ([\d.]+) % after 40 steps$/);
  assertEquals(top1, 100);
  const run = join(folder.path, "whole");
  const image = fromFileUrl(new URL("tests/fixtures/images/grey_progressive.jpg", root));
  const told = await task("predict", run, image, "--top", "1");
  assertEquals(told.code, 0, told.errors);
  assert(/^grey_progressive\.jpg {2}grey [\d.]+ %$/.test(told.lines.at(-1)!), told.lines.at(-1));
  const measured = await task("evaluate", run, "--json");
  assertEquals([measured.code, JSON.parse(measured.lines[0]!).top1], [0, 1], measured.errors);
  const resumed = await task("train", "--resume", run);
  assertEquals(resumed.code, 2);
  assert(resumed.errors.includes("a script made it: run that script again"), resumed.errors);
});

Deno.test("example distillation: a student learns from a teacher that stays as it is, resumed with the same bits", async () => {
  using folder = tempFolder();
  const preset = ["--limit", "512", "--epochs", "2", "--bs", "32", "--json", "--out", folder.path];
  const { code, lines: [result = ""], errors } = await task("train", ...preset);
  assertEquals(code, 0, errors);
  const teacher: string = JSON.parse(result).run;
  const before = await stateOf(teacher);
  const args = ["--limit", "1024", "--epochs", "2", "--teacher", teacher];
  const shown = await resumedAlike("distillation", folder.path, 41, ...args);
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)$/);
  assert(losses.length === 2 && losses[1]! < 0.95 * losses[0]!, `losses ${losses}`);
  assertEquals(numbers(shown, /^top-1 ([\d.]+) % after 64 steps$/).length, 1);
  assertEquals(await stateOf(teacher), before);
});

/** The lines of an example, which must be the same op by op, and from where it was stopped on. */
async function linesOfAll(name: string, options: { args: string[]; stop: number; epochs: number }): Promise<string[]> {
  const { args, stop, epochs } = options;
  const own = [...args, "--epochs", `${epochs}`];
  const recorded = await lines(name, ...own);
  assertEquals(await lines(name, ...own, "--eager"), recorded);
  const resumed = await lines(name, ...own, "--stop", `${stop}`);
  // The epochs before the stop were told by the trainer that was stopped, if at all.
  assert(resumed.length > 1 && resumed.length < recorded.length, resumed.join("\n"));
  assertEquals(resumed, recorded.slice(-resumed.length));
  return recorded;
}

Deno.test("example regression: two outputs are learned, the same recorded, op by op and resumed", async () => {
  const shown = await linesOfAll("regression", { args: [], stop: 20, epochs: 3 });
  const losses = numbers(shown, /^epoch \d: loss ([\d.]+)/);
  assert(losses.length === 3 && losses[2]! < 0.2 * losses[0]!, `losses ${losses}`);
  const pixels = numbers(shown, /off by ([\d.]+) pixels$/);
  assert(pixels[2]! < 0.6 * pixels[0]!, `off by ${pixels}`);
});

for (const kind of ["mixup", "cutmix"]) {
  Deno.test(`example mixup: ${kind} is drawn the same recorded, op by op and resumed`, async () => {
    const args = kind === "mixup" ? [] : ["--cutmix"];
    const shown = await linesOfAll("mixup", { args: [...args, "--limit", "512"], stop: 18, epochs: 3 });
    const mixed = numbers(shown, /^epoch \d: loss of mixed images ([\d.]+)/);
    const whole = numbers(shown, /of whole ones ([\d.]+)$/);
    assert(mixed.length === 3 && mixed[2]! < 0.95 * mixed[0]!, `losses ${mixed}`);
    assert(whole[2]! < mixed[2]!, `losses ${mixed}, of whole images ${whole}`);
  });
}

Deno.test("example accumulate: four batches of 16 are one of 64, recorded, op by op and resumed", async () => {
  const shown = await linesOfAll("accumulate", { args: [], stop: 20, epochs: 2 });
  const losses = (shown: readonly string[]): number[] => numbers(shown, /^epoch \d: loss ([\d.]+)/);
  const large = losses(await lines("accumulate", "--large", "--epochs", "2"));
  losses(shown).forEach((loss, epoch) => assert(Math.abs(loss - large[epoch]!) < 1e-5, `${loss}, large ${large}`));
  assert(/^top-1 [\d.]+ % after 32 steps$/.test(shown.at(-1)!), shown.at(-1));
});

Deno.test("example own_optimizer: op by op, recorded and stopped in between it comes to the same bits", async () => {
  const shown = await lines("own_optimizer");
  const told = shown.flatMap((line) => /^(op by op|recorded|stopped): (loss [\d.]+, top-1 [\d.]+ %)$/.exec(line) ?? []);
  assertEquals([told[1], told[4], told[7]], ["op by op", "recorded", "stopped"]);
  assertEquals([told[5], told[8]], [told[2], told[2]]);
  const [top1 = 0] = numbers(shown, /top-1 ([\d.]+) %$/);
  assert(top1 > 70, shown.join("\n"));
  const help = await task("train", "--help", "--register", "examples/own_optimizer.ts");
  assert(help.lines.some((line) => /--opt <.*\|lion>/.test(line)), help.lines.join("\n"));
  for (const run of shown.filter((line) => line.startsWith("run "))) {
    await Deno.remove(new URL(run.slice(4), root), { recursive: true });
  }
});

Deno.test("example gan: two optimizers in one step, op by op, recorded and gone on with from a copy of the state", async () => {
  const shown = await lines("gan");
  const [, mean = NaN] = /^op by op: mean ([\d.]+), deviation [\d.]+$/.exec(shown[0]!)?.map(Number) ?? [];
  assert(Math.abs(mean - 3) < 0.75, shown.join("\n"));
  assertEquals(shown.slice(1), ["recorded", "stopped"].map((how) => shown[0]!.replace("op by op", how)));
});

Deno.test("example worker: ten Workers leave the threads and the memory of the first", async () => {
  const shown = await lines("worker");
  const steps = numbers(shown, /^worker \d+: (\d+) steps; \d+ threads, \d+ MiB$/);
  assertEquals(steps, Array.from({ length: 10 }, () => 8));
  const [, threads, memory] = /^threads (-?\d+), memory (-?\d+) MiB more than after the first$/.exec(shown.at(-1)!)!;
  // Deno's own pool may give some back meanwhile.
  assert(Number(threads) <= 0, shown.join("\n"));
  assert(Number(memory) <= 32, shown.join("\n"));
});

Deno.test("example worker: from another folder, with an import map of one line, it stops at its deadline", async () => {
  using folder = tempFolder();
  await Deno.copyFile(new URL("examples/worker.ts", root), join(folder.path, "worker.ts"));
  const imports = { "@libtrain/libtrain": new URL("mod.ts", root).href };
  await Deno.writeTextFile(join(folder.path, "deno.json"), JSON.stringify({ imports }));
  const args = ["run", "-q", "--no-prompt", "--allow-read", "--allow-write", "--allow-env", "--allow-ffi", "worker.ts"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, "--workers", "2", "--epochs", "1000", "--deadline", "5000"],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
  }).output();
  const [shown, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals({ code, errors }, { code: 0, errors: "" });
  assertEquals(numbers(shown!.split("\n"), /^worker (\d): \d+ steps, stopped at its deadline; /), [1, 2]);
  // Everything is in the working folder.
  assertEquals([...Deno.readDirSync(join(folder.path, "runs"))].length, 2);
});
