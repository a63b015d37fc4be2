/** What docs/architecture.md says of adding a setting, a network and so on, done as it stands there. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { recipe } from "../../mod.ts";
import { trainCommand } from "../../tasks/train.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";
import { filesIn, writeFiles } from "./code_blocks.ts";

const root = new URL("../../", import.meta.url);
const text = Deno.readTextFileSync(new URL("docs/architecture.md", root));
const files = filesIn(text);

/** What a command came to. */
interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `deno task train` in this process, where what is registered stays: no two tests here register the same names. */
async function train(...args: string[]): Promise<Ran> {
  const streams = keptStreams();
  const code = await runCommand(args, trainCommand, { streams });
  return { code, ...streams.text };
}

/** A script in a process of its own, where nothing was registered. */
async function run(permissions: string, script: string, ...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--config", "deno.json", `-P=${permissions}`, script, ...args],
    cwd: fromFileUrl(root),
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** The shortest training. */
const short = ["--limit", "64", "--bs", "32", "--epochs", "1", "--threads", "1", "--device", "cpu", "--json"];

/** The run's folder that `--json` names, once it was trained. */
function runOf({ code, out, err }: Ran): string {
  assertEquals(code, 0, err);
  return JSON.parse(out).run;
}

function configOf(run: string): recipe.RunConfig {
  return JSON.parse(Deno.readTextFileSync(join(run, "config.json")));
}

/** Copies a folder with all that is in it. */
function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** The line of a help text that begins with a flag. */
function helpOf(flag: string, help: string): string {
  return help.split("\n").find((line) => line.startsWith(`  --${flag} `)) ?? "";
}

Deno.test("how to add: the files that take a row in this repository have the table that is named", () => {
  const rows = [...text.matchAll(/^\| .* \| `(\w+): .*` +\| `(\w+)` in `(lib\/[\w/]+\.ts)` +\|$/gm)];
  const registered = rows.map(([, name]) => name);
  const all = [
    "settings",
    "models",
    "losses",
    "metrics",
    "schedules",
    "optimizers",
    "transforms",
    "dataSets",
    "presets",
  ];
  assertEquals(registered, all);
  for (const [, , table, path] of rows) {
    const source = Deno.readTextFileSync(new URL(path!, root));
    assertMatch(source, new RegExp(`^(export )?const ${table}: .* = `, "m"), path);
  }
});

Deno.test("how to add a setting: flag, help, limits, schema, config.json and a resumed run follow from its row", async () => {
  using folder = tempFolder();
  const [script = ""] = writeFiles(files, folder.path, ["my_setting.ts"]);
  const register = ["--register", script];
  const help = await train(...register, "--help");
  assertMatch(helpOf("lookahead", help.out), /<number> +Steps between those of Lookahead, 0 for none \(ranger\)$/);

  const trained = runOf(await train(...register, "--lookahead", "6", ...short, "--out", folder.path));
  assertEquals(configOf(trained).optimizer["k"], 6);

  const section = (recipe.schema()["properties"] as Record<string, recipe.Schema>)["optimizer"]!;
  const { k } = section["properties"] as Record<string, recipe.Schema>;
  assertEquals(k, {
    description: "Steps between those of Lookahead, 0 for none (ranger)",
    type: "integer",
    minimum: 0,
    maximum: 100,
  });

  const wrong = await train(...register, "--lookahead", "101");
  assertEquals([wrong.code, wrong.err], [
    2,
    'error: Expected --lookahead to be a whole number from 0 to 100, got "101"\n',
  ]);

  const refused = await train("--resume", trained, ...register, "--lookahead", "4");
  const line = `Run "${trained}" was started with lookahead 6, now 4: pass --force to go on anyway`;
  assertEquals([refused.code, refused.err], [2, `error: ${line}\n`]);
  assertStringIncludes(text, line.replace(trained, "…"));
});

Deno.test("how to add a setting: the same row in lib/recipe/settings.ts gives the same flag without --register", async () => {
  using folder = tempFolder();
  const row = /settings: \[(\{[\s\S]*?\n {2}\})\],/.exec(files.get("my_setting.ts") ?? "")?.[1];
  assert(row !== undefined, "no row in my_setting.ts");
  copyFolder(fromFileUrl(new URL("lib", root)), join(folder.path, "lib"));
  for (const name of ["mod.ts", "deno.json", "tasks/train.ts"]) {
    Deno.mkdirSync(join(folder.path, "tasks"), { recursive: true });
    Deno.copyFileSync(new URL(name, root), join(folder.path, name));
  }
  const settings = join(folder.path, "lib/recipe/settings.ts");
  const source = Deno.readTextFileSync(settings);
  const changed = source.replace("const rows: Setting[] = [", (start) => `${start}\n  ${row},`);
  assert(changed !== source, "no rows in lib/recipe/settings.ts");
  Deno.writeTextFileSync(settings, changed);
  const { code, out, err } = await run("train", join(folder.path, "tasks/train.ts"), "--help");
  assertEquals(code, 0, err);
  assertMatch(helpOf("lookahead", out), /<number> +Steps between those of Lookahead, 0 for none \(ranger\)$/);
});

Deno.test("how to add a network, a loss, a schedule: trained by name, and the run opens where they are registered", async () => {
  using folder = tempFolder();
  const scripts = writeFiles(files, folder.path, ["my_model.ts", "my_loss.ts", "my_schedule.ts"]);
  const register = scripts.flatMap((script) => ["--register", script]);
  const names = ["--arch", "plain", "--loss", "brier", "--schedule", "polynomial", "--power", "3"];
  const trained = runOf(await train(...register, ...names, ...short, "--out", folder.path));
  const { model, loss, schedule } = configOf(trained);
  assertEquals([model, loss, schedule], [
    { name: "plain" },
    { name: "brier" },
    { name: "polynomial", lr: 8e-3, power: 3 },
  ]);
  const mine = recipe.preset("mnist", { model: { name: "plain", width: 24 } });
  assertEquals(mine.model, { name: "plain", width: 24 });

  const evaluate = (...args: string[]): Promise<Ran> =>
    run("evaluate", "tasks/evaluate.ts", trained, "--json", "--threads", "1", "--device", "cpu", ...args);
  const unknown = await evaluate();
  assertEquals(unknown.code, 2);
  const line =
    `Run "${trained}" uses the model "plain", which is not registered here: register it before opening the run, ` +
    "say with --register and the script that registers it";
  assertEquals([unknown.err, JSON.parse(unknown.out)], [`error: ${line}\n`, { error: line, exitCode: 2 }]);
  const known = await evaluate(...register);
  assertEquals([known.code, JSON.parse(known.out).n], [0, 64], known.err);

  const resumed = await train("--resume", trained, "--power", "2");
  assertMatch(resumed.err, /was started with power 3, now 2: pass --force to go on anyway\n$/);
});

Deno.test("how to add an optimizer: trained by its name, recorded or not, resumed, and its options refused", async () => {
  using folder = tempFolder();
  const [script = ""] = writeFiles(files, folder.path, ["my_optimizer.ts"]);
  const args = ["--register", script, "--opt", "adagrad", "--lr", "0.02", ...short, "--epochs", "2"];
  const losses: number[] = [];
  for (const how of ["--capture", "--no-capture"]) {
    const result = await train(...args, how, "--out", folder.path);
    const trained = runOf(result);
    assertEquals(configOf(trained).optimizer, { name: "adagrad", eps: 1e-6, wd: 1e-2 });
    losses.push(JSON.parse(result.out).trainLoss);
    const refused = await train("--resume", trained, "--wd", "0.5");
    assertMatch(refused.err, /was started with wd 0.01, now 0.5: pass --force to go on anyway\n$/);
  }
  assertEquals(losses[0], losses[1]);
  const wrong = await train("--register", script, "--opt", "adagrad", "--mom", "0.5", ...short);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "Expected settings that adagrad has, eps, wd, got --mom: leave it out");
});

Deno.test("how to add a metric: it is in metrics.csv, in the result, and measured again where it is registered", async () => {
  using folder = tempFolder();
  const [script = ""] = writeFiles(files, folder.path, ["my_metric.ts"]);
  const args = ["--register", script, "--metrics", "confidence", ...short, "--out", folder.path];
  const result = await train(...args);
  const trained = runOf(result);
  assertEquals(configOf(trained).metrics, ["confidence"]);
  const { metrics: { confidence }, trainMetrics } = JSON.parse(result.out);
  assert(confidence > 0.1 && confidence < 1 && trainMetrics.confidence > 0.1, result.out);
  const [title = "", row = ""] = Deno.readTextFileSync(join(trained, "metrics.csv")).split("\n");
  assertEquals(title.split(",").slice(-3), ["trainConfidence", "confidence", "confidenceEma"]);
  assertEquals(row.split(",").slice(-3), [`${trainMetrics.confidence}`, `${confidence}`, ""]);

  const evaluate = (...more: string[]): Promise<Ran> =>
    run("evaluate", "tasks/evaluate.ts", trained, "--json", ...more);
  const known = await evaluate("--register", script);
  assertEquals([known.code, JSON.parse(known.out).metrics], [0, { confidence }], known.err);
  const unknown = await evaluate();
  assertStringIncludes(unknown.err, 'uses the metric "confidence", which is not registered here');
  const wrong = await train("--metrics", "sureness", ...short);
  assertStringIncludes(wrong.err, "error: Expected --metrics to be some of ");
});

Deno.test("how to add a batch transform: it trains with and without mixup, and is refused where it differs", async () => {
  using folder = tempFolder();
  const [script = ""] = writeFiles(files, folder.path, ["my_transform.ts"]);
  const args = ["--register", script, "--brightness", "0.2", ...short, "--out", folder.path];
  const plain = runOf(await train(...args));
  assertEquals(configOf(plain).transforms["brightness"], { amount: 0.2 });
  const mixed = await train(...args, "--mixup", "0.4", "--clip-norm", "1", "--accumulate", "2", "--seed", "1");
  const { transforms, clipNorm, accumulate } = configOf(runOf(mixed));
  assertEquals([transforms["mixup"], clipNorm, accumulate], [{ alpha: 0.4 }, 1, 2]);
  assertEquals(JSON.parse(mixed.out).steps, 1);
  const refused = await train("--resume", plain, "--register", script, "--brightness", "0.3");
  assertMatch(refused.err, /was started with brightness 0.2, now 0.3: pass --force to go on anyway\n$/);
});

Deno.test("how to add a batch transform, a data set, a preset: one script trains them, with an optimizer's settings by name", async () => {
  using folder = tempFolder();
  const [script = ""] = writeFiles(files, folder.path, ["my_parts.ts"]);
  const args = ["--register", script, "--preset", "bars", "--contrast", "1.5", ...short, "--out", folder.path];
  const result = await train(...args, "--epochs", "2");
  const { optimizer, transforms, data, classes } = configOf(runOf(result));
  assertEquals(optimizer, { name: "rangerGc", wd: 1e-2 });
  assertEquals(transforms, { contrast: { amount: 1.5 } });
  assertEquals([data.name, classes], ["bars", ["lies", "stands"]]);
  assertEquals(JSON.parse(result.out).n, 96);
  const help = await train("--register", script, "--help");
  assertStringIncludes(help.out, "\n  bars: --epochs 2 --bs 32 --lr 0.008 --wd 0.01");
});

Deno.test("how to add a task: the file runs beside tasks/, with help, text, JSON and exit codes", async () => {
  using folder = tempFolder();
  const own = new Map([...files].map(([name, code]) => [name, code.replaceAll('"../', `"${root}`)]));
  const [script = ""] = writeFiles(own, folder.path, ["tasks/count.ts"]);
  const [, permissions = ""] = /"command": "deno run -q --no-prompt -P=(\w+) tasks\/count\.ts"/.exec(text) ?? [];
  const help = await run(permissions, script, "--help");
  assertMatch(help.out, /^Counts the parameters of a preset's network\.\n\nUsage: deno task count \[flags\]\n/);
  const lines = await run(permissions, script);
  assertMatch(lines.out, /^mnistNet: \d+ parameters\n$/);
  const json = await run(permissions, script, "--json");
  const parameters = Number(/\d+/.exec(lines.out)?.[0]);
  assertEquals([json.code, JSON.parse(json.out)], [0, { preset: "mnist", parameters }]);
  const wrong = await run(permissions, script, "--preset", "digits");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertMatch(wrong.err, /error: Expected --preset to be one of mnist, .*, got "digits"\n/);
});

Deno.test("how to add: every file in the text is one that is tried here", () => {
  const tried = [
    "my_setting.ts",
    "my_model.ts",
    "my_loss.ts",
    "my_metric.ts",
    "my_transform.ts",
    "my_schedule.ts",
    "my_optimizer.ts",
    "my_parts.ts",
    "tasks/count.ts",
  ];
  assertEquals([...files.keys()], tried);
});
