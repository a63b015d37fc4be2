/** What functions ask of their arguments before anything else, so that a wrong type is named and not stumbled over. */
import { shown } from "../../ffi/shown.ts";
import { Device } from "../device.ts";
import { Tensor } from "../tensor.ts";

/** What a value is, in a message. */
export { shown as kindOf };

/** Throws where an argument is no tensor. */
export function requireTensor(op: string, name: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a Tensor, got ${shown(value)}${batchHint(op, value)}`);
}

/** What to do where a loss was given the whole batch for its targets. */
function batchHint(op: string, value: unknown): string {
  const held = typeof value === "object" && value !== null && !Array.isArray(value)
    ? ["targets", "labels"].find((field) => Object.hasOwn(value, field))
    : undefined;
  if (held === undefined) return "";
  return ` with ${held}: a loss is given a batch, so write (output, { ${held} }) => ${op}(output, ${held})`;
}

/** Throws where an argument is no list of numbers; `example` shows how one is given. */
export function requireNumbers(op: string, name: string, value: unknown, example: string): asserts value is number[] {
  if (Array.isArray(value) && value.every((element) => typeof element === "number")) return;
  const given = typeof value === "number" ? example.replace("…", String(value)) : example.replace("…", "2, 3");
  throw new TypeError(`${op}(): Expected \`${name}\` as an array of numbers, got ${shown(value)}: write ${given}`);
}

/** Throws where an argument is no number, or one out of range; `range` says which are right, by default finite ones. */
export function requireNumber(
  op: string,
  name: string,
  value: unknown,
  range: { fits: (number: number) => boolean; wanted: string } = {
    fits: Number.isFinite,
    wanted: "as a finite number",
  },
): asserts value is number {
  if (typeof value !== "number") {
    throw new TypeError(`${op}(): Expected \`${name}\` as a number, got ${shown(value)}`);
  }
  if (!range.fits(value)) throw new RangeError(`${op}(): Expected \`${name}\` ${range.wanted}, got ${value}`);
}

/** Throws where an argument is no whole number from `low`. */
export function requireWhole(op: string, name: string, value: unknown, low = 0): asserts value is number {
  requireNumber(op, name, value, {
    fits: (number) => Number.isSafeInteger(number) && number >= low,
    wanted: `as a whole number from ${low}`,
  });
}

/** Throws where an argument is neither true nor false. */
export function requireFlag(op: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new TypeError(`${op}(): Expected \`${name}\` as true or false, got ${shown(value)}`);
}

/** Throws where an argument is none of some names. */
export function requireChoice<Name extends string>(
  op: string,
  name: string,
  value: unknown,
  choices: readonly Name[],
): asserts value is Name {
  if (typeof value === "string" && (choices as readonly string[]).includes(value)) return;
  const list = choices.length < 4
    ? `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`
    : `one of ${choices.join(", ")}`;
  const message = `${op}(): Expected \`${name}\` as ${list}, got ${shown(value)}`;
  throw typeof value === "string" ? new RangeError(message) : new TypeError(message);
}

/** Throws where an option is neither a device nor left out. */
export function requireDevice(op: string, value: unknown): asserts value is Device | undefined {
  if (value === undefined || value === null || value instanceof Device) return;
  throw new TypeError(`${op}(): Expected \`device\` as a Device, got ${shown(value)}: write new Device("cpu")`);
}

/** Throws where an argument is no text, say a path or a name. */
export function requireText(op: string, name: string, value: unknown): asserts value is string {
  if (typeof value === "string") return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a string, got ${shown(value)}`);
}

/** Throws where something is no part of a recipe, { name, ...options }. */
export function requireNamed(op: string, path: string, value: unknown): void {
  if (typeof (value as { name?: unknown } | null | undefined)?.name === "string") return;
  throw new TypeError(`${op}(): Expected \`${path}\` as { name, …options }, got ${shown(value)}`);
}

/** Throws where an option is neither an abort signal nor left out. */
export function requireSignal(op: string, value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined || value === null || value instanceof AbortSignal) return;
  throw new TypeError(`${op}(): Expected \`signal\` as an AbortSignal, got ${shown(value)}`);
}

/** Throws where an argument is no function. */
export function requireFunction(op: string, name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a function, got ${shown(value)}`);
}

/** Throws where options that must be given are none. */
export function requireOptions(op: string, value: unknown, example: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${op}(): Expected options, got ${shown(value)}: write ${example}`);
}

/** PyTorch's and NumPy's names for what has another one here. */
const elsewhere: Readonly<Record<string, string>> = {
  keepdim: "it is called keepDims here",
  keepdims: "it is called keepDims here",
  axis: "axes are the argument before the options",
  axes: "axes are the argument before the options",
  dim: "axes are the argument before the options",
  unbiased: "{ correction: 0 } divides by n, { correction: 1 } by n - 1",
  ddof: "it is called correction here",
  label_smoothing: "it is called labelSmoothing here",
  negative_slope: "it is called negativeSlope here",
  pos_weight: "it is called posWeight here",
  log_target: "it is called logTarget here",
  reduction: "losses are means",
  normalized_shape: "it is called shape here",
  num_groups: "it is called groups here",
  output_size: "it is called size here",
  output_padding: "it is called outputPadding here",
  scale_factor: "it is called scale here",
  align_corners: "corners are not aligned here",
  attn_mask: "it is called mask here",
  is_causal: "it is called causal here",
};

/**
 * Throws where options have a name that is not known, and so would have no effect; `names` tells what it may be called here.
 */
export function requireKnownOptions(
  op: string,
  options: object,
  known: readonly string[],
  names: Readonly<Record<string, string>> = elsewhere,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = Object.hasOwn(names, name)
      ? names[name]
      : near === undefined
      ? undefined
      : `it may be ${near} that is meant`;
    throw new TypeError(
      `${op}(): Expected options among ${known.join(", ")}, got \`${name}\`${hint === undefined ? "" : `: ${hint}`}`,
    );
  }
}

/** The known name that few letters tell from another one; undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  const [best] = known
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, plain(candidate)) }))
    .sort((a, b) => a.edits - b.edits);
  // A third of the letters: more would name what has nothing to do with it.
  return best !== undefined && best.edits <= Math.floor(wanted.length / 3) ? best.candidate : undefined;
}

/** Without what tells snake_case from camelCase. */
function plain(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** Letters to put in, leave out, replace, or swap with their neighbour (Levenshtein 1966, Damerau 1964). */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const edits = Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === b[j] ? 0 : 1));
      const swapped = i > 0 && j > 0 && letter === b[j - 1] && a[i - 1] === b[j];
      next.push(swapped ? Math.min(edits, before[j - 1]! + 1) : edits);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** Throws where options are no object, as `example` is, or set a name that is not among the known ones. */
export function requireOptionsOf(
  op: string,
  options: object,
  { example, known, names }: {
    example: string;
    known: readonly string[];
    names?: Readonly<Record<string, string>>;
  },
): void {
  requireOptions(op, options, example);
  requireKnownOptions(op, options, known, names);
}
