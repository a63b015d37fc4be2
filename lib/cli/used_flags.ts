import type { Flags } from "./flags.ts";

/** Flags of commands that use a trained model: where, and in what. */
export const usedFlags = {
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to compute" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: { kind: "choice", choices: ["f32", "bf16"], help: "Numbers to compute in, as in training unless given" },
} as const satisfies Flags;
