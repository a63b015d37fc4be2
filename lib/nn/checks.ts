/** What layers ask of their arguments, so that a wrong one is named where it was given. */
import { kindOf } from "../tensor/ops/checks.ts";

/** Throws where numbers are no whole numbers from 0. */
export function requireCounts(layer: string, counts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && (value as number) >= 0) continue;
    throw new TypeError(`${layer}(): Expected \`${name}\` as a whole number from 0, got ${kindOf(value)}`);
  }
}

/** Throws where something is no module. */
export function requireForward(op: string, name: string, value: unknown): void {
  if (typeof (value as { forward?: unknown } | null | undefined)?.forward === "function") return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a module with a forward, got ${kindOf(value)}`);
}
