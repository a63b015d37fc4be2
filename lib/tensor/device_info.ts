/** What the library says of this machine. */
import { type BudgetSource, sourceOf } from "../ffi/memory.ts";
import { deviceInfoText } from "../ffi/native.ts";

/** A GPU that the driver knows. */
export interface GpuInfo {
  /** Its product name. */
  name: string;
  /** Compute capability, such as 9.0. */
  capability: string;
  /** Bytes. */
  memory: number;
}

/** This machine's processor and, where there is one, its CUDA. */
export interface DeviceInfo {
  /** The processor. */
  cpu: {
    /** Its product name. */
    model: string;
    /** The instruction sets that kernels can use, least capable first. */
    available: string[];
    /** The one that they use: the fastest as measured when it was first asked for, or what `LIBTRAIN_ISA` says. */
    isa: string;
    /** What each multiplies and adds on one core, in 10⁹ operations a second: bf16 for avx512bf16, else f32. */
    rates: Record<string, number>;
    /** Instruction-set extensions that matter here. */
    features: string[];
    /** Cores that this process may use. */
    cores: number;
  };
  /** What the library may hold of the machine's memory. */
  memory: {
    /** Bytes, as the system says now. */
    budget: number;
    /** What the budget comes from. */
    source: BudgetSource;
    /** Bytes that are held by now. */
    held: number;
  };
  /** This process. */
  process: {
    /** Resident memory now, in bytes; 0 where the system does not tell. */
    memory: number;
    /** The most resident memory it ever had, in bytes; 0 where the system does not tell. */
    peakMemory: number;
    /** Threads, Deno's own among them; 0 where the system does not tell. */
    threads: number;
  };
  /** CUDA, with the reason where it is not available. */
  cuda: {
    available: boolean;
    reason: string | null;
    driver: string | null;
    gpus: GpuInfo[];
    cudnn: string | null;
    cublaslt: string | null;
    nvrtc: string | null;
  };
}

/** Looks at this machine; opens no device. */
export function deviceInfo(): DeviceInfo {
  const info = JSON.parse(deviceInfoText());
  return { ...info, memory: { ...info.memory, source: sourceOf(info.memory.source) } };
}
