/** Captured steps against eager ones, bit for bit, and what a replay costs the host. */
import type { Device, Tensor } from "../../mod.ts";
import { firstOtherBits } from "./differences.ts";
import {
  type Checks,
  DTYPE_SECONDS,
  isEmulated,
  isLate,
  openDevice,
  type PartContext,
  rounded,
  wanted,
} from "./part.ts";
import { disposeBatch, EntryTraining, type TrainingOptions, usualSizes } from "./training.ts";

/** Steps with each batch size: one runs eagerly, one is recorded, the others are replayed. */
const STEPS = { whole: 8, small: 4 };
/** Host time a replayed step, µs. */
const GOAL = 50;
/** Replays timed at a time. */
const REPLAYS = 40;

/** How the steps of a training are run. */
type How = "eager" | "captured" | "many";

interface Ran {
  readonly losses: number[];
  readonly state: ReadonlyMap<string, ArrayLike<number>>;
}

/** Trains some steps; the middle one is of another batch size, so that a recording is made anew and the first kept. */
async function train(context: PartContext, options: TrainingOptions, how: How): Promise<Ran> {
  using device = openDevice(context);
  using training = new EntryTraining(device, options);
  using captured = training.captured();
  const step = how === "eager" ? training.eager() : captured;
  const [other, steps] = [options.bs / 2, options.small ? STEPS.small : STEPS.whole];
  const losses: Tensor[] = [];
  const run = (from: number, count: number, bs: number): void => {
    const batches = Array.from({ length: count }, (_, at) => training.batch(from + at, bs));
    const args = batches.map(({ images, labels }) => [images, labels] as const);
    if (how === "many") losses.push(...captured.many(args));
    else for (const [images, labels] of args) losses.push(step(images, labels));
    batches.forEach(disposeBatch);
  };
  run(0, steps, options.bs);
  run(steps, 3, other);
  run(steps + 3, steps, options.bs);
  const values: number[] = [];
  for (const loss of losses) {
    values.push(await loss.item());
    loss.dispose();
  }
  return { losses: values, state: await training.state() };
}

function firstDifference(a: Ran, b: Ran): string | undefined {
  const step = firstOtherBits(a.losses, b.losses);
  if (step >= 0) return `the loss of step ${step}: ${a.losses[step]} and ${b.losses[step]}`;
  for (const [name, values] of a.state) {
    const other = b.state.get(name);
    if (other === undefined) return `${name}: missing`;
    const at = firstOtherBits(values, other);
    if (at >= 0) return `${name}[${at}]: ${values[at]} and ${other[at]}`;
  }
  return undefined;
}

/** Launches a step, and the host's time of a replay. */
async function costs(context: PartContext, options: TrainingOptions, checks: Checks): Promise<Record<string, unknown>> {
  using device = openDevice(context);
  using training = new EntryTraining(device, options);
  using captured = training.captured();
  const eager = training.eager();
  const { images, labels } = training.batch(0);
  const launched = async (step: (images: Tensor, labels: Tensor) => Tensor): Promise<number> => {
    await device.synchronize();
    const before = device.stats().launches;
    step(images, labels).dispose();
    await device.synchronize();
    return device.stats().launches - before;
  };
  for (let warm = 0; warm < 4; warm++) captured(images, labels).dispose();
  const launches = { eager: await launched(eager), replay: await launched(captured) };
  if (context.device === "cuda") {
    checks.that("a replayed step is one launch", launches.replay === 1, `${launches.replay}, eager ${launches.eager}`);
  } else checks.skip("launches a step", "the CPU launches nothing");
  const hostMicroseconds = await replayCost(device, () => captured(images, labels).dispose(), context, checks);
  disposeBatch({ images, labels });
  return { launches, hostMicroseconds };
}

/** The host's time of a replay, µs; null where that says nothing. */
async function replayCost(
  device: Device,
  replay: () => void,
  context: PartContext,
  checks: Checks,
): Promise<number | null> {
  const name = `host time of a replayed step under ${GOAL} µs`;
  if (context.device === "cpu" || isEmulated(context)) {
    checks.skip(name, "the steps are computed on the same cores");
    return null;
  }
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    await device.synchronize();
    const start = performance.now();
    for (let i = 0; i < REPLAYS; i++) replay();
    times.push(1000 * (performance.now() - start) / REPLAYS);
  }
  await device.synchronize();
  const best = Math.min(...times);
  checks.that(name, best < GOAL, `${best.toFixed(1)} µs`);
  return rounded(best);
}

/** The part. */
export async function captured(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const dtype of (["bf16", "f32"] as const).filter((dtype) => wanted(context, dtype))) {
    if (isLate(context, DTYPE_SECONDS)) {
      checks.skip(`${dtype}: captured steps`, "no time is left");
      continue;
    }
    const options = { dtype, small: context.small, ...usualSizes(context.small) };
    const eager = await train(context, options, "eager");
    for (const how of ["captured", "many"] as const) {
      const name = how === "captured" ? "one by one" : "several at a time";
      await checks.run(`${dtype}: steps captured and replayed ${name} are the eager ones, bit for bit`, async () => {
        const different = firstDifference(eager, await train(context, options, how));
        if (different !== undefined) throw new Error(different);
        return `${eager.losses.length} losses, ${eager.state.size} tensors`;
      });
    }
    const distinct = new Set(eager.losses).size;
    checks.that(`${dtype}: every step is another`, distinct === eager.losses.length, `${distinct} losses`);
    found[dtype] = { ...await costs(context, options, checks), losses: eager.losses };
  }
  return found;
}
