/**
 * Functions that are made of several ops, against PyTorch: results and gradients, eager and captured, in each dtype of a
 * device. In bf16 the inputs are rounded first, and what f64 makes of the rounded ones is what comes out within a rounding.
 */
import { assertEquals } from "@std/assert";
import { nn, stack, type Tensor, tensor, zeros } from "../../mod.ts";
import { capture } from "../../lib/tensor/capture.ts";
import { Device } from "../../lib/tensor/device.ts";
import { scope } from "../../lib/tensor/scope.ts";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { roundToBf16, widenBf16 } from "../../lib/ffi/bf16.ts";
import { assertClose, type Tolerance } from "./compare.ts";
import type { DeviceUnderTest } from "./devices.ts";
import { type OpCase, type ParamValue, readFunctionCases } from "./op_cases.ts";

type Params = Readonly<Record<string, ParamValue>>;

/** How to call each function with a case's inputs and parameters. */
const FUNCTIONS: Readonly<Record<string, (inputs: readonly Tensor[], params: Params) => readonly Tensor[]>> = {
  variance: ([x], { axes, keepDims, correction }) => [
    x!.variance(axes as number[], { keepDims: keepDims as boolean, correction: correction as number }),
  ],
  stack: (parts, { axis }) => [stack(parts, axis as number)],
  split: ([x], { sizes, axis }) => x!.split(sizes as number | number[], axis as number),
  mseLoss: ([output, target]) => [nn.mseLoss(output!, target!)],
  l1Loss: ([output, target]) => [nn.l1Loss(output!, target!)],
  bceWithLogits: ([logits, target, weight], { posWeight }) => [
    nn.bceWithLogits(logits!, target!, { posWeight: weight ?? posWeight as number | undefined }),
  ],
  klDivergence: ([output, target], { logTarget }) => [
    nn.klDivergence(output!, target!, { logTarget: logTarget as boolean }),
  ],
  distillationLoss: ([student, teacher], { temperature }) => [
    nn.distillationLoss(student!, teacher!, { temperature: temperature as number }),
  ],
};

/** Their names. */
export const functionNames: readonly string[] = Object.keys(FUNCTIONS);

const TOLERANCES: Readonly<Record<FloatName, Tolerance>> = {
  f64: { atol: 1e-9, rtol: 1e-9 },
  f32: { atol: 3e-6, rtol: 3e-6 },
  // One rounding of a result, where results are bf16.
  bf16: { atol: 3e-6, rtol: 2 ** -8 + 3e-6 },
};

/** Results and gradients as numbers, undefined where a case has none. */
interface Found {
  readonly outputs: readonly ArrayLike<number>[];
  readonly gradients: readonly (ArrayLike<number> | undefined)[];
}

/** Runs all cases of a function on a device; throws at the first value that is wrong. */
export async function checkFunction(name: string, under: DeviceUnderTest): Promise<void> {
  const call = FUNCTIONS[name]!;
  using device = under.open();
  using reference = new Device("cpu", { threads: 1 });
  for (const each of await readFunctionCases(name)) {
    for (const dtype of under.dtypes) {
      const label = `${name}() on ${under.variant}, ${dtype}, case "${each.name}"`;
      const given = dtype === "bf16" ? inBf16(each) : each;
      const [got, replayed] = await run(call, given, device, dtype);
      const wanted = dtype === "bf16" ? (await run(call, given, reference, "f64"))[0] : stored(each);
      const tolerance = each.name.includes("mean 300") && dtype === "f32"
        ? { atol: 1e-4, rtol: 1e-4 } // x - mean cancels: float32 steps by 3e-5 at 300
        : TOLERANCES[dtype];
      wanted.outputs.forEach((output, i) => assertClose(got.outputs[i]!, output, tolerance, `${label}, output ${i}`));
      wanted.gradients.forEach((gradient, i) => {
        if (gradient !== undefined) assertClose(got.gradients[i]!, gradient, tolerance, `${label}, gradient ${i}`);
      });
      assertEquals(replayed, got, `${label}: captured and eager differ`);
    }
  }
  await device.synchronize();
  assertEquals([device.stats().handles, reference.stats().handles], [0, 0], `${name}(): live tensors after all cases`);
}

function stored({ outputs, grads }: OpCase): Found {
  return {
    outputs: outputs.map((output) => output!.data as ArrayLike<number>),
    gradients: grads.map((gradient) => gradient?.data as ArrayLike<number> | undefined),
  };
}

function inBf16(each: OpCase): OpCase {
  const rounded = (list: OpCase["inputs"]): OpCase["inputs"] =>
    list.map((input) =>
      input && {
        ...input,
        data: Float64Array.from(widenBf16(roundToBf16(Float32Array.from(input.data as ArrayLike<number>)))),
      } as typeof input
    );
  return { ...each, inputs: rounded(each.inputs), upstream: rounded(each.upstream) };
}

/** Results and gradients, eager and those of the third call of a captured step. */
async function run(
  call: (inputs: readonly Tensor[], params: Params) => readonly Tensor[],
  each: OpCase,
  device: Device,
  dtype: FloatName,
): Promise<[eager: Found, replayed: Found]> {
  const made = (list: OpCase["inputs"], as: FloatName): Tensor[] =>
    list.map((input) =>
      tensor(
        as === "f64" ? Float64Array.from(input!.data as ArrayLike<number>) : Float32Array.from(
          input!.data as ArrayLike<number>,
        ),
        input!.shape,
        { device, dtype: as },
      )
    );
  const inputs = made(each.inputs, dtype);
  inputs.forEach((input, index) => each.grads[index] && input.requireGrad());
  const step = (): { outputs: Tensor[]; gradients: Tensor[] } =>
    scope(() => {
      const outputs = [...call(inputs, each.params)];
      const used = each.upstream.flatMap((dy, i) => dy === null ? [] : [{ y: outputs[i]!, dy: upstreams[i]! }]);
      const [first, ...others] = used;
      if (others.length === 0) first!.y.backward(first!.dy);
      else {
        others.reduce((sum, { y, dy }) => sum.add(y.mul(dy).sum()), first!.y.mul(first!.dy).sum()).backward();
      }
      const gradients = inputs.filter(({ grad }) => grad !== null).map((input) => {
        using gradient = input.takeGrad()!;
        return gradient.clone();
      });
      return { outputs, gradients };
    });
  // The gradient of a loss has the loss's dtype, which for bf16 is f32.
  const probe = scope(() => call(inputs, each.params).map(({ dtype }) => dtype as FloatName));
  const upstreams = each.upstream.map((dy, i) => dy === null ? null : made([dy], probe[i]!)[0]!);
  try {
    const eager = await read(step(), each);
    // The device of a captured step is its first argument's.
    using there = zeros([1], { device });
    using captured = capture((_: Tensor) => step());
    await read(captured(there), each);
    await read(captured(there), each);
    return [eager, await read(captured(there), each)];
  } finally {
    for (const tensor of [...inputs, ...upstreams]) tensor?.dispose();
  }
}

async function read({ outputs, gradients }: { outputs: Tensor[]; gradients: Tensor[] }, each: OpCase): Promise<Found> {
  const values = async (tensor: Tensor): Promise<ArrayLike<number>> => {
    const data = await tensor.data();
    tensor.dispose();
    return data as ArrayLike<number>;
  };
  const found = await Promise.all(outputs.map(values));
  const lists = await Promise.all(gradients.map(values));
  return { outputs: found, gradients: each.grads.map((gradient) => gradient === null ? undefined : lists.shift()) };
}
