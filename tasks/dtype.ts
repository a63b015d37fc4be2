/** What a run computes in. */
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { type Device, matmul, mish, noGrad, randn, scope, type Tensor } from "../mod.ts";

/** A dtype that networks compute in. */
export type RunDtype = "f32" | "bf16" | "f64";

/** What `--dtype` of a training takes. */
export const dtypeChoices = ["f32", "bf16", "f64", "auto"] as const;

/** `--dtype` where a trained model is used. */
export const usedDtype = {
  kind: "choice",
  choices: ["f32", "bf16"],
  help: "Numbers to compute in, as in training unless given",
} as const satisfies Flags[string];

/** What parameters, their averages and optimizer state are kept in. */
export function masterDtype(dtype: RunDtype): "f32" | "f64" {
  return dtype === "f64" ? "f64" : "f32";
}

/** What a trained model is used in: its run's own dtype, or the one asked for. */
export function dtypeFor(path: string, own: RunDtype, asked: "f32" | "bf16" | undefined): RunDtype {
  if (asked === undefined) return own;
  if (own !== "f64") return asked;
  throw new UsageError(`Expected no --dtype for "${path}", whose weights are f64, got ${asked}: leave it out`);
}

/** How long the same work takes in both dtypes, and which one that speaks for. */
export interface DtypeProbe {
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
export function chosenDtype(f32: number, bf16: number): "f32" | "bf16" {
  return bf16 < 0.95 * f32 ? "bf16" : "f32";
}

/** Tries a product and an activation in f32 and bf16 on a device. */
export async function probeDtype(device: Device): Promise<DtypeProbe> {
  const f32 = await timed(device, "f32");
  const bf16 = await timed(device, "bf16");
  return { dtype: chosenDtype(f32, bf16), f32, bf16 };
}

/** One line that says what was tried and chosen. */
export function probeLine({ dtype, f32, bf16 }: DtypeProbe): string {
  return `--dtype auto takes ${dtype}: the same work takes ${f32.toFixed(2)} ms in f32, ${bf16.toFixed(2)} ms in bf16`;
}
