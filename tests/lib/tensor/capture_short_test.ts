/** A step whose recording does not fit in memory, although the step does. */
import { assertEquals, assertMatch } from "@std/assert";
import { capture, Device, scope, type Tensor, tensor } from "../../../mod.ts";

const MIB = 2 ** 20;

Deno.test("capture: a recording is given up before memory is refused, and its blocks go back", async () => {
  using device = new Device("cpu", { threads: 1, memory: 8 * MIB });
  using x = tensor(new Float32Array(MIB / 2).fill(1), undefined, { device });
  // Values of 256 KiB to 2 MiB, 9 MiB together, of which one is alive at a time; no two are of a size.
  using step = capture((x: Tensor) => {
    let sum = x.narrow(0, 1).sum();
    for (let n = 1; n <= 8; n++) sum = sum.add(scope(() => x.narrow(0, n * MIB / 16).mul(2).sum()));
    return sum;
  });
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  try {
    for (let call = 0; call < 4; call++) {
      using sum = step(x);
      assertEquals(await sum.item(), 1 + 2 * 36 * MIB / 16);
    }
  } finally {
    console.warn = warn;
  }
  assertEquals(step.recordings, 0);
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /^capture\(\): This step is not recorded yet .* \(the device's option `memory`\)/);
  const { recordedSteps, results } = device.stats().memory.holders;
  assertEquals([recordedSteps, results], [0, 2 * MIB]);
});
