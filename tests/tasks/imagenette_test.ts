/** The entry's preset on real images, small: from the archive to a result, and across an interruption. */
import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { fromFileUrl, join } from "@std/path";
import { data, Device, loadCheckpoint } from "../../mod.ts";
import { evaluate, train, type TrainOptions } from "../support/training.ts";
import { long } from "../long.ts";
import { skip } from "../skip.ts";
import { tempFolder } from "../temp_folder.ts";

/** Imagenette at 224 pixels; tests share its pixel caches with each other and with runs. */
const own = fromFileUrl(new URL("../../../shared/data/imagenette2-224.tgz", import.meta.url));
const archive = Deno.env.get("LIBTRAIN_IMAGENETTE") || own;

/** Whether the archive is here; a test that needs it says that it is skipped. */
function isHere(name: string): boolean {
  try {
    return Deno.statSync(archive).isFile;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    skip(name, `"${archive}" is not here: name an archive of Imagenette in LIBTRAIN_IMAGENETTE`);
    return false;
  }
}

/** The preset's own network and settings, on images so small and few that a step takes less than a second. */
const short: TrainOptions = { preset: "imagenette-128-5", data: archive, size: 64, epochs: 2 };

/** A file of comma-separated values: its rows as objects. */
async function table(path: string): Promise<Record<string, string>[]> {
  const [head = "", ...rows] = (await Deno.readTextFile(path)).trimEnd().split("\n");
  const names = head.split(",");
  return rows.map((row) => Object.fromEntries(row.split(",").map((value, at) => [names[at]!, value])));
}

function test(name: string, body: () => Promise<void>): void {
  long(name, "of the whole data set or with the entry's network", async () => {
    if (isHere(name)) await body();
  });
}

test("imagenette: the archive has 9,469 and 3,925 images of ten classes", async () => {
  using device = new Device("cpu");
  const { train, valid } = await data.open(archive, { size: 64, device });
  using disposed = new DisposableStack();
  assertEquals([disposed.use(train).length, disposed.use(valid).length], [9469, 3925]);
  const classes = [
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
  ];
  const source = {
    name: "imagenette2-224.tgz",
    sha256: "c4f86ab1b37f26b2d3e943fed248206d867c520458d442cb6130bc4dc9ced45a",
    contents: "5f180622b523c20fd5f860c5d4054d9a575fd2c5897f9af231a3951349beecdd",
    // The CSV beside the parts.
    leftOut: { outside: 1 },
  };
  for (const set of [train, valid]) assertEquals([set.classes, set.source], [classes, source]);
  assertEquals([train.names?.length, new Set(train.names).size], [9469, 9469]);
  const counts = new Array<number>(10).fill(0);
  for await (const { images, labels } of valid.batches(500)) {
    assertEquals(images.shape.slice(1), [64, 64, 3]);
    for (const label of await labels.data()) counts[label as number]!++;
  }
  assertEquals(counts, [387, 395, 357, 386, 409, 394, 389, 419, 399, 390]);
});

test("imagenette: two epochs on 320 images bring the loss down, and the run's folder says all of it", async () => {
  using folder = tempFolder();
  const { run, ...result } = await train({ ...short, limit: 320, out: folder.path });
  const epochs = await table(join(run, "metrics.csv"));
  assertEquals(epochs.map(({ epoch }) => epoch), ["1", "2"]);
  const [first, second] = epochs.map(({ trainLoss }) => Number(trainLoss)) as [number, number];
  assert(second < first && first < 4, `loss ${first}, then ${second}`);
  const steps = await table(join(run, "steps.csv"));
  assertEquals(
    steps.map(({ step, epoch }) => `${step} ${epoch}`),
    [...Array(20).keys()].map((at) => `${at + 1} ${at < 10 ? 1 : 2}`),
  );
  const mean = steps.slice(10).reduce((sum, { loss }) => sum + Number(loss), 0) / 10;
  assert(Math.abs(mean - second) < 1e-4, `${mean} and ${second}`);

  const kept = JSON.parse(await Deno.readTextFile(join(run, "result.json")));
  const { top1, top5, loss } = result;
  assertEquals([kept.top1, kept.top5, kept.loss, kept.n], [top1, top5, loss, 320]);
  assertEquals([result.n, kept.epochs, kept.seed], [320, 2, 0]);
  assert(top1! >= 0 && top1! <= top5! && top5! <= 1 && loss! > 0);
  assert(kept.trainSeconds > 0);
  assert(Math.abs(kept.imagesPerSecond * kept.trainSeconds - 640) < 1e-6);
  assertEquals([kept.device, kept.dtype, typeof kept.cpu, kept.cpu.length > 0], ["cpu", "f32", "string", true]);
  assert(/^[0-9a-f]{40}$/.test(kept.commit ?? "") || kept.commit === null);
  assertEquals(await evaluate(run), { top1: top1!, top5: top5!, loss: loss!, metrics: {}, n: 320 });
});

/** SHA-256 of every tensor of a run's state. */
async function digests(run: string): Promise<Record<string, string>> {
  const { state: { tensors } } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  const sums = [...tensors].map(async ([name, { data }]): Promise<[string, string]> => [
    name,
    encodeHex(await crypto.subtle.digest("SHA-256", data)),
  ]);
  return Object.fromEntries((await Promise.all(sums)).sort());
}

test("imagenette: stopped in an epoch or at its edge and resumed, it ends with the same bits", async () => {
  using folder = tempFolder();
  // Three steps an epoch.
  const options = { ...short, limit: 96, out: folder.path };
  const whole = await train(options);
  const wanted = await digests(whole.run);
  assert(Object.keys(wanted).some((name) => name.startsWith("optimizer.")));
  for (const step of [2, 3]) {
    const stop = new AbortController();
    const listener = { batchEnd: (event: { step: number }): void => void (event.step === step && stop.abort()) };
    const part = await train({ ...options, signal: stop.signal, listener });
    assertEquals([part.steps, part.stopped], [step, true]);
    const rest = await train({ resume: part.run });
    assertEquals([rest.steps, rest.top1, rest.loss], [6, whole.top1, whole.loss]);
    assertEquals(await digests(part.run), wanted);
    assertEquals(await table(join(part.run, "steps.csv")), await table(join(whole.run, "steps.csv")));
    // Each is some hundred megabytes.
    await Deno.remove(part.run, { recursive: true });
  }
});
