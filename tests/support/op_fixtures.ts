/** The one body that tests an op: its stored cases on a device, everything compared with PyTorch. */
import { assertEquals } from "@std/assert";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { Device } from "../../lib/tensor/device.ts";
import type { DeviceUnderTest } from "./devices.ts";
import { hasLowCase, lowCase } from "./low_precision.ts";
import { dtypesOf, type OpCase, type OpRow } from "./op_cases.ts";
import { type ComparedTensor, runCase } from "./run_case.ts";
import { toleranceOf } from "./tolerances.ts";

/** Told of each tensor that is compared. */
export type Compared = (dtype: FloatName, tensor: ComparedTensor) => void;

/**
 * The stored cases in each dtype of the device; in bf16 against the reference kernels, which the others check. A text for
 * each case that is wrong.
 */
export async function runFixtures(
  row: OpRow,
  cases: readonly OpCase[],
  under: DeviceUnderTest,
  compared?: Compared,
): Promise<string[]> {
  using device = under.open();
  using reference = new Device("cpu", { threads: 1 });
  const failures: string[] = [];
  for (const each of cases) {
    if (namesF64(each) && !under.dtypes.includes("f64")) continue;
    const inBf16 = under.dtypes.includes("bf16") && hasLowCase(row, each) ? ["bf16" as const] : [];
    for (const dtype of [...dtypesOf(each).filter((dtype) => under.dtypes.includes(dtype)), ...inBf16]) {
      const label = `${row.name}() on ${under.variant}, ${dtype}`;
      const tolerance = toleranceOf(row.name, each, dtype);
      try {
        const run = dtype === "bf16" ? await lowCase(row, each, reference) : each;
        await runCase(row, run, { device, dtype, tolerance, label, compared: (each) => compared?.(dtype, each) });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        failures.push(text.startsWith(label) ? text : `${label}, case "${each.name}": ${text}`);
        if (device.queue.failed()) await device.recover();
      }
    }
  }
  await device.synchronize();
  if (failures.length === 0) {
    assertEquals(device.stats().handles, 0, `${row.name}(): live tensors after all cases`);
  }
  return failures;
}

/** Whether a case is about f64, which only the CPU has. */
function namesF64({ params, inputDtypes = [] }: OpCase): boolean {
  return params["dtype"] === "f64" || inputDtypes.includes("f64");
}

/** Throws where there are failures, with the first of them. */
export function throwFailures(failures: readonly string[]): void {
  if (failures.length > 0) throw new Error(`${failures.length} wrong:\n${failures.slice(0, 5).join("\n")}`);
}
