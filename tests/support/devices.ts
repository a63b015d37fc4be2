/** The devices that tests run on. */
import type { FloatName } from "../../lib/ffi/codes.ts";
import { Device, type DeviceOptions } from "../../lib/tensor/device.ts";
import { deviceInfoText } from "../../lib/ffi/native.ts";

/** Instruction sets of this processor, least capable first. */
export function instructionSets(): string[] {
  const info: { cpu: { available: string[] } } = JSON.parse(deviceInfoText());
  return info.cpu.available;
}

/** A CPU device on a given instruction set. */
export function cpuWith(instructionSet: string, options: DeviceOptions = {}): Device {
  const before = Deno.env.get("LIBTRAIN_ISA");
  Deno.env.set("LIBTRAIN_ISA", instructionSet);
  try {
    return new Device("cpu", options);
  } finally {
    if (before === undefined) Deno.env.delete("LIBTRAIN_ISA");
    else Deno.env.set("LIBTRAIN_ISA", before);
  }
}

/** A kind of device that a test body runs on. */
export interface DeviceUnderTest {
  /** For test names: "cpu", "cuda". */
  readonly name: string;
  /** For messages: "cpu avx2". */
  readonly variant: string;
  readonly dtypes: readonly FloatName[];
  open(): Device;
}

/**
 * Every device that this machine has, the CPU once for each instruction set; f64 runs the same reference on all. With pairs
 * of bf16 f32 is that of AVX-512, which is not run twice.
 */
export function devicesUnderTest(): DeviceUnderTest[] {
  const all = instructionSets();
  const sets = all.filter((set) => set !== "avx512" || !all.includes("avx512bf16"));
  const found: DeviceUnderTest[] = sets.map((set, index) => ({
    name: "cpu",
    variant: `cpu ${set}`,
    dtypes: index === 0 ? ["f32", "f64", "bf16"] : ["f32", "bf16"],
    open: () => cpuWith(set, { threads: 2 }),
  }));
  if (cudaMissing() === undefined) {
    found.push({ name: "cuda", variant: "cuda", dtypes: ["f32", "bf16"], open: () => new Device("cuda") });
  }
  return found;
}

/** Why CUDA cannot be opened here; undefined where it can. */
export function cudaMissing(): string | undefined {
  try {
    new Device("cuda").dispose();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
