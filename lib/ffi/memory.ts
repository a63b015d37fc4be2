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
] as const;

/**
 * What bounds the memory: `LIBTRAIN_MEMORY`, the device's option `memory` (`device`), the limit of a control group, as that of
 * a container, the machine's available memory, or a limit of the address space or data segment (`ulimit`). `system` is a
 * refusal of the system or a driver by itself.
 */
export type BudgetSource = typeof SOURCES[number];

/** In the order of `Holder` in `core-rs/src/budget/holders.rs`. */
const HOLDERS = [
  "results",
  "weights",
  "gradients",
  "optimizer",
  "dataSet",
  "recordedSteps",
  "reuse",
  "scratch",
  "reads",
  "values",
] as const;

/**
 * Bytes by what holds them: `results` of ops that were not disposed of (what backward needs among them), `weights` and other
 * state of modules, `gradients`, the `optimizer` (averages of weights too), the `dataSet`, `recordedSteps`, blocks kept for
 * `reuse`, `scratch` of kernels, `reads` on their way to JavaScript, and `values` on their way from there.
 */
export type MemoryHolders = Readonly<Record<typeof HOLDERS[number], number>>;

/** Words of [budget, source, holders …], as u64. */
export const MEMORY_WORDS = 2 * (2 + HOLDERS.length);

/** The name of a source's code. */
export function sourceOf(code: number): BudgetSource {
  return SOURCES[code] ?? "system";
}

/** Bytes by holder, from a word on. */
export function holdersAt(words: Uint32Array, word: number): MemoryHolders {
  return Object.fromEntries(HOLDERS.map((name, place) => [name, u64In(words, word + 2 * place)])) as MemoryHolders;
}

/** What a tensor's bytes count as. */
export type TensorRole = "results" | "weights" | "gradients" | "optimizer" | "dataSet";

/** The code of a role. */
export function roleCode(role: TensorRole): number {
  return HOLDERS.indexOf(role);
}

/** Bytes of a number, or of a text with K, M, G or T for powers of 1024, say 500M; undefined for anything else. */
export function bytesIn(memory: unknown): number | undefined {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([KMGT]?)$/i.exec(String(memory)) ?? [];
  const bytes = Math.floor(Number(number) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " "));
  const known = typeof memory === "string" || Number.isSafeInteger(memory);
  return known && Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Bytes in the largest binary unit of which there is one, say 1.5 GiB. */
export function sizeText(bytes: number): string {
  const power = ["KiB", "MiB", "GiB"].findLastIndex((_, index) => bytes >= 1024 ** (index + 1));
  return power < 0 ? `${bytes} bytes` : `${(bytes / 1024 ** (power + 1)).toFixed(1)} ${["KiB", "MiB", "GiB"][power]}`;
}
