/** Layers and functions that are made of ops against PyTorch's: results, and the gradients of every input. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  convTranspose2d,
  Device,
  type FloatName,
  layerNorm,
  nn,
  readSafetensors,
  scaledDotProductAttention,
  scope,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { assertClose, type Tolerance } from "../../support/compare.ts";

interface Case {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly options: Record<string, never>;
}

type Inputs = Readonly<Record<string, Tensor>>;

const { tensors, metadata } = await readSafetensors(
  fromFileUrl(new URL("../../fixtures/layers.safetensors", import.meta.url)),
);
const cases: Case[] = JSON.parse(metadata["cases"]!);

/** What this library makes of a case's inputs. */
function run({ name, options }: Case, inputs: Inputs): Tensor {
  const [x, weight, bias] = [inputs["x"]!, inputs["weight"]!, inputs["bias"]!];
  if (name.startsWith("layerNorm")) return layerNorm(x, { ...options, weight, bias });
  if (name.startsWith("convTranspose2d")) return convTranspose2d(x, weight, { ...options, bias });
  if (name.startsWith("attention")) {
    return scaledDotProductAttention(inputs["q"]!, inputs["k"]!, inputs["v"]!, { ...options, mask: inputs["mask"] });
  }
  const module = new nn.MultiHeadAttention(8, 2, { ...options, dtype: x.dtype, device: x.device });
  for (const [path, parameter] of module.namedParameters()) {
    const [layer, kind] = path.split(".") as ["query" | "key" | "value" | "out", "weight" | "bias"];
    // The case's own leaf takes the parameter's place, so that its gradient is found.
    Object.defineProperty(module[layer], kind, { value: inputs[path]! });
    parameter.dispose();
  }
  return module.forward(x);
}

const TOLERANCES: Record<FloatName, Tolerance> = {
  f64: { atol: 1e-10, rtol: 1e-10 },
  f32: { atol: 4e-5, rtol: 1e-5 },
  // Scores, shares and results are rounded, each by 2^-9, and sums of some ten terms of up to 4 cancel.
  bf16: { atol: 0.15, rtol: 0.05 },
};

/** Layers that have f32 vectors beside images in bf16. */
function dtypeOf(name: string, input: string, dtype: FloatName): FloatName {
  return dtype === "bf16" && name.startsWith("layerNorm") && input !== "x" ? "f32" : dtype;
}

for (const dtype of ["f64", "f32", "bf16"] as const) {
  Deno.test(`layers as PyTorch's: results and gradients in ${dtype}`, async () => {
    using device = new Device("cpu", { threads: 1 });
    for (const each of cases) {
      const of = (key: string, as: FloatName = dtype): Tensor => {
        const { data, shape } = tensors.get(`${each.name}.${key}`)!;
        const values = (as === "f64" ? Float64Array : Float32Array).from(data as Float64Array);
        return tensor(values, [...shape], { dtype: as, device });
      };
      const leaves = Object.fromEntries(
        each.inputs.map((key) => [key, of(key, dtypeOf(each.name, key, dtype)).requireGrad()]),
      );
      using y = scope(() => {
        const y = run(each, leaves);
        y.backward(of("upstream"));
        return y;
      });
      const { shape } = tensors.get(`${each.name}.y`)!;
      assertEquals([y.shape, y.dtype], [[...shape], dtype], each.name);
      const expected = (key: string): Float64Array => tensors.get(`${each.name}.${key}`)!.data as Float64Array;
      assertClose(await y.data(), expected("y"), TOLERANCES[dtype], `${each.name}, y`);
      for (const [key, leaf] of Object.entries(leaves)) {
        assertClose(
          await leaf.grad!.data(),
          expected(`grads.${key}`),
          TOLERANCES[dtype],
          `${each.name}, grad of ${key}`,
        );
      }
      for (const leaf of Object.values(leaves)) leaf.dispose();
    }
    assertEquals(device.stats().handles, 0);
  });
}
