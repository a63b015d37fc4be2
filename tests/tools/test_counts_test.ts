import { assertEquals } from "@std/assert";
import { cargoCounts, cargoSkips, denoCounts, moveSkips, needsCuda, parseSkips } from "../../tools/test_counts.ts";

Deno.test("cargoCounts: sums the test binaries, colors or not", () => {
  const output = [
    "test a ... ok",
    "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
    "test result: \x1b[31mFAILED\x1b[0m. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
  ].join("\n");
  assertEquals(cargoCounts(output), { passed: 4, failed: 2, skipped: 1 });
  assertEquals(cargoCounts("error: could not compile"), undefined);
});

Deno.test("cargoSkips: the tests that cargo ignored, with the reason of their attribute", () => {
  const output = "test ops::a ... ok\ntest ops::b ... ignored, long, all shapes\ntest \x1b[33mc\x1b[0m ... ignored\n";
  assertEquals(cargoSkips(output), [
    { name: "ops::b", reason: "long, all shapes" },
    { name: "c", reason: "no reason given" },
  ]);
});

Deno.test("denoCounts: steps do not count, ignored tests are skipped, the last line counts", () => {
  assertEquals(denoCounts("ok | 1 passed | 0 failed (1ms)\n"), { passed: 1, failed: 0, skipped: 0 });
  const output = "ok | 9 passed | 0 failed (1ms)\n\x1b[31mFAILED\x1b[0m | 4 passed (1 step) | 1 failed (2 steps) | " +
    "2 ignored (1 step) | 5 filtered out \x1b[90m(109ms)\x1b[0m\n";
  assertEquals(denoCounts(output), { passed: 4, failed: 1, skipped: 2 });
  assertEquals(denoCounts("error: Type checking failed."), undefined);
});

Deno.test("parseSkips: one a name, with its reason", () => {
  assertEquals(parseSkips("a\tno g++\nb\na\tagain\n"), [
    { name: "a", reason: "no g++" },
    { name: "b", reason: "no reason given" },
  ]);
});

Deno.test("moveSkips: skips were counted as passed", () => {
  const skips = [{ name: "a", reason: "r" }, { name: "b", reason: "r" }];
  assertEquals(moveSkips({ passed: 5, failed: 1, skipped: 1 }, skips), { passed: 3, failed: 1, skipped: 3 });
  assertEquals(moveSkips({ passed: 1, failed: 0, skipped: 0 }, skips), { passed: 0, failed: 0, skipped: 1 });
});

Deno.test("needsCuda: a GPU or what stands in for one is missing", () => {
  for (
    const reason of [
      "CUDA was asked for, but no NVIDIA driver is installed (libcuda.so.1 not found)",
      "NVRTC is not installed",
      "the emulated driver cannot be built: g++ is not installed",
    ]
  ) assertEquals(needsCuda(reason), true, reason);
  assertEquals(needsCuda("python3 with torch is not installed"), false);
});
