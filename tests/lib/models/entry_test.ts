/** The winning entry's network against fastai's: 25.6 M parameters, 64 px, both from the same computed weights. */
import { Device } from "../../../mod.ts";
import { long } from "../../long.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { checkEntry, entryValues, type StoredEntry } from "../../support/entry.ts";
import { readFixture } from "../../support/fastai.ts";

long("the entry's network: logits and every gradient in f64 as fastai's", "the whole network", async () => {
  const stored = await readFixture<StoredEntry>("entry_64px");
  using device = new Device("cpu", { threads: 2 });
  const values = await entryValues(stored.settings, { dtype: "f64", device });
  checkEntry(stored, values, { logits: 1e-9, gradients: 1e-9 });
});

const sets = instructionSets();
for (const set of sets) {
  const name = `the entry's network: logits and every gradient in f32 on ${set} as fastai's`;
  const body = async (): Promise<void> => {
    const stored = await readFixture<StoredEntry>("entry_64px");
    using device = cpuWith(set, { threads: 2 });
    const values = await entryValues(stored.settings, { dtype: "f32", device });
    checkEntry(stored, values, { logits: 2e-5, gradients: 1e-4 });
  };
  // What this processor trains with is always tested.
  if (set === sets.at(-1)) Deno.test(name, body);
  else long(name, "the whole network again", body);
}
