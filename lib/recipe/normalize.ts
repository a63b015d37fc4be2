/** Normalisation as a recipe has it: by a name, or by its numbers. */
import { imagenetStats, mnistStats, type Normalization } from "../data/normalize.ts";
import type { NormalizeRecipe } from "./recipe.ts";

const named: Readonly<Record<string, Normalization>> = { imagenet: imagenetStats, mnist: mnistStats };

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isFinite(one));
}

/** One line that stands for a normalisation; undefined where the value is none. */
export function normalizeText(value: unknown): string | undefined {
  if (typeof value === "string") return Object.hasOwn(named, value) ? value : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const { mean, std, ...rest } = value as Record<string, unknown>;
  if (!isNumbers(mean) || !isNumbers(std) || mean.length !== std.length || Object.keys(rest).length > 0) {
    return undefined;
  }
  return std.every((one) => one > 0) ? `${mean.join()}/${std.join()}` : undefined;
}

/** A normalisation from its text: a name, `none` (null), or `mean,…/std,…`; undefined where it is none. */
export function parseNormalize(text: string): NormalizeRecipe | null | undefined {
  if (text === "none") return null;
  if (Object.hasOwn(named, text)) return text as NormalizeRecipe;
  const [mean, std, more] = text.split("/").map((part) => part.split(",").map((one) => one.trim() === "" ? NaN : +one));
  const value = { mean, std };
  return more === undefined && normalizeText(value) !== undefined ? value as NormalizeRecipe : undefined;
}

/** The numbers of a recipe's normalisation; undefined for none. */
export function normalizeOf(value: NormalizeRecipe | null | undefined): Normalization | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === "string" ? named[value]! : value;
}
