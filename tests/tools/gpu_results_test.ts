/** Only what was measured on a GPU, by committed code, is kept as a result of one. */
import { assertEquals } from "@std/assert";
import { type CommittedResult, refusalOf } from "../../tools/gpu_check/result.ts";

const real: CommittedResult = {
  part: "step",
  kind: "cuda",
  small: false,
  machine: { emulated: false, commit: "0123", dirty: false },
};

Deno.test("gpu results: what is emulated, small, of the CPU or of changed code is refused", () => {
  assertEquals(refusalOf(real), undefined);
  const rows: [CommittedResult, string][] = [
    [{ ...real, machine: { ...real.machine, emulated: true } }, "step was made on the emulated driver"],
    [{ ...real, machine: undefined }, "step was made on the emulated driver"],
    [{ ...real, kind: "cpu" }, "step was made on the CPU"],
    [{ ...real, small: true }, "step is a rehearsal at small sizes"],
    [{ ...real, machine: { ...real.machine, commit: null } }, "step names no commit"],
    [{ ...real, machine: { ...real.machine, dirty: true } }, "step was made by code that was changed since its commit"],
  ];
  for (const [result, reason] of rows) assertEquals(refusalOf(result), reason);
});

Deno.test("gpu results: every committed one is a result", () => {
  const folder = new URL("../../benchmarks/results/gpu/", import.meta.url);
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".json")) continue;
    const result: CommittedResult = JSON.parse(Deno.readTextFileSync(new URL(name, folder)));
    assertEquals([name, refusalOf(result)], [name, undefined]);
  }
});
