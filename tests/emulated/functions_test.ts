/** Functions that are made of several ops on the emulated GPU: the same cases and the same body as on the CPU. */
import { Device } from "../../lib/tensor/device.ts";
import { checkFunction, functionNames } from "../support/function_fixtures.ts";
import { emulator } from "./emulator.ts";

for (const name of functionNames) {
  Deno.test(`${name}() on cuda (emulated): as PyTorch, eager and captured`, async () => {
    emulator.reset();
    await checkFunction(name, {
      name: "cuda",
      variant: "cuda (emulated)",
      dtypes: ["f32", "bf16"],
      open: () => new Device("cuda"),
    });
  });
}
