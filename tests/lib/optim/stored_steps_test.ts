/** Muon, with AdamW beside it, and RMSprop against PyTorch over 20 steps. */
import { assert } from "@std/assert";
import { type Device, optim } from "../../../mod.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { distance, float32Step, StoredSteps } from "../../support/stored_steps.ts";

/** A file's case, and the optimizer of it. */
interface Case {
  stored: StoredSteps;
  name: string;
  optimizer: optim.Optimizer;
}

const muon = await StoredSteps.read("muon_20_steps");
const rmsprop = await StoredSteps.read("rmsprop_20_steps");
const { muon: muonCases, rest } = muon.settings as {
  muon: Record<string, optim.MuonOptions>;
  rest: { mom: number; sqrMom: number; eps: number; lrScale: number };
};
const { lrScale, ...adamw } = rest;

const cases: Case[] = [
  ...Object.entries(muonCases).map(([name, options]): Case => ({
    stored: muon,
    name,
    optimizer: optim.together(optim.muon(options), { optimizer: optim.adamw(adamw), lrScale }),
  })),
  ...Object.entries(rmsprop.settings as Record<string, optim.RmspropOptions>).map(([name, options]): Case => ({
    stored: rmsprop,
    name,
    optimizer: optim.rmsprop(options),
  })),
];

/** Trains on the stored gradients, and compares each parameter after each step. */
async function compare(
  { stored, optimizer }: Case,
  { dtype, device }: { dtype: "f32" | "f64"; device: Device },
  check: (name: string, step: number, ours: readonly number[]) => void,
): Promise<void> {
  using model = stored.model({ dtype, device });
  using bound = optimizer.bind(model);
  for (const [step, values] of (await stored.train(model, bound)).entries()) {
    for (const [name, ours] of values) check(name, step, ours);
  }
}

for (const entry of cases) {
  const { stored, name, optimizer: { config } } = entry;
  const title = `${config.name === "together" ? "muon" : config.name}: 20 steps as PyTorch's, ${name}`;

  Deno.test(`${title}, in f64`, async () => {
    using device = cpuWith("portable", { threads: 2 });
    await compare(entry, { dtype: "f64", device }, (parameter, step, ours) => {
      const far = distance(ours, stored.after(parameter, `${name}.f64`, step));
      // Other orders of the sums in products of up to 40 numbers, twenty steps one upon the other.
      assert(far <= 1e-12, `step ${step + 1}, ${parameter}: ${far} from PyTorch's f64`);
    });
  });

  Deno.test(`${title}, in f32 no further from f64 than 3 times PyTorch's f32`, async () => {
    for (const set of instructionSets()) {
      using device = cpuWith(set, { threads: 2 });
      await compare(entry, { dtype: "f32", device }, (parameter, step, ours) => {
        const exact = stored.after(parameter, `${name}.f64`, step);
        const own = Math.max(
          ...stored.rates.map((_, at) =>
            distance(stored.after(parameter, `${name}.f32`, at), stored.after(parameter, `${name}.f64`, at))
          ),
        );
        const far = distance(ours, exact);
        assert(
          far <= 3 * Math.max(own, float32Step(exact)),
          `${set}, step ${step + 1}, ${parameter}: ${far} from f64, PyTorch's f32 is at most ${own}`,
        );
      });
    }
  });
}
