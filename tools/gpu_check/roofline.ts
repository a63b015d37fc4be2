/** What this device can do at most, and what each call needs: their quotient is the least time that it could take. */
import { type Device, noGrad, randn, scope, type Tensor } from "../../mod.ts";
import { type TimedCall, timedCalls, type TimedOperand } from "../../lib/tensor/profile.ts";
import { rounded } from "./part.ts";

/** The most that a copy and a large product reach here. */
export interface Peaks {
  /** 10⁹ bytes a second, read and written, of a large copy. */
  readonly gigabytesPerSecond: number;
  /** 10¹² operations a second of a large matrix product. */
  readonly teraflops: number;
}

/** Bytes of the tensor that is copied, and rows of the square matrices, by how large the device is. */
const SIZES = {
  cuda: { copied: 2 ** 30, rows: 8192 },
  cpu: { copied: 2 ** 27, rows: 1024 },
  small: { copied: 2 ** 20, rows: 64 },
} as const;

/** The fastest of some calls of an op, ms. */
async function fastest(device: Device, op: string, call: () => Tensor): Promise<number> {
  const rounds = 6;
  const calls = await timedCalls(device, () => {
    for (let i = 0; i < rounds; i++) noGrad(() => scope(call)).dispose();
  });
  const times = calls.filter((each) => each.op === op).map(({ ms }) => ms);
  if (times.length !== rounds) throw new Error(`Expected ${rounds} calls of ${op}, got ${calls.map(({ op }) => op)}`);
  return Math.min(...times.slice(1));
}

/** Measures the peaks in a dtype. */
export async function measurePeaks(device: Device, dtype: "f32" | "bf16", small: boolean): Promise<Peaks> {
  const { copied, rows } = SIZES[small ? "small" : device.kind];
  const bytes = dtype === "f32" ? 4 : 2;
  using long = randn([copied / bytes], { dtype, device, seed: 1 });
  const copying = await fastest(device, "affine", () => long.mul(1));
  using a = randn([rows, rows], { dtype, device, seed: 2, std: 1 / Math.sqrt(rows) });
  using b = randn([rows, rows], { dtype, device, seed: 3 });
  const multiplying = await fastest(device, "matmul", () => a.matmul(b));
  return {
    gigabytesPerSecond: rounded(2 * copied / copying / 1e6),
    teraflops: rounded(2 * rows ** 3 / multiplying / 1e9),
  };
}

function sizeOf(operand: TimedOperand | undefined): number {
  return operand?.[1].reduce((product, each) => product * each, 1) ?? 0;
}

/** Elements of a convolution's weight for each of its outputs. */
function taps(weight: TimedOperand | undefined): number {
  return sizeOf(weight) / (weight?.[1][0] ?? 1);
}

/** Operations of a call's products, a multiplication and an addition as two; 0 for calls that are bound by memory. */
export function operations({ op, inputs, outputs }: TimedCall): number {
  const [first, second] = inputs;
  const [output] = outputs;
  switch (op) {
    case "conv2d":
    case "conv2d_bias_act":
      return 2 * sizeOf(output) * taps(second);
    case "conv2d_backward_input":
      return 2 * sizeOf(first) * taps(second);
    case "conv2d_backward_weight":
      return 2 * sizeOf(second) * taps(output);
    case "matmul": {
      const [m = 1, n = 1] = output?.[1].slice(-2) ?? [];
      const batch = sizeOf(output) / (m * n);
      // Whichever factor is transposed: sizes are batch·m·k and batch·k·n.
      const k = Math.sqrt(sizeOf(first) * sizeOf(second) / (batch * batch * m * n));
      return 2 * sizeOf(output) * k;
    }
    default:
      return 0;
  }
}

/** Milliseconds that a call needs at the least: for its bytes, or for its products. */
export function leastTime(call: TimedCall, { gigabytesPerSecond, teraflops }: Peaks): number {
  return Math.max((call.read + call.written) / gigabytesPerSecond / 1e6, operations(call) / teraflops / 1e9);
}
