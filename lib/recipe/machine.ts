/** The machine that a run is trained on, as its files have it. */
import { deviceInfo } from "../tensor/device_info.ts";

const isaNames: Readonly<Record<string, string>> = { avx2: "AVX2", avx512: "AVX-512" };

/** An environment variable; empty where it is not set, or may not be read: asking would prompt on a terminal. */
function variable(name: string): string {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) ?? "" : "";
}

/** The processor, and the instruction set that kernels use on it. */
export function cpuFacts(): { model: string; isa: string } {
  const { cpu } = deviceInfo();
  const forced = variable("LIBTRAIN_ISA");
  const isa = forced === "" ? cpu.available.at(-1) ?? "portable" : forced;
  return { model: cpu.model, isa: isaNames[isa] ?? isa };
}
