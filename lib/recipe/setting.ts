/** One setting: what its value may be, as JSON and as a text. */
import { requireFunction, requireOptions, requireText } from "../tensor/ops/checks.ts";
import { normalizeText, parseNormalize } from "./normalize.ts";

/** One leaf of a recipe. */
export interface Setting {
  /** Its place in the recipe, say `schedule.lr`. */
  readonly path: string;
  /** What a command line calls it; left out for one that has no flag. */
  readonly flag?: string;
  /**
   * A `name` is one of `choices`, of which scripts may add more, `names` are a list of some; a `text` anything; `numbers` a
   * list, as a text with commas; an `amount` a text with a whole number, or with a percentage.
   */
  readonly kind:
    | "number"
    | "integer"
    | "numbers"
    | "boolean"
    | "text"
    | "choice"
    | "name"
    | "names"
    | "amount"
    | "normalize";
  /** One sentence about it; other settings in it by their paths in backticks. */
  readonly help: string;
  /** The smallest number. */
  readonly min?: number;
  /** The largest number. */
  readonly max?: number;
  /** Numbers must be larger than this. */
  readonly above?: number;
  /** Numbers must be smaller than this. */
  readonly below?: number;
  /** What a choice or name may be, as it is now. */
  readonly choices?: () => readonly string[];
  /** What stands for the choices in a text, where they are too many to be read: families of them. */
  readonly families?: () => readonly string[];
  /** What stands for the value in a help text. */
  readonly placeholder?: string;
  /** Whether null is a value too: none, or what the data or the machine say. */
  readonly nullable?: boolean;
  /** Whether a run may go on with another value: it changes no bit. */
  readonly free?: boolean;
  /** Whether it is read when a recipe is changed, and is no part of it. */
  readonly transient?: boolean;
}

/** What a setting's value must be, in words: `a number from 0 to 1`. */
export function wantedOf(setting: Setting): string {
  requireOptions("wantedOf", setting, "wantedOf(settings()[0])");
  if (setting.choices !== undefined) requireFunction("wantedOf", "choices", setting.choices);
  const { kind, min, max, above, below, choices, families = choices } = setting;
  if (kind === "boolean") return "true or false";
  if (kind === "text") return "a text";
  if (kind === "amount") return "a whole number or a percentage, say 10 or 2%";
  if (kind === "normalize") return "imagenet, mnist, or mean and std, one number a channel, each std above 0";
  if (kind === "names") return `some of ${choices!().join(", ")}`;
  if (families !== undefined) return `one of ${families().join(", ")}`;
  const noun = kind === "integer" ? "a whole number" : kind === "numbers" ? "numbers, each" : "a number";
  const low = above !== undefined ? `above ${above}` : min;
  if (below !== undefined) return `${noun} from ${low ?? "any"} to below ${below}`;
  if (above !== undefined) return `${noun} above ${above}${max === undefined ? "" : ` to ${max}`}`;
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`;
  if (min !== undefined) return `${noun} of at least ${min}`;
  return max === undefined ? noun : `${noun} of at most ${max}`;
}

function isPercentage(value: string): boolean {
  return /^\d+(\.\d+)?%$/.test(value) && Number(value.slice(0, -1)) <= 100;
}

/** Whether a value can be a setting's. */
export function isAllowed(setting: Setting, value: unknown): boolean {
  if (value === null) return setting.nullable ?? false;
  const { kind, min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, choices } = setting;
  switch (kind) {
    case "boolean":
      return typeof value === "boolean";
    case "text":
      return typeof value === "string" && value !== "";
    case "amount":
      return typeof value === "string" && (/^\d{1,15}$/.test(value) || isPercentage(value));
    case "normalize":
      return normalizeText(value) !== undefined;
    case "choice":
    case "name":
      return typeof value === "string" && choices!().includes(value);
    case "names":
      return Array.isArray(value) && value.every((name) => choices!().includes(name)) &&
        new Set(value).size === value.length;
    case "numbers":
      return Array.isArray(value) && value.length > 0 &&
        value.every((one) => isAllowed({ ...setting, kind: "number" }, one));
    case "number":
    case "integer":
      return (kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
        (value as number) >= min && (value as number) <= max && (value as number) > above && (value as number) < below;
  }
}

/**
 * A setting's value from the text that a command line or a sweep gives for it; undefined where it is none, so that the
 * caller can say what was wanted ({@linkcode wantedOf}).
 */
export function parseSetting(setting: Setting, text: string): unknown {
  requireOptions("parseSetting", setting, "parseSetting(settings()[0], text)");
  requireText("parseSetting", "text", text);
  const { kind } = setting;
  if (kind === "normalize") return parseNormalize(text);
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  if (kind === "number" || kind === "integer") {
    const value = text.trim() === "" ? NaN : Number(text);
    return isAllowed(setting, value) ? value : undefined;
  }
  if (kind === "names") return text.trim() === "" ? [] : text.split(",").map((name) => name.trim());
  if (kind === "numbers") {
    const values = text.split(",").map((one) => one.trim() === "" ? NaN : Number(one));
    return isAllowed(setting, values) ? values : undefined;
  }
  // A name is looked up when the recipe is checked, once everything is registered.
  return kind === "name" || isAllowed(setting, text) ? text : undefined;
}
