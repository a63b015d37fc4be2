/** Memory as the library tells of it: what bounds it, and who holds it. */
import { u64In } from "./words.ts";

/** What a memory budget comes from, in the order of `Source` in `core-rs/src/budget/sources.rs`. */
const SOURCES = [
  "system",
  "LIBTRAIN_MEMORY",
  "device",
  "control group",
  "available memory",
  "address space",
  "data segment",
  "test",
] as const satisfies readonly BudgetSource[];

/**
 * What bounds the memory: `LIBTRAIN_MEMORY`, the device's option `memory` (`device`), the limit of a control group, as that of
 * a container, the machine's available memory, or a limit of the address space or data segment (`ulimit`). `system` is a
 * refusal of the system or a driver by itself.
 */
export type BudgetSource =
  | "system"
  | "LIBTRAIN_MEMORY"
  | "device"
  | "control group"
  | "available memory"
  | "address space"
  | "data segment"
  | "test";

/** In the order of `Holder` in `core-rs/src/budget/holders.rs`. */
const HOLDERS = [
  "results",
  "weights",
  "gradients",
  "optimizer",
  "dataSet",
  "recordedSteps",
  "reuse",
  "enqueued",
  "scratch",
  "reads",
  "values",
] as const satisfies readonly (keyof MemoryHolders)[];

/** Bytes by what holds them. */
export interface MemoryHolders {
  /** Results of ops that were not disposed of, what backward needs among them. */
  readonly results: number;
  /** Weights and other state of modules. */
  readonly weights: number;
  /** Gradients that no step has consumed. */
  readonly gradients: number;
  /** State of optimizers, and averages of weights. */
  readonly optimizer: number;
  /** Data sets in memory. */
  readonly dataSet: number;
  /** Arenas and arguments of captured steps. */
  readonly recordedSteps: number;
  /** Blocks that nothing uses, kept for the next tensors. */
  readonly reuse: number;
  /** Blocks that only work under way still uses, which the next tensors may have after it. */
  readonly enqueued: number;
  /** Buffers of kernels. */
  readonly scratch: number;
  /** Values on their way to JavaScript. */
  readonly reads: number;
  /** Values on their way from JavaScript. */
  readonly values: number;
}

/** Words of [budget, source, holders …], as u64. */
export const MEMORY_WORDS = 2 * (2 + HOLDERS.length);

/** The name of a source's code. */
export function sourceOf(code: number): BudgetSource {
  return SOURCES[code] ?? "system";
}

/** Bytes by holder, from a word on. */
export function holdersAt(words: Uint32Array, word: number): MemoryHolders {
  return Object.fromEntries(
    HOLDERS.map((name, place) => [name, u64In(words, word + 2 * place)]),
  ) as unknown as MemoryHolders;
}

/** What a tensor's bytes count as. */
export type TensorRole = "results" | "weights" | "gradients" | "optimizer" | "dataSet";

/** The code of a role. */
export function roleCode(role: TensorRole): number {
  return HOLDERS.indexOf(role);
}

/** Bytes of a number, or of a text with K, M, G or T for powers of 1024, say 500M; undefined for anything else. */
export function bytesIn(memory: unknown): number | undefined {
  if (typeof memory !== "string" && !Number.isSafeInteger(memory)) return undefined;
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([KMGT]?)$/i.exec(String(memory)) ?? [];
  const bytes = Math.floor(Number(number) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " "));
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Bytes in the largest binary unit of which there is one, say 1.5 GiB. */
export function sizeText(bytes: number): string {
  const power = ["KiB", "MiB", "GiB"].findLastIndex((_, index) => bytes >= 1024 ** (index + 1));
  return power < 0 ? `${bytes} bytes` : `${(bytes / 1024 ** (power + 1)).toFixed(1)} ${["KiB", "MiB", "GiB"][power]}`;
}
