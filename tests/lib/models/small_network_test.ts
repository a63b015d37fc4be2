/** Two small networks trained as PyTorch trains them: first step and ten losses. */
import { assertEquals } from "@std/assert";
import { crossEntropy, Device, scope } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { batchOf, networkOf, readTraining, train } from "../../support/small_network.ts";

const NETWORKS = ["a", "b"] as const;

/** In f64 only the order of sums differs; in f32 the errors of some twenty layers add up. */
const FIRST_STEP = { f64: { atol: 1e-9, rtol: 1e-9 }, f32: { atol: 2e-5, rtol: 2e-5 } };

for (const network of NETWORKS) {
  for (const dtype of ["f64", "f32"] as const) {
    Deno.test(`small network ${network}: logits and every gradient of the first step in ${dtype}`, async () => {
      const stored = await readTraining(network);
      for (const set of dtype === "f64" ? instructionSets().slice(0, 1) : instructionSets()) {
        using device = cpuWith(set, { threads: 2 });
        using model = networkOf(stored, dtype, device);
        const { images, labels } = batchOf(stored, 0, dtype, device);
        using logits = scope(() => {
          const logits = model.forward(images);
          const { labelSmoothing } = stored.settings;
          crossEntropy(logits, labels, { labelSmoothing }).backward();
          return logits;
        });
        const numbers = (name: string): Float64Array => stored.tensor(name).data as Float64Array;
        assertClose(await logits.data(), numbers("logits"), FIRST_STEP[dtype], `${set}: logits`);
        const parameters = model.namedParameters();
        assertEquals([...parameters.keys()].sort(), stored.names("grads.").sort());
        for (const [name, parameter] of parameters) {
          assertClose(await parameter.grad!.data(), numbers(`grads.${name}`), FIRST_STEP[dtype], `${set}: ${name}`);
        }
        images.dispose();
        labels.dispose();
      }
    });
  }

  for (const captured of [false, true]) {
    const how = captured ? "captured" : "eager";
    Deno.test(`small network ${network}: ten losses in f32, ${how}, no further from f64 than 3 times PyTorch`, async () => {
      const stored = await readTraining(network);
      for (const set of instructionSets()) {
        using device = cpuWith(set, { threads: 2 });
        using model = networkOf(stored, "f32", device);
        const losses = await train(stored, model, { dtype: "f32", device, captured });
        assertNoFurther(losses, stored.tensor("losses.f64").data, stored.tensor("losses.f32").data, set);
      }
    });
  }
}

for (const [network, captured] of [["a", false], ["a", true], ["b", false]] as const) {
  // Captured steps are the eager ones bit for bit, so one network is enough on the slow reference kernels.
  Deno.test(`small network ${network}: ten losses in f64, ${captured ? "captured" : "eager"}, as PyTorch's`, async () => {
    const stored = await readTraining(network);
    using device = new Device("cpu", { threads: 2 });
    using model = networkOf(stored, "f64", device);
    const losses = await train(stored, model, { dtype: "f64", device, captured });
    const tolerance = { atol: 1e-9, rtol: 1e-9 };
    assertClose(losses, stored.tensor("losses.f64").data as Float64Array, tolerance, "losses");
    for (const [name, tensor] of model.state()) {
      const expected = stored.tensor(`final.${name}`).data as Float64Array;
      // RAdam divides by the root of a small average of squares, which enlarges the differences of ten steps.
      assertClose(await tensor.data(), expected, { atol: 1e-7, rtol: 1e-7 }, `final ${name}`);
    }
  });
}

/** Our distance to the f64 losses against PyTorch's own in f32, which may be 0: at least a step of float32 counts. */
function assertNoFurther(losses: number[], f64: ArrayLike<unknown>, f32: ArrayLike<unknown>, what: string): void {
  const rows = losses.map((loss, step) => {
    const exact = f64[step] as number;
    const theirs = Math.max(Math.abs((f32[step] as number) - exact), 2 ** (Math.floor(Math.log2(exact)) - 23));
    return { step, ours: Math.abs(loss - exact), theirs };
  });
  const table = rows.map(({ step, ours, theirs }) =>
    `step ${step}: ours ${ours.toExponential(2)}, PyTorch's ${theirs.toExponential(2)}, ratio ${
      (ours / theirs).toFixed(2)
    }`
  );
  if (rows.some(({ ours, theirs }) => !(ours <= 3 * theirs))) throw new Error(`${what}:\n${table.join("\n")}`);
}
