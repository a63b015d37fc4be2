/** The machine that a run is trained on, as its files have it. */
import { deviceInfo } from "../tensor/device_info.ts";

const isaNames: Readonly<Record<string, string>> = {
  avx2: "AVX2",
  avx512: "AVX-512",
  avx512bf16: "AVX-512 with BF16",
};

/** The processor, and the instruction set that kernels use on it. */
export function cpuFacts(): { model: string; isa: string } {
  const { model, isa } = deviceInfo().cpu;
  return { model, isa: isaNames[isa] ?? isa };
}
