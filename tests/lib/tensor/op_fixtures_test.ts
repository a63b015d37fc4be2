/** Every op of the table against PyTorch: outputs, values written in place, gradients of every input. */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Device } from "../../../lib/tensor/device.ts";
import { skip } from "../../skip.ts";
import { assertClose } from "../../support/compare.ts";
import { cudaMissing, devicesUnderTest } from "../../support/devices.ts";
import { hasLowCase, MASTERS } from "../../support/low_precision.ts";
import { opRows, readOpCases } from "../../support/op_cases.ts";
import { disposeAll, enqueue } from "../../support/run_case.ts";
import { runFixtures, throwFailures } from "../../support/op_fixtures.ts";

const devices = devicesUnderTest();

for (const row of opRows) {
  for (const name of new Set(devices.map((device) => device.name))) {
    Deno.test(`${row.name}() on ${name}: as PyTorch`, async () => {
      const cases = await readOpCases(row.name);
      for (const device of devices) if (device.name === name) throwFailures(await runFixtures(row, cases, device));
    });
  }
}

if (!devices.some(({ name }) => name === "cuda")) {
  const name = "ops on cuda: as PyTorch";
  Deno.test(name, () => skip(name, cudaMissing() ?? "not found"));
}

Deno.test("ops in bf16: every op that takes floats has a case", async () => {
  for (const row of opRows) {
    const cases = await readOpCases(row.name);
    const floats = cases.some(({ inputs }) => inputs.some((input) => input?.dtype === "F64"));
    if (floats && !MASTERS.includes(row.name)) assert(cases.some((each) => hasLowCase(row, each)), row.name);
  }
});

Deno.test("ops in bf16: what adds up over many steps is refused", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const row of opRows.filter(({ name }) => MASTERS.includes(name))) {
    const [each] = await readOpCases(row.name);
    const inputDtypes = each!.inputs.map((input) => input?.dtype === "F64" ? "bf16" : "");
    assertThrows(
      () => disposeAll(enqueue(row, { ...each!, inputDtypes }, device, "bf16")),
      TypeError,
      "are f32 where a network computes in bf16",
      row.name,
    );
  }
  assertEquals(device.stats().handles, 0);
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
