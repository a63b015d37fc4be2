import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/cli/flags.ts";
import { settingFlags } from "../../../lib/cli/settings_flags.ts";

Deno.test("settingFlags: a command's own flags come last, and none hides a setting's", () => {
  const flags = settingFlags({ resume: { kind: "string", help: "Go on with a run" } }, { seed: 0 });
  assertEquals(Object.keys(flags).at(-1), "resume");
  assertEquals("lr" in flags && "bs" in flags, true);
  assertThrows(
    () => settingFlags({ lr: { kind: "number", help: "Another" } }),
    UsageError,
    "Expected the setting schedule.lr under a flag of its own, got --lr, which the command has: register it under another",
  );
});
