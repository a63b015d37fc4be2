/** What the tasks say of files that they cannot use: one line, the right exit code, and nothing is written. */
import { join } from "@std/path";
import { readSafetensors, type SafeTensor, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { Device, exportFastai, models } from "../../mod.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { exportCommand } from "../../tasks/export.ts";
import { importCommand } from "../../tasks/import.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { trainCommand } from "../../tasks/train.ts";
import { train } from "../support/training.ts";
import { badSets, checkpoints, refused, type Row } from "../support/bad_input.ts";
import { copies, fixture, small, writeFolder } from "../support/image_files.ts";
import { gzip, tarOf } from "../support/tar.ts";
import { tempFolder } from "../temp_folder.ts";

const none = "/nowhere/at/all";

Deno.test("bad input: train", async () => {
  using folder = tempFolder();
  const data = (path: string): string[] => ["--preset", "imagenette-128-5", "--data", path, "--out", folder.path];
  const set = await writeFolder(join(folder.path, "set"));
  await refused(folder, trainCommand, [
    ...(await badSets(folder)).map(([path, message]): Row => [data(path), 1, message]),
    [[...data(set), "--sise", "24"], 2, "Unknown flag --sise: did you mean --size?"],
    [[...data(set), "--size", "4"], 2, "Expected --size to be a whole number from 8 to 1024"],
    [[...data(set), "more"], 2, "Expected no words besides flags"],
    [["--data", set, "--out", folder.path], 2, `Expected --preset with --data "${set}", got none but mnist`],
    [["--data", set, "--size", "24", "--out", folder.path], 2, "pass --preset imagenette-128-5"],
    [data(none), 2, `Cannot find "${none}"`],
    [data("imagewoof2-320"), 1, "run `deno task data imagewoof2-320`, which downloads it"],
    [[...data(set), "--size", "24", "--threads", "1"], 2, "Expected at most 6 images a step"],
  ]);
});

Deno.test("bad input: train --resume where the data are others, or gone", async () => {
  using folder = tempFolder();
  const archive = join(folder.path, "set.tgz");
  await Deno.writeFile(archive, await gzip(await tarOf(small)));
  const stop = new AbortController();
  const { run } = await train({
    preset: "imagenette-128-5",
    arch: "mnistNet",
    sa: false,
    data: archive,
    size: 24,
    bs: 2,
    threads: 1,
    out: folder.path,
    signal: stop.signal,
    listener: { batchEnd: () => stop.abort() },
  });
  const resume = ["--resume", run];
  await refused(folder, trainCommand, [
    [[...resume, "--size", "32"], 2, "was started with size 24, now 32: pass --force"],
  ]);
  // Another set than what was trained on; where it only lies elsewhere, the run goes on.
  const other = await writeFolder(join(folder.path, "other"), { ...small, ...copies(1, "webp_lossy.webp", "val/cat") });
  await refused(folder, trainCommand, [[[...resume, "--data", other], 2, `was started with data "`.slice(0, -1)]]);
  await Deno.writeFile(archive, await gzip(await tarOf({ ...small, ...copies(1, "webp_lossy.webp", "val/cat") })));
  await refused(folder, trainCommand, [[resume, 2, "was started with the archive's SHA-256 "]]);
  await Deno.remove(archive);
  await refused(folder, trainCommand, [[resume, 2, `Cannot find "${archive}"`]]);
});

Deno.test("bad input: evaluate", async () => {
  using folder = tempFolder();
  const { good, bad } = await checkpoints(folder);
  const set = await writeFolder(join(folder.path, "set"));
  const third = await writeFolder(join(folder.path, "third"), {
    ...small,
    ...copies(1, "grey.jpg", "train/bird"),
    ...copies(1, "grey.jpg", "val/bird"),
  });
  const on = (path: string): string[] => ["--data", path, "--size", "24", "--threads", "1"];
  await refused(folder, evaluateCommand, [
    ...bad.map(([path, message]): Row => [[path, ...on(set)], 1, message]),
    ...(await badSets(folder)).map(([path, message]): Row => [[good, ...on(path)], 1, message]),
    [[good, ...on(third)], 1, `Expected data of 2 classes, as "${good}" was trained on, got 3`],
    [[good, ...on(none)], 2, `Cannot find "${none}"`],
    [[good, ...on(set), "--emma"], 2, "Unknown flag --emma: did you mean --ema?"],
    [[good, ...on(set), "--bs", "0"], 2, "Expected --bs to be a whole number of at least 1"],
    [[good, "--size", "24"], 2, "Expected --data, got none"],
    [[good, ...on(set), "--predictions", "/elsewhere/p.csv"], 2, 'Cannot write to "/elsewhere/p.csv"'],
  ]);
});

Deno.test("bad input: predict", async () => {
  using folder = tempFolder();
  const { good, bad } = await checkpoints(folder);
  const image = join(folder.path, "grey.jpg");
  await Deno.writeFile(image, await fixture("grey.jpg"));
  const cut = join(folder.path, "cut.jpg");
  await Deno.writeFile(cut, (await fixture("progressive_444.jpg")).subarray(0, 100));
  const size = ["--size", "24", "--threads", "1"];
  await refused(folder, predictCommand, [
    ...bad.map(([path, message]): Row => [[path, image, ...size], 1, message]),
    [[good, cut, ...size], 1, `Cannot use the image "${cut}": `],
    [[good, image, "--tops", "1"], 2, "Unknown flag --tops: did you mean --top?"],
    [[good, image, ...size, "--top", "0"], 2, "Expected --top to be a whole number of at least 1"],
    [[good, image], 2, "Expected --size, got none"],
  ]);
});

Deno.test("bad input: shift", async () => {
  using folder = tempFolder();
  const { good, bad } = await checkpoints(folder);
  const set = await writeFolder(join(folder.path, "set"));
  const on = (path: string): string[] => ["--data", path, "--size", "24", "--threads", "1"];
  await refused(folder, shiftCommand, [
    ...bad.map(([path, message]): Row => [[path, ...on(set)], 1, message]),
    ...(await badSets(folder)).map(([path, message]): Row => [[good, ...on(path)], 1, message]),
    [[good, join(folder.path, "none"), ...on(set)], 2, "Cannot find "],
    [[good, ...on(none)], 2, `Cannot find "${none}"`],
    [[good, ...on(set), "--shift", "4"], 2, "Unknown flag --shift: did you mean --shifts?"],
    [[good, ...on(set), "--shifts", "0"], 2, "Expected --shifts to be a whole number from 1 to 256"],
    [[good, ...on(set), "--out", "/elsewhere/s.svg"], 2, 'Cannot write to "/elsewhere/s.svg"'],
    [[], 2, "Expected a run's folder or a checkpoint, got none"],
  ]);
});

Deno.test("bad input: import names tensors that are too many or of another shape, and files that are none", async () => {
  using folder = tempFolder();
  const [weights, extra, shaped, half, text] = ["right", "extra", "shaped", "half", "text"].map((name) =>
    join(folder.path, `${name}.safetensors`)
  ) as [string, string, string, string, string];
  using device = new Device("cpu", { threads: 1 });
  {
    using model = models.xresnet18({ classes: 2, seed: 0, device });
    await exportFastai(model, weights);
  }
  const { tensors } = await readSafetensors(weights);
  const one: SafeTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
  await writeSafetensors(extra, new Map([...tensors, ["12.weight", one]]));
  await writeSafetensors(shaped, new Map([...tensors, ["0.0.weight", one], ["11.bias", one]]));
  await Deno.writeFile(half, (await Deno.readFile(weights)).subarray(0, 100_000));
  await Deno.writeTextFile(text, "no weights");
  const as = ["--arch", "xresnet18", "--out", join(folder.path, "new", "c.safetensors")];
  await refused(folder, importCommand, [
    [
      [extra, ...as],
      1,
      'Cannot import these weights: not in this model "12.weight". Build the model as it was trained',
    ],
    [[shaped, ...as], 1, 'expected "0.0.weight" as [32, 3, 3, 3], got [1]; expected "11.bias" as [2], got [1]'],
    [[half, ...as], 1, half],
    [[text, ...as], 1, text],
    [[weights, ...as, "--actt", "mish"], 2, "Unknown flag --actt: did you mean --act?"],
  ]);
});

Deno.test("bad input: export", async () => {
  using folder = tempFolder();
  const { good, bad } = await checkpoints(folder);
  const out = ["--out", join(folder.path, "new", "w.safetensors")];
  await refused(folder, exportCommand, [
    ...bad.map(([path, message]): Row => [[path, ...out], 1, message]),
    [[good, ...out, "--formats", "fastai"], 2, "Unknown flag --formats: did you mean --format?"],
    [[good, "--out", "/elsewhere/w.safetensors"], 2, 'Cannot write to "/elsewhere/w.safetensors"'],
  ]);
});
