/** Memory stays flat while training, goes back afterwards, and running out of it is an error that can be survived. */
import { Device, deviceInfo, OutOfMemoryError, type Tensor, tensor, zeros } from "../../mod.ts";
import { type Checks, isEmulated, openDevice, type PartContext, wanted } from "./part.ts";
import { disposeBatch, EntryTraining, type TrainingOptions, usualSizes } from "./training.ts";

/** Steps after which nothing may have grown. */
const STEPS = { whole: 50, small: 5 };

/** What a queue holds. */
type Held = Record<"handles" | "storages" | "bytes" | "reservedBytes" | "systemAllocations", number>;

function held(device: Device): Held {
  const { handles, storages, bytes, reservedBytes, systemAllocations } = device.stats();
  return { handles, storages, bytes, reservedBytes, systemAllocations };
}

/** MiB of the GPU's memory that are used, as nvidia-smi says; null where there is none. */
async function usedMemory(context: PartContext): Promise<number | null> {
  if (context.device === "cpu" || isEmulated(context)) return null;
  try {
    const args = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"];
    const { code, stdout } = await new Deno.Command("nvidia-smi", { args }).output();
    return code === 0 ? Number(new TextDecoder().decode(stdout).trim()) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Trains, and compares what is held after the first steps with what is held after many more, and at the end. */
async function leak(
  context: PartContext,
  options: TrainingOptions,
  captured: boolean,
  checks: Checks,
): Promise<Record<string, Held>> {
  const how = `${options.dtype}, ${captured ? "captured" : "eager"}`;
  const steps = options.small ? STEPS.small : STEPS.whole;
  using device = openDevice(context);
  const empty = held(device);
  let [early, late] = [empty, empty];
  {
    using training = new EntryTraining(device, options);
    using recorded = training.captured();
    const step = captured ? recorded : training.eager();
    for (let i = 0; i < 4 + steps; i++) {
      if (i === 4) early = held(device);
      const batch = training.batch(i);
      using loss = step(batch.images, batch.labels);
      disposeBatch(batch);
      await loss.item();
    }
    late = held(device);
  }
  const same = JSON.stringify(early) === JSON.stringify(late);
  checks.that(
    `${how}: nothing grows over ${steps} steps`,
    same,
    `${JSON.stringify(early)}, then ${JSON.stringify(late)}`,
  );
  device.trim();
  await device.synchronize();
  device.trim();
  const end = held(device);
  const gone = end.handles === 0 && end.bytes === 0 && end.reservedBytes === 0;
  checks.that(`${how}: nothing is held once all is disposed`, gone, JSON.stringify(end));
  return { early, late, end };
}

/** Asks for more than there is, then goes on. */
async function outOfMemory(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const total = deviceInfo().cuda.gpus[0]?.memory ?? 2 ** 46;
  using device = openDevice(context);
  const found: Record<string, unknown> = { total };
  const works = async (what: string): Promise<void> => {
    await checks.run(`after ${what} the device goes on`, async () => {
      using x = tensor([1, 2, 3], undefined, { device });
      using sum = x.sum();
      const value = await sum.item();
      if (value !== 6) throw new Error(`Expected 6, got ${value}`);
    });
  };
  await checks.run("more than there is at once: the typed error", () => {
    found["atOnce"] = refusedFor(() => zeros([2, 2 ** 20, Math.ceil(total / 2 ** 22)], { device }));
    return String(found["atOnce"]);
  });
  await works("asking for too much at once");
  if (context.device === "cpu") {
    checks.skip("filling the memory", "the CPU's memory is everybody's");
    return found;
  }
  const kept: Tensor[] = [];
  await checks.run("bit by bit until nothing is left: the typed error, with what was asked, free and held", () => {
    const part = [2 ** 20, Math.max(1, Math.floor(total / 2 ** 22 / 16))];
    const message = refusedFor(() => {
      for (let i = 0; i < 64; i++) kept.push(zeros(part, { device }));
    });
    found["bitByBit"] = message;
    if (kept.length < 4) throw new Error(`Expected four tensors at least, got ${kept.length}: ${message}`);
    if (!/free/.test(message) || !/held|holds/.test(message)) {
      throw new Error(`Expected free and held, got: ${message}`);
    }
    return message;
  });
  for (const each of kept) each.dispose();
  device.trim();
  await works("running out of it bit by bit");
  return found;
}

/** The message of the OutOfMemoryError that something throws. */
function refusedFor(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return error.message;
    throw error;
  }
  throw new Error("Expected an OutOfMemoryError, got none");
}

/** The part. */
export async function memory(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const sizes = usualSizes(context.small);
  const found: Record<string, unknown> = {};
  const usedMiB: Record<string, (number | null)[]> = {};
  for (const dtype of (["bf16", "f32"] as const).filter((dtype) => wanted(context, dtype))) {
    const used: (number | null)[] = [];
    const options = { dtype, small: context.small, ...sizes };
    for (const captured of [true, false]) {
      found[`${dtype} ${captured ? "captured" : "eager"}`] = await leak(context, options, captured, checks);
      used.push(await usedMemory(context));
    }
    // The driver and its libraries load more for each dtype, and keep it: only the same work again must add nothing.
    await leak(context, options, true, checks);
    used.push(await usedMemory(context));
    usedMiB[dtype] = used;
    const [, before = null, after = null] = used;
    const name = `${dtype}: the GPU's memory is back after each device`;
    if (before === null || after === null) checks.skip(name, "no nvidia-smi asks it here");
    else checks.that(name, after - before <= 16, `MiB used after each: ${used.join(", ")}`);
  }
  return { ...found, usedMiB, outOfMemory: await outOfMemory(context, checks) };
}
