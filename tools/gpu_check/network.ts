/** The entry's whole network on the device: logits and every gradient beside PyTorch's and the CPU's, and ten losses. */
import { Device, models } from "../../mod.ts";
import { assertNoFurther } from "../../tests/support/compare.ts";
import {
  checkEntry,
  type EntrySettings,
  type EntryValues,
  entryValues,
  type StoredEntry,
} from "../../tests/support/entry.ts";
import { fill, readFixture } from "../../tests/support/fastai.ts";
import { stepLosses, type StepSettings, storedLosses } from "../../tests/support/fastai_steps.ts";
import { type Difference, largestDifference, relativeError } from "./differences.ts";
import { type Checks, openDevice, type PartContext, rounded } from "./part.ts";

/** How far f32 may be from the CPU's f32: twice what each may be from PyTorch's f64. */
const FROM_CPU = { logits: 4e-5, gradients: 2e-4 };

/** How much further from f32 than the CPU's bf16 the device's may be, each tensor by its norm. */
const BF16_FACTOR = 2;
/** Relative errors below this are rounding, whatever the CPU's was by chance. */
const BF16_FLOOR = 2 ** -6;

/** Tensors listed as the worst. */
const LISTED = 12;

/** What f32 on two devices differs by, tensor by tensor. */
function compareDevices(own: EntryValues, cpu: EntryValues, checks: Checks): unknown[] {
  const rows: ({ name: string; limit: number } & Difference)[] = [];
  for (const [name, values] of own) {
    const limit = name.startsWith("grads.") ? FROM_CPU.gradients : FROM_CPU.logits;
    rows.push({ name, limit, ...largestDifference(values, cpu.get(name)!) });
  }
  rows.sort((a, b) => b.share / b.limit - a.share / a.limit);
  const wrong = rows.filter(({ share, limit }) => !(share <= limit));
  const first = rows[0];
  checks.that(
    "f32 beside the CPU's f32: logits, loss, every gradient",
    rows.length > 3 && wrong.length === 0,
    `${rows.length} tensors, ${wrong.length} too far, the worst ${first?.name}: ${first?.share} of the largest number`,
  );
  return rows.slice(0, LISTED);
}

/** How far bf16 is from f32, on the device and on the CPU. */
function compareBf16(own: EntryValues, cpu: EntryValues, exact: EntryValues, checks: Checks): unknown[] {
  const rows = [...own].map(([name, values]) => {
    const [here, there] = [relativeError(values, exact.get(name)!), relativeError(cpu.get(name)!, exact.get(name)!)];
    return { name, device: rounded(here), cpu: rounded(there), times: rounded(here / Math.max(there, BF16_FLOOR)) };
  }).sort((a, b) => b.times - a.times);
  const wrong = rows.filter(({ times }) => !(times <= BF16_FACTOR));
  const first = rows[0];
  checks.that(
    `bf16 no further from f32 than ${BF16_FACTOR} times the CPU's bf16: every tensor's norm`,
    rows.length > 3 && wrong.length === 0,
    `${rows.length} tensors, ${wrong.length} too far, the worst ${first?.name}: ${first?.device} where the CPU has ${first?.cpu}`,
  );
  return rows.slice(0, LISTED);
}

/** Ten losses under Ranger, captured, no further from PyTorch's f64 than three times PyTorch's f32. */
async function tenLosses(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const name = context.small ? "narrow_10_steps" : "entry_10_steps";
  const stored = await readFixture<StepSettings>(name);
  using device = openDevice(context);
  using model = models.xseResnext50({ classes: 10, ...stored.settings.options, dtype: "f32", device });
  await fill(model, stored.settings.seed);
  const losses = await stepLosses(model, stored.settings, { dtype: "f32", device, captured: true });
  const peer = storedLosses(stored);
  await checks.run("ten losses no further from f64 than 3 times PyTorch", () => {
    assertNoFurther(losses, peer, 3, "ten losses");
    return losses.map((loss) => loss.toFixed(6)).join(" ");
  });
  return { network: name, libtrain: losses, pytorchF32: [...peer.f32], pytorchF64: [...peer.f64] };
}

/** The part. */
export async function network(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const entry = context.small ? undefined : await readFixture<StoredEntry>("entry_64px");
  const narrow = await readFixture<EntrySettings>("narrow_10_steps");
  const settings = entry?.settings ?? narrow.settings;
  using device = openDevice(context);
  using cpu = new Device("cpu");
  const own = await entryValues(settings, { dtype: "f32", device });
  const onCpu = await entryValues(settings, { dtype: "f32", device: cpu });
  const worst = compareDevices(own, onCpu, checks);
  if (entry !== undefined) {
    await checks.run("f32 beside PyTorch's f64: logits and every gradient as on the CPU", () => {
      checkEntry(entry, own, { logits: 2e-5, gradients: 1e-4 });
      return `${own.size} tensors`;
    });
  }
  const low = await entryValues(settings, { dtype: "bf16", device });
  const lowOnCpu = await entryValues(settings, { dtype: "bf16", device: cpu });
  const worstBf16 = compareBf16(low, lowOnCpu, onCpu, checks);
  const losses = await tenLosses(context, checks);
  const { options, n, size } = settings;
  return { options, n, size, tensors: own.size, worst, worstBf16, losses };
}
