/**
 * Wrong values for every argument of a public call: each is refused by an error of the library's, or is what the call takes.
 *
 * A call is given by one that is right. Every argument, every field of an object and the first element of an array is then
 * replaced in turn; what is of another kind than the right one must be refused.
 */
import { type Device, LibtrainError, scope, Tensor, tensor, zeros } from "../../../mod.ts";

/** What a row may use; made anew for each call, and freed after it. */
export interface Parts {
  readonly device: Device;
  /** A folder to write to. */
  readonly folder: string;
  /** Floats of a shape, in the order of their numbers. */
  x(...shape: number[]): Tensor;
  /** Whole numbers. */
  i32(values: number[], shape?: number[]): Tensor;
  /** Disposes of something once the call is over. */
  keep<Kept extends { dispose(): void }>(kept: Kept): Kept;
}

/** A right call: a function and its arguments. */
// deno-lint-ignore no-explicit-any
export type Call = readonly [fn: (...args: any[]) => unknown, ...args: unknown[]];

/** How a public call is checked: by right arguments, or why it takes none that can be wrong. */
export type Row = ((parts: Parts) => Call) | Checked | { readonly none: string };

/** A right call, and what else it takes. */
interface Checked {
  readonly call: (parts: Parts) => Call;
  /** Kinds of values beside those given. */
  readonly also?: readonly Kind[];
  /** Whether its objects have names of a script's own, as data have, and no options. */
  readonly open?: boolean;
  /** Whether what is of another kind may be taken, as long as no plain JavaScript error comes of it. */
  readonly loose?: boolean;
  /** Whether the right call is refused too, as what it names is nowhere. */
  readonly refused?: boolean;
}

/** A call that is refused as it is, since what it names is nowhere: what is wrong beside it is refused too. */
export function refusing(call: (parts: Parts) => Call): Row {
  return { call, loose: true, refused: true };
}

/** A call that may take what is of another kind, say as one to another place: no plain JavaScript error comes of it. */
export function loosely(call: (parts: Parts) => Call): Row {
  return { call, loose: true };
}

/** A call some of whose arguments may be of other kinds than those given. */
export function also(kinds: readonly Kind[], call: (parts: Parts) => Call): Row {
  return { call, also: kinds };
}

/** A call whose objects hold names of a script's own. */
export function open(call: (parts: Parts) => Call, also: readonly Kind[] = []): Row {
  return { call, also, open: true };
}

/** What is a value by itself, whatever fields it has: a schedule, a device. */
const wholes = new WeakSet<object>();

/** Keeps a walk from going into an object. */
export function whole<Value extends object>(value: Value): Value {
  wholes.add(value);
  return value;
}

/** A method, or a function of a module, that takes whatever it is given. */
// deno-lint-ignore no-explicit-any
export function calling(owner: object, name: string): (...given: any[]) => unknown {
  return (...given) => (owner as Record<string, (...given: unknown[]) => unknown>)[name]!(...given);
}

/** Makes a thing of a class and disposes of it. */
// deno-lint-ignore no-explicit-any
export function making(kind: abstract new (...args: any[]) => object): (...given: any[]) => void {
  return (...given) => {
    const made = Reflect.construct(kind, given);
    if ("dispose" in made) (made as { dispose(): void }).dispose();
  };
}

/** Kinds of values; what a right argument is of may also be given where another of its kind was. */
export type Kind =
  | "number"
  | "string"
  | "symbol"
  | "bigint"
  | "boolean"
  | "function"
  | "tensor"
  | "array"
  | "object";

function kindOf(value: unknown): Kind | "absent" {
  if (value === undefined || value === null) return "absent";
  if (value instanceof Tensor) return "tensor";
  if (Array.isArray(value)) return "array";
  return typeof value as Kind;
}

/** Wrong values by name; tensors are made on a device, which `dispose()` takes from it. */
function wrongValues(device: Device, folder: string): { values: ReadonlyMap<string, unknown>; dispose(): void } {
  const [disposed, other] = scope(() => [zeros([2, 3], { device }), tensor(new Uint8Array(6), [2, 3], { device })]);
  disposed!.dispose();
  const values = new Map<string, unknown>([
    ["undefined", undefined],
    ["null", null],
    ["NaN", NaN],
    ["-1", -1],
    ["1.5", 1.5],
    ["2 ** 53", 2 ** 53],
    // In a folder of the tests, as it may be the name of a file that is written.
    ['"x"', `${folder}/x`],
    ["Symbol()", Symbol("wrong")],
    ["{}", {}],
    ["a bare object", Object.create(null)],
    ["[]", []],
    ["nested arrays", [[1, [Symbol("nested")]]]],
    ["a function", () => 0],
    ["a Date", new Date(0)],
    ["1n", 1n],
    ["true", true],
    ["a disposed tensor", disposed],
    ["a tensor of u8", other],
  ]);
  return { values, dispose: () => other!.dispose() };
}

/** What V8 says of a value that the code did not expect. */
const PLAIN = new RegExp(
  [
    "Cannot (read|set|convert|mix|destructure|use 'in'|assign|add|define|delete|access)",
    "is not (iterable|a function|a constructor|defined|extensible|an object|a symbol)",
    "^Invalid (array length|time value|typed array length|count|date|code point|string length|URL|value used)",
    "^Class constructor|called on (null|undefined|incompatible)|Maximum call stack|^Reduce of empty|must be (a|an) ",
    '^Method |^Iterator|^Spread|^Symbol|^BigInt|^Object prototype|Right-hand side|^The "|^Failed to|expected typed ArrayBufferView',
  ].join("|"),
);

/** Whether an error says in the library's words what was wrong. */
export function isOwn(error: unknown): boolean {
  if (error instanceof LibtrainError) return true;
  // A file that is not there is the system's to tell.
  if (
    [
      Deno.errors.NotFound,
      Deno.errors.IsADirectory,
      Deno.errors.NotADirectory,
      Deno.errors.AlreadyExists,
    ].some((kind) => error instanceof kind)
  ) {
    return /["'][^"']+["']/.test((error as Error).message) && !/["'](undefined|null|NaN|\[object)/.test(`${error}`);
  }
  if (!(error instanceof TypeError || error instanceof RangeError)) return false;
  return /^([\w.]+(\([^)]*\))?: )?[A-Z]/.test(error.message) && !PLAIN.test(error.message);
}

/** What a walk found wrong, and how many calls it made. */
export interface Walked {
  readonly wrong: string[];
  calls: number;
}

/** Calls a row with every wrong value in every place; what it leaves alive is wrong too. */
export async function walk(
  name: string,
  row: Exclude<Row, { none: string }>,
  { device, folder }: { device: Device; folder: string },
): Promise<Walked> {
  const { call, also = [], open = false, loose = false, refused = false } = typeof row === "function"
    ? { call: row }
    : row;
  const walked: Walked = { wrong: [], calls: 0 };
  const before = device.stats().handles;
  const made = wrongValues(device, folder);
  const names = [...made.values.keys()];
  made.dispose();
  const right = await outcomeOf(call, { device, folder }, (args) => args);
  if (refused ? right.error !== undefined && !isOwn(right.error) : right.error !== undefined) {
    walked.wrong.push(`${name}: the right call fails: ${text(right.error)}`);
  }
  const leaves = (where: string): boolean => {
    const left = device.stats().handles - before;
    if (left !== 0) walked.wrong.push(`${where}: ${left} tensors left alive`);
    return left !== 0;
  };
  for (const place of right.places) {
    const taken: string[] = [];
    for (const said of names) {
      walked.calls++;
      // A call may take a tensor over, and dispose of it.
      const { values, dispose } = wrongValues(device, folder);
      const value = values.get(said);
      const { error } = await outcomeOf(call, { device, folder }, (args) => replaced(args, place.path, value));
      dispose();
      const where = `${name}, ${place.path.join(".")} as ${said}`;
      if (error !== undefined && !isOwn(error)) walked.wrong.push(`${where}: ${text(error)}`);
      const kind = kindOf(value);
      const fine = kind === "absent" || kind === place.kind || also.includes(kind) || place.kind === "absent";
      if (error === undefined && !fine) taken.push(said);
      if (leaves(where)) return walked;
    }
    const where = `${name}, ${place.path.join(".")}`;
    if (taken.length > 0 && !loose) {
      walked.wrong.push(`${where}: taken where a value of kind ${place.kind} is right: ${taken.join(", ")}`);
    }
    if (!place.plain || open || loose) continue;
    walked.calls++;
    const { error } = await outcomeOf(call, { device, folder }, (args) => replaced(args, [...place.path, "zzz"], 1));
    if (error === undefined) walked.wrong.push(`${where}: an option that there is none of, zzz, is taken`);
    else if (!isOwn(error) || !String(error).includes("zzz")) walked.wrong.push(`${where}, option zzz: ${text(error)}`);
    if (leaves(`${where}, option zzz`)) return walked;
  }
  return walked;
}

function text(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : String(error);
}

/** Where a value can be replaced. */
interface Place {
  readonly path: readonly (string | number)[];
  readonly kind: Kind | "absent";
  /** Whether it is an object with fields. */
  readonly plain: boolean;
}

/** Arguments, the fields of plain objects among them, and the first elements of arrays. */
function placesOf(args: readonly unknown[]): Place[] {
  const under = (value: unknown, path: readonly (string | number)[]): Place[] => {
    const plain = typeof value === "object" && value !== null && !wholes.has(value) &&
      Object.getPrototypeOf(value) === Object.prototype;
    const own = { path, kind: kindOf(value), plain };
    if (Array.isArray(value)) return [own, ...(value.length > 0 ? under(value[0], [...path, 0]) : [])];
    return !plain ? [own] : [own, ...Object.entries(value).flatMap(([key, field]) => under(field, [...path, key]))];
  };
  return args.flatMap((arg, index) => under(arg, [index]));
}

/** A copy of nested arrays and objects with one place replaced. */
function replaced(holder: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown[] {
  if (key === undefined) return value as unknown[];
  const copy = Array.isArray(holder) ? [...holder] : { ...holder as object };
  const fields = copy as Record<string | number, unknown>;
  fields[key] = rest.length === 0 ? value : replaced(fields[key], rest, value);
  return copy as unknown[];
}

interface Outcome {
  readonly error?: unknown;
  readonly places: readonly Place[];
}

/** Calls with changed arguments; frees what was made. */
async function outcomeOf(
  call: (parts: Parts) => Call,
  { device, folder }: { device: Device; folder: string },
  change: (args: unknown[]) => unknown[],
): Promise<Outcome> {
  const kept: { dispose(): void }[] = [];
  const parts: Parts = {
    device,
    folder,
    x: (...shape) =>
      parts.keep(tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => i / 4), shape, { device })),
    i32: (numbers, shape) => parts.keep(tensor(Int32Array.from(numbers), shape ?? [numbers.length], { device })),
    keep: (value) => (kept.push(value), value),
  };
  let places: Place[] = [];
  try {
    const [fn, ...args] = call(parts);
    places = placesOf(args);
    const changed = change(args);
    let result: unknown;
    scope(() => {
      const given = fn(...changed);
      result = given;
      // A promise is awaited outside, and what it makes belongs to it.
      return given instanceof Promise ? undefined : given as never;
    });
    release(await result, new Set(changed));
    return { places };
  } catch (error) {
    return { error, places };
  } finally {
    if (device.queue.failed()) await device.recover();
    for (const value of kept.reverse()) value.dispose();
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Disposes of a result, or of those in an array. */
function release(result: unknown, given: ReadonlySet<unknown>): void {
  if (Array.isArray(result)) { for (const each of result) release(each, given); }
  if (typeof result !== "object" || result === null || given.has(result)) return;
  if (Object.getPrototypeOf(result) === Object.prototype) {
    for (const each of Object.values(result)) release(each, given);
  }
  if ("dispose" in result && typeof result.dispose === "function") result.dispose();
}
