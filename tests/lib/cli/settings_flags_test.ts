import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/cli/flags.ts";
import { recipe } from "../../../mod.ts";
import { changesOf, flagsFor, settingFlags } from "../../../lib/cli/settings_flags.ts";

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

Deno.test("a list of numbers is given with commas, and shown so again", () => {
  const given = { schedule: "multiStepDecay", milestones: "0.5, 0.75", gamma: 0.5 };
  const changes = changesOf(given);
  assertEquals(changes.schedule, { name: "multiStepDecay", milestones: [0.5, 0.75], gamma: 0.5 });
  const words = flagsFor(recipe.preset("mnist", changes));
  assertEquals(words, ["--schedule", "multiStepDecay", "--milestones", "0.5,0.75", "--gamma", "0.5"]);
  for (const milestones of ["", "0.5,", "0.5,x", "0.5,2"]) {
    assertThrows(
      () => changesOf({ milestones }),
      UsageError,
      `Expected --milestones to be numbers, each from 0 to 1, got "${milestones}"`,
    );
  }
});

Deno.test("muon by its name has AdamW beside it, at a share of the rate", () => {
  const changes = changesOf({ opt: "muon", "rest-lr": 0.5 });
  assertEquals(recipe.preset("mnist", changes).optimizer, {
    name: "muon",
    mom: 0.95,
    sqrMom: 0.99,
    eps: 1e-6,
    wd: 0.01,
    restLr: 0.5,
  });
});
