/** Every differentiable function at its edges, on every device and in every dtype, against PyTorch. */
import { assertEquals } from "@std/assert";
import { devicesUnderTest } from "../../support/devices.ts";
import { edgeFunctions, readEdges, wrongEdges } from "../../support/edge_cases.ts";

const cases = await readEdges();

Deno.test("edges: every stored function is called, and every function is stored", () => {
  assertEquals([...cases.keys()].sort(), [...edgeFunctions].sort());
});

for (const [name, own] of cases) {
  Deno.test(`${name} at its edges: as PyTorch`, async () => {
    for (const device of devicesUnderTest()) assertEquals(await wrongEdges(own, device), []);
  });
}
