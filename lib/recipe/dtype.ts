/** What a run computes in. */
import { matmul } from "../tensor/ops/matmul.ts";
import { mish } from "../tensor/ops/unary.ts";
import { randn } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { SettingError } from "./errors.ts";
import type { ComputeDtype } from "./recipe.ts";

/** What parameters, their averages and optimizer state are kept in. */
export function masterDtype(dtype: ComputeDtype): "f32" | "f64" {
  return dtype === "f64" ? "f64" : "f32";
}

/** What a trained model is used in: its run's own dtype, or the one asked for. */
export function dtypeFor(path: string, own: ComputeDtype, asked: "f32" | "bf16" | undefined): ComputeDtype {
  if (asked === undefined) return own;
  if (own !== "f64") return asked;
  throw new SettingError(
    "dtype",
    `Expected no \`dtype\` for "${path}", whose weights are f64, got ${asked}: leave it out`,
  );
}

/** How long the same work takes in both dtypes, and which one that speaks for. */
export interface DtypeChoice {
  /** What was chosen. */
  readonly dtype: "f32" | "bf16";
  /** Milliseconds. */
  readonly f32: number;
  /** Milliseconds. */
  readonly bf16: number;
}

/** Rounds at a time; the first one warms up. */
const rounds = 4;

/** Rows, channels in and out of the product: a 1x1 convolution of 32 images of 32 x 32 pixels. */
const [rows, channels] = [32 * 32 * 32, 256];

/** Milliseconds of a product and an activation, the best of some rounds. */
async function timed(device: Device, dtype: "f32" | "bf16"): Promise<number> {
  const made = scope(() => ({
    x: randn([rows, channels], { dtype, device, seed: 1 }),
    weight: randn([channels, channels], { dtype, device, seed: 2, std: 1 / Math.sqrt(channels) }),
  }));
  using x: Tensor = made.x;
  using weight: Tensor = made.weight;
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    await device.synchronize();
    const start = performance.now();
    noGrad(() => scope(() => void mish(matmul(x, weight))));
    await device.synchronize();
    if (round > 0) best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** What two times speak for: bf16, which has fewer digits, must be faster by more than what times vary by. */
export function fasterDtype(f32: number, bf16: number): "f32" | "bf16" {
  return bf16 < 0.95 * f32 ? "bf16" : "f32";
}

/** Tries a product and an activation in f32 and bf16 on a device. */
export async function chooseDtype(device: Device): Promise<DtypeChoice> {
  const f32 = await timed(device, "f32");
  const bf16 = await timed(device, "bf16");
  return { dtype: fasterDtype(f32, bf16), f32, bf16 };
}
