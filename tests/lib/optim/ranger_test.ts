/** Ranger against fastai's over 20 steps, with and without gradient centralisation. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type Device, optim } from "../../../mod.ts";
import { readSafetensors } from "../../../lib/checkpoint/safetensors.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { PlainModel } from "../../support/plain_model.ts";
import { distance, float32Step } from "../../support/stored_steps.ts";

interface Settings {
  names: string[];
  withoutDecay: string[];
  steps: number;
  mom: number;
  sqrMom: number;
  eps: number;
  weightDecay: number;
  k: number;
  alpha: number;
}

const path = fromFileUrl(new URL("../../fixtures/training/ranger_20_steps.safetensors", import.meta.url));
const { tensors, metadata } = await readSafetensors(path);
const settings: Settings = JSON.parse(metadata["settings"]!);

function stored(name: string): { data: Float64Array | Float32Array; shape: readonly number[] } {
  return tensors.get(name) as { data: Float64Array; shape: readonly number[] };
}

/** The values after a step, of all steps in a row. */
function atStep(name: string, step: number): Float64Array | Float32Array {
  const { data, shape: [steps = 1] } = stored(name);
  return data.subarray(step * data.length / steps, (step + 1) * data.length / steps);
}

/** The parameters after each of the stored steps. */
async function train(device: Device, dtype: "f32" | "f64", centralise: boolean): Promise<Map<string, number[]>[]> {
  const initial = settings.names.map((name) => {
    const { data, shape } = stored(`${name}.initial`);
    return [name, { values: data, shape }] as const;
  });
  using model = new PlainModel(Object.fromEntries(initial), { dtype, device });
  const { mom, sqrMom, eps, weightDecay: wd, k, alpha, withoutDecay } = settings;
  // By default parameters of one axis have no weight decay; fastai decays all but those it is told.
  const groups: optim.ParameterGroup[] = [{ match: (path) => !withoutDecay.includes(path), wd }];
  using optimizer = optim.ranger({ mom, sqrMom, eps, wd, k, alpha, centralise }).bind(model, { groups });
  const after: Map<string, number[]>[] = [];
  for (let step = 0; step < settings.steps; step++) {
    optimizer.lr = stored("lr").data[step]!;
    for (const name of settings.names) model.setGrad(name, atStep(`${name}.grads`, step));
    optimizer.step();
    const values = new Map<string, number[]>();
    for (const name of settings.names) values.set(name, await model.read(name));
    after.push(values);
  }
  assertEquals(optimizer.steps, settings.steps);
  return after;
}

for (const centralise of [false, true]) {
  const kind = centralise ? "centralised" : "f64";
  const title = centralise ? "with centralisation, as the papers read" : "as fastai's";

  Deno.test(`ranger: 20 steps in f64 ${title}`, async () => {
    using device = cpuWith("portable", { threads: 2 });
    for (const [step, values] of (await train(device, "f64", centralise)).entries()) {
      for (const [name, ours] of values) {
        const far = distance(ours, atStep(`${name}.${kind}`, step));
        if (!(far <= 1e-12)) throw new Error(`step ${step + 1}, ${name}: expected at most 1e-12 from f64, got ${far}`);
      }
    }
  });

  Deno.test(`ranger: 20 steps in f32 ${title}, no further from f64 than 3 times fastai's f32`, async () => {
    for (const set of instructionSets()) {
      using device = cpuWith(set, { threads: 2 });
      for (const [step, values] of (await train(device, "f32", centralise)).entries()) {
        for (const [name, ours] of values) {
          const exact = atStep(`${name}.${kind}`, step);
          const own = distance(atStep(`${name}.f32`, step), atStep(`${name}.f64`, step));
          const [far, allowed] = [distance(ours, exact), 3 * Math.max(own, float32Step(exact))];
          if (!(far <= allowed)) {
            throw new Error(
              `${set}, step ${step + 1}, ${name}: ${far} from f64, fastai's f32 is ${own}: at most 3 times`,
            );
          }
        }
      }
    }
  });
}

Deno.test("ranger: centralisation, rectification and Lookahead change the steps", async () => {
  const run = async (options: optim.RangerOptions): Promise<number[]> => {
    using model = new PlainModel({ w: { values: [1, 2, 3, 4, 5, 6], shape: [2, 3] } }, { dtype: "f64" });
    using optimizer = optim.ranger({ wd: 0, k: 2, ...options }).bind(model, { lr: 0.1 });
    for (let step = 0; step < 8; step++) {
      model.setGrad("w", [1, 2, 6, -1, 0.5, step]);
      optimizer.step();
    }
    return await model.read("w");
  };
  const plain = await run({});
  assertEquals(await run({ centralise: false, rectify: true, alpha: 0.5 }), plain, "the defaults");
  for (const options of [{ centralise: true }, { rectify: false }, { k: 0 }, { k: 3 }, { alpha: 0.25 }, { mom: 0.8 }]) {
    const other = await run(options);
    if (distance(other, plain) < 1e-6) throw new Error(`Expected ${JSON.stringify(options)} to change the weights`);
  }
});
