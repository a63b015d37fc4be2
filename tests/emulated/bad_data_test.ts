/** What kernels find wrong on the emulated GPU: the late error that the CPU gives, word for word, and nothing changed. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { LateError } from "../../lib/ffi/errors.ts";
import { apply } from "../../lib/tensor/apply.ts";
import { tensor } from "../../lib/tensor/create.ts";
import { Device } from "../../lib/tensor/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";

/** A small model's tensors for an optimizer's step: two segments used, one frozen between them. */
interface Model {
  readonly rate: number;
  readonly gradients: readonly number[][];
}

const SHAPES = [[2, 3], [2], [3]];

function step(device: Device, { rate, gradients }: Model): Tensor[] {
  const parameters = SHAPES.map((shape) => tensor(new Array(shape.reduce((a, b) => a * b)).fill(1), shape, { device }));
  const inputs = [
    tensor([rate], [], { device }),
    tensor([5, 5, 5, 5], undefined, { dtype: "i32", device }),
    tensor(new Array(11).fill(0.5), undefined, { device }),
    tensor(new Array(11).fill(0.5), undefined, { device }),
    tensor(new Array(11).fill(0.5), undefined, { device }),
    ...parameters.flatMap((parameter, index) => [parameter, tensor(gradients[index]!, SHAPES[index]!, { device })]),
  ];
  const segments = [1, 0, 0, 1, 0, 1, 1, 0, 0];
  const rule = { mom: 0.9, sqrMom: 0.99, eps: 1e-6, rectify: true, k: 6, alpha: 0.5, centralise: true };
  apply("ranger_step", inputs, { ...rule, segments });
  return inputs;
}

/** Running statistics that are updated, after `before` was enqueued. */
function running(device: Device, before?: () => void): Tensor[] {
  const of = (value: number): Tensor => tensor([value, value], undefined, { device });
  const inputs = [of(1), of(2), of(3), of(4)];
  before?.();
  apply("update_running_stats", inputs, { momentum: 0.5, count: 4 });
  return inputs;
}

const [good, bad] = [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, NaN, 6]];

/** What each does; the tensors that it must leave alone, if any. */
const FAULTS: Readonly<Record<string, (device: Device) => Tensor[]>> = {
  "a label above the classes": (device) => {
    const labels = tensor([0, 2, 7, -1], undefined, { dtype: "i32", device });
    return [
      ...apply("cross_entropy", [tensor(new Array(12).fill(0), [4, 3], { device }), labels], { labelSmoothing: 0 }),
    ]
      .slice(1);
  },
  "a label below 0, backward": (device) => {
    const labels = tensor([0, -5, 7], undefined, { dtype: "i32", device });
    const inputs = [tensor(new Array(9).fill(0), [3, 3], { device }), labels, tensor([1], [], { device })];
    return apply("cross_entropy_backward", inputs, { labelSmoothing: 0 }).slice(1);
  },
  "NaN as value 700": (device) => {
    const values = Array.from({ length: 1500 }, (_, index) => index === 700 || index === 1200 ? NaN : index);
    return apply("assert_finite", [tensor(values, undefined, { device })], {});
  },
  "infinity in bf16": (device) =>
    apply("assert_finite", [tensor([1, -Infinity], undefined, { device, dtype: "bf16" })], {}),
  "a gradient with NaN in the first segment": (device) =>
    step(device, { rate: 0.1, gradients: [bad, [1, 1], [1, 1, Infinity]] }),
  "a gradient with infinity in the last segment": (device) =>
    step(device, { rate: 0.1, gradients: [good, [NaN, 1], [1, Infinity, 1]] }),
  "a learning rate of NaN": (device) => step(device, { rate: NaN, gradients: [bad, [1, 1], [1, 1, 1]] }),
  "statistics after a fault": (device) => {
    const bad = tensor([Infinity], undefined, { device });
    return running(device, () => void apply("assert_finite", [bad], {}));
  },
};

async function valuesOf(tensors: readonly Tensor[]): Promise<number[][]> {
  const found: number[][] = [];
  for (const each of tensors) found.push(Array.from(await each.data()));
  return found;
}

/** The message, and the tensors' values once the device has recovered. */
async function fault(device: Device, run: (device: Device) => Tensor[]): Promise<[string, number[][]]> {
  const tensors = run(device);
  const error = await device.synchronize().then(() => undefined, (error: unknown) => error);
  if (!(error instanceof LateError)) throw new Error(`Expected a late error, got ${error}`);
  await device.recover();
  const values = await valuesOf(tensors);
  return [error.message, values];
}

for (const [name, run] of Object.entries(FAULTS)) {
  Deno.test(`cuda (emulated): ${name} is told as on the CPU, and changes nothing`, async () => {
    using gpu = new Device("cuda");
    using cpu = new Device("cpu", { threads: 1 });
    assertEquals(await fault(gpu, run), await fault(cpu, run));
    // The device goes on.
    const [mean] = await valuesOf(running(gpu));
    assertEquals(mean, [2, 2]);
  });
}

Deno.test("cuda (emulated): a step with finite gradients changes all but what is frozen, and counts", async () => {
  using gpu = new Device("cuda");
  const inputs = step(gpu, { rate: 0.1, gradients: [good, [NaN, NaN], [1, 2, 3]] });
  const [, steps, average, , slow, first, , frozen, , last] = await valuesOf(inputs);
  assertEquals(steps, [6, 5, 6, 6]);
  assertEquals(frozen, [1, 1]);
  assertEquals([average!.slice(6, 8), slow!.slice(6, 8)], [[0.5, 0.5], [0.5, 0.5]]);
  for (const value of [...first!, ...last!]) assertNotEquals(value, 1);
});

Deno.test("cuda (emulated): a batch that is not finite leaves the running statistics alone", async () => {
  using gpu = new Device("cuda");
  const of = (...values: number[]): Tensor => tensor(values, undefined, { device: gpu });
  for (const [mean, variance] of [[of(1, NaN), of(1, 1)], [of(1, 1), of(Infinity, 1)]] as const) {
    const inputs = [of(5, 6), of(7, 8), mean, variance];
    apply("update_running_stats", inputs, { momentum: 0.5, count: 4 });
    assertEquals((await valuesOf(inputs)).slice(0, 2), [[5, 6], [7, 8]]);
  }
});
