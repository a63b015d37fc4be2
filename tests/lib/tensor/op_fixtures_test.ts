/** Every op of the table against PyTorch: outputs, values written in place, gradients of every input. */
import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { skip } from "../../skip.ts";
import { assertClose } from "../../support/compare.ts";
import { cudaMissing, devicesUnderTest, type DeviceUnderTest } from "../../support/devices.ts";
import { dtypesOf, missingDtypes, type OpCase, type OpRow, opRows, readOpCases } from "../../support/op_cases.ts";
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

async function runAll(row: OpRow, cases: readonly OpCase[], { variant, dtypes, open }: DeviceUnderTest): Promise<void> {
  using device = open();
  const failures: string[] = [];
  for (const each of cases.filter((each) => missingDtypes(each).length === 0)) {
    for (const dtype of dtypesOf(each).filter((dtype) => dtypes.includes(dtype))) {
      const label = `${row.name}() on ${variant}, ${dtype}`;
      const tolerance = toleranceOf(row.name, each, dtype);
      try {
        await runCase(row, each, { device, dtype, tolerance, label });
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

Deno.test("ops in dtypes to come: as PyTorch", async () => {
  const cases = (await Promise.all(opRows.map(({ name }) => readOpCases(name)))).flat();
  const missing = new Set(cases.flatMap(missingDtypes));
  if (missing.size > 0) skip("ops in dtypes to come: as PyTorch", `the library has no ${[...missing].join(", ")} yet`);
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
