/** Every op of the table against PyTorch: outputs, values written in place, gradients of every input. */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Device } from "../../../lib/tensor/device.ts";
import { skip } from "../../skip.ts";
import { assertClose } from "../../support/compare.ts";
import { cudaMissing, devicesUnderTest, type DeviceUnderTest } from "../../support/devices.ts";
import { hasLowCase, lowCase, MASTERS } from "../../support/low_precision.ts";
import { dtypesOf, type OpCase, type OpRow, opRows, readOpCases } from "../../support/op_cases.ts";
import { runCase } from "../../support/run_case.ts";
import { toleranceOf } from "../../support/tolerances.ts";

const devices = devicesUnderTest();

for (const row of opRows) {
  for (const name of new Set(devices.map((device) => device.name))) {
    Deno.test(`${row.name}() on ${name}: as PyTorch`, async () => {
      const cases = await readOpCases(row.name);
      for (const device of devices) if (device.name === name) await runAll(row, cases, device);
    });
  }
}

if (!devices.some(({ name }) => name === "cuda")) {
  const name = "ops on cuda: as PyTorch";
  Deno.test(name, () => skip(name, cudaMissing() ?? "not found"));
}

/** The stored cases in each dtype of the device; in bf16 against the reference kernels, which the others check. */
async function runAll(row: OpRow, cases: readonly OpCase[], { variant, dtypes, open }: DeviceUnderTest): Promise<void> {
  using device = open();
  using reference = new Device("cpu", { threads: 1 });
  const failures: string[] = [];
  for (const each of cases) {
    const inBf16 = dtypes.includes("bf16") && hasLowCase(row, each) ? ["bf16" as const] : [];
    for (const dtype of [...dtypesOf(each).filter((dtype) => dtypes.includes(dtype)), ...inBf16]) {
      const label = `${row.name}() on ${variant}, ${dtype}`;
      const tolerance = toleranceOf(row.name, each, dtype);
      try {
        const run = dtype === "bf16" ? await lowCase(row, each, reference) : each;
        await runCase(row, run, { device, dtype, tolerance, label });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        failures.push(text.startsWith(label) ? text : `${label}, case "${each.name}": ${text}`);
        if (device.queue.failed()) await device.recover();
      }
    }
  }
  if (failures.length > 0) {
    throw new Error(`${failures.length} wrong:\n${failures.slice(0, 5).join("\n")}`);
  }
  assertEquals(device.stats().handles, 0, `${row.name}(): live tensors after all cases`);
}

Deno.test("ops in bf16: every op that takes floats has a case", async () => {
  for (const row of opRows) {
    const cases = await readOpCases(row.name);
    const floats = cases.some(({ inputs }) => inputs.some((input) => input?.dtype === "F64"));
    if (floats && !MASTERS.includes(row.name)) assert(cases.some((each) => hasLowCase(row, each)), row.name);
  }
});

Deno.test("fixtures: every differentiable op has a case with gradients", async () => {
  for (const row of opRows.filter(({ differentiable }) => differentiable)) {
    const cases = await readOpCases(row.name);
    const checked = cases.filter(({ grads }) => grads.some((gradient) => gradient !== null));
    assertGreater(checked.length, 0, row.name);
  }
});

Deno.test("assertClose: names the worst element and its share of the tolerance", () => {
  const tolerance = { atol: 0, rtol: 0.1 };
  assertClose([1, NaN, -Infinity], [1.05, NaN, -Infinity], tolerance, "here");
  assertThrows(
    () => assertClose([1, 2, 4], [1, 2, 2], tolerance, "here"),
    Error,
    "here: expected 2 at index 2 of 3, got 4: difference 2, 10.00 times the tolerance",
  );
  assertThrows(() => assertClose([NaN], [0], tolerance, "here"), Error, "Infinity times");
  assertThrows(() => assertClose([1], [1, 2], tolerance, "here"), Error, "expected 2 values, got 1");
});
