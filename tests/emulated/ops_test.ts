/** Every op of the table on the emulated GPU: the same cases and the same body as on the CPU. */
import { assertEquals, assertGreater } from "@std/assert";
import { Device } from "../../lib/tensor/device.ts";
import type { DeviceUnderTest } from "../support/devices.ts";
import { opRows, readOpCases } from "../support/op_cases.ts";
import { runFixtures, throwFailures } from "../support/op_fixtures.ts";
import { emulator } from "./emulator.ts";

const cuda: DeviceUnderTest = {
  name: "cuda",
  variant: "cuda (emulated)",
  dtypes: ["f32", "bf16"],
  open: () => new Device("cuda"),
};

for (const row of opRows) {
  const name = `${row.name}() on cuda (emulated): as PyTorch`;
  Deno.test(name, async () => {
    emulator.reset();
    const failures = await runFixtures(row, await readOpCases(row.name), cuda);
    throwFailures(failures);
    assertEquals(emulator.leaked(), {}, `${row.name}(): left on the GPU`);
    if (!row.view) assertGreater(emulator.launches(), 0, `${row.name}(): nothing was launched on the GPU`);
  });
}
