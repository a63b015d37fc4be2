/**
 * Consistency under shifts of a sweep's runs with max and with blur pools, network by network, as a committed result.
 *
 *     deno task bench:shift --sweep runs/shift-vgg [--data imagenette2-224.tgz] [--limit N] --out benchmarks/results/shift_pools.json
 *
 * Every run is asked the same pairs of shifts of the same validation images. `along` is along both axes, which decides,
 * `diagonal` as in Zhang's paper; `usual` are shifts of as many pixels as the library takes, `pixel` of one.
 *
 * @module
 */
import { join } from "@std/path";
import { deviceInfo, recipe, study } from "../mod.ts";
import { scriptFlags } from "./flags.ts";
import { outputOf, readJson, root, writeResult } from "./support.ts";

const usage = "deno task bench:shift --sweep RUNS [--data PATH] [--model vgg11_bn] [--limit N] [--out FILE]";
const flags = scriptFlags(Deno.args, { usage, values: ["sweep", "data", "model", "limit", "out", "cache"] });
const { sweep, model = "vgg11_bn", out, data, cache } = flags;
const limit = flags["limit"] === undefined ? undefined : Number(flags["limit"]);
if (sweep === undefined) {
  console.error(`error: Expected --sweep, got none: ${usage}`);
  Deno.exit(2);
}

const cells = await study.sweepRuns(sweep);
const lost = cells.filter(({ run }) => run === null);
if (lost.length > 0) {
  throw new Error(`Expected the weights of every run, got none of ${lost.map(({ arm, seed }) => `${arm} ${seed}`)}`);
}
const runs = cells.map(({ run }) => run!);
await Deno.mkdir(new URL("runs/shift-pools/", root), { recursive: true });

/** All runs on the same pairs of shifts of up to so many pixels; as many as the library takes unless they are given. */
async function moved(shifts?: number): Promise<study.ShiftRunsResult> {
  let last = "";
  return await study.shiftRuns(runs, {
    ...{ square: 0, images: 1, meanImages: 1 },
    out: new URL(`runs/shift-pools/${shifts ?? "usual"}.svg`, root).pathname,
    ...(shifts === undefined ? {} : { shifts }),
    ...(data === undefined ? {} : { data }),
    ...(limit === undefined ? {} : { limit }),
    ...(cache === undefined ? {} : { cache }),
    onMeasured: (path, done, total) => {
      if (done !== total || path === last) return;
      last = path;
      console.error(`${path}: ${total} images, shifts of up to ${shifts ?? "the usual"} pixels`);
    },
  });
}

/** A difference without what the library keeps beside it. */
function told(difference: study.TwoWayDifference): Record<string, unknown> {
  const of = (each: study.ShiftDifference | null): unknown =>
    each === null ? null : {
      mean: each.mean,
      flips: each.flips,
      t: each.t,
      p: each.p,
      n: each.n,
      verdict: each.verdict,
      words: each.words,
    };
  return { overSeeds: of(difference.overSeeds), overImages: of(difference.overImages), pHolm: difference.pHolm };
}

function measured(found: study.ShiftRunsResult, measure: study.ShiftMeasure): Record<string, unknown> {
  const { cells, gains, before, interactions, images } = study.shiftInteraction(found.runs, { model, measure });
  return {
    images,
    cells,
    gains: gains.map((each) => ({ model: each.model, ...told(each) })),
    before: before.map((each) => ({ than: each.than, ...told(each) })),
    interactions: interactions.map((each) => ({ than: each.than, ...told(each) })),
  };
}

/** What shifts of one kind come to. */
function both(found: study.ShiftRunsResult): Record<string, unknown> {
  const { kind, size, margin, pairs } = found;
  return {
    kind,
    size,
    margin,
    pairs,
    along: measured(found, "consistency"),
    diagonal: measured(found, "consistencyDiagonal"),
  };
}

const trained = await Promise.all(runs.map(async (run) => (await readJson(join(run, "result.json")))?.["commit"]));
const facts = recipe.cpuFacts();
const result = {
  what: "consistency under shifts of networks with max and with blur pools, all on the same shifts of the same images",
  date: new Date().toISOString().slice(0, 10),
  commit: (await outputOf("git", ["rev-parse", "HEAD"])).trim(),
  dirty: await outputOf("git", ["status", "--porcelain", "--untracked-files=no"]) !== "",
  ...{ cpu: facts.model, isa: facts.isa, cores: deviceInfo().cpu.cores },
  trained: [...new Set(trained)],
  model,
  seeds: [...new Set(cells.map(({ seed }) => seed))],
  // The first decides, the second only hints.
  usual: both(await moved()),
  pixel: both(await moved(1)),
};
if (out === undefined) console.log(JSON.stringify(result, null, 1));
else await writeResult(out, result);
