/** Every study can be trained arm by arm, and those that are not measured are tried with a few steps. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { study } from "../../mod.ts";
import { studyNames, studyOf } from "../../lib/cli/studies.ts";
import { copies, writeFolder } from "../support/image_files.ts";
import { tempFolder } from "../temp_folder.ts";

/** Images enough for the largest batch of a study, of two classes. */
async function imagesIn(folder: string): Promise<string> {
  return await writeFolder(join(folder, "images"), {
    ...copies(72, "baseline_420.jpg", "train/a"),
    ...copies(72, "progressive_444.jpg", "train/b"),
    ...copies(4, "baseline_422.jpg", "val/a"),
    ...copies(4, "baseline_444.jpg", "val/b"),
  });
}

/** What trials change of every study: a small network on small images, on one thread. */
function tried(): { size: number; threads: number; model: { name: string } } {
  return { size: 32, threads: 1, model: { name: "xresnet18" } };
}

Deno.test("studies: every arm of every file is built, its claim and comparisons are told, and arms differ", async () => {
  using root = tempFolder();
  const images = await imagesIn(root.path);
  for (const name of studyNames()) {
    const made = await studyOf(name);
    assertEquals(made.name, name, "a file is called as its study");
    assert(made.claim.length > 10 && made.source !== undefined, name);
    const changes = { ...tried(), data: { name: images } };
    const plan = study.planOf(made, { changes });
    const { cells } = await study.previewSweep(plan, {
      folder: join(root.path, "runs", name),
      cache: join(root.path, "cache"),
      runs: 1,
    });
    assertEquals(cells.map(({ arm }) => arm), Object.keys(made.arms), name);
    assertEquals(new Set(cells.map(({ hash }) => hash)).size, cells.length, `${name}: two arms are the same`);
    // Where it is the entry itself, all studies share its runs.
    if (Object.hasOwn(made.arms, "entry")) assertEquals(made.arms["entry"], {}, name);
    const header = await Deno.readTextFile(new URL(`../../studies/${name}.ts`, import.meta.url));
    assert(header.startsWith("/**\n * Claim: "), `${name}: its header is its claim`);
  }
});

Deno.test("studies: measured claims have one comparison that decides, and these are as they were written down", async () => {
  const primaries: Record<string, string> = {
    "blurpool": "entry against max",
    "batch-size": "entry against bs64",
    "augmentation": "entry against cropped-erased",
    "label-smoothing": "entry against hard",
  };
  for (const [name, wanted] of Object.entries(primaries)) {
    const { primary } = await studyOf(name);
    assertEquals(`${primary?.arm} against ${primary?.against}`, wanted, name);
  }
});

Deno.test("studies: optimizer, resnext, schedule, stem, zero-gamma and shift-vgg train a few steps of every arm", async () => {
  using root = tempFolder();
  const images = await imagesIn(root.path);
  for (const name of ["optimizer", "resnext", "schedule", "stem", "zero-gamma", "shift-vgg"]) {
    const made = await studyOf(name);
    const changes = { ...tried(), bs: 8, epochs: 1, data: { name: images, limit: 16 } };
    const result = await study.sweep(study.planOf(made, { changes }), {
      folder: join(root.path, "runs", name),
      cache: join(root.path, "cache"),
      runs: 1,
    });
    assertEquals(
      result.arms.map(({ arm, summary, diverged, failed }) => [arm, summary?.n, diverged, failed]),
      Object.keys(made.arms).map((arm) => [arm, 1, [], []]),
      name,
    );
    const losses = result.arms.map(({ runs }) => runs[0]!.epochs[0]!.trainLoss);
    assert(losses.every((loss) => loss !== null && Number.isFinite(loss)), `${name}: ${losses}`);
  }
});
