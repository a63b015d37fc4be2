/** New tensors. */
import { DTYPE_BYTES, type DtypeName } from "../ffi/codes.ts";
import { StateError, withArrays } from "../ffi/errors.ts";
import { createTensor } from "../ffi/native.ts";
import { applyOne } from "./apply.ts";
import { defaultDevice, type Device } from "./device.ts";
import { madeBy } from "./forgotten.ts";
import { kindOf, requireDevice, requireNumbers, requireOptionsOf } from "./ops/checks.ts";
import type { Sync } from "./scope.ts";
import { capturing, noteDevice } from "./recording.ts";
import { Tensor } from "./tensor.ts";
import { ARRAYS, bytesOf, type TensorData } from "./typed_arrays.ts";

/** How to make a tensor. */
export interface TensorOptions {
  /** By default f32, or what a typed array holds; bf16 is rounded from f32. */
  dtype?: DtypeName;
  /** By default the default device. */
  device?: Device;
}

/** How to draw random numbers. */
export interface RandomOptions extends TensorOptions {
  /** The same seed and stream give the same numbers; by default the next of the process. */
  seed?: number;
  /** A second number that separates draws under one seed. */
  stream?: number;
}

/** Numbers in nested arrays. */
export type Nested = number | readonly Nested[];

/**
 * A tensor from numbers, nested arrays or a typed array, whose values are copied.
 *
 * @example
 * ```ts
 * import { tensor } from "@libtrain/libtrain";
 *
 * using matrix = tensor([[1, 2, 3], [4, 5, 6]]);
 * using labels = tensor([3, 1], { dtype: "i32" });
 * using image = tensor(new Uint8Array(28 * 28), [28, 28, 1]);
 * ```
 */
export function tensor(data: Nested | TensorData, options?: TensorOptions): Tensor;
/** A tensor of a shape, which a typed array or a flat one does not have by itself. */
export function tensor(data: Nested | TensorData, shape?: readonly number[], options?: TensorOptions): Tensor;
export function tensor(
  data: Nested | TensorData,
  shapeOrOptions?: readonly number[] | TensorOptions,
  last: TensorOptions = {},
): Tensor {
  const shape = isShape(shapeOrOptions) ? shapeOrOptions : undefined;
  const options = shape === undefined ? shapeOrOptions as TensorOptions | undefined ?? last : last;
  requireMade("tensor", options, 'tensor(data, shape, { dtype: "i32" })');
  const { values, implied, dtype } = flatten(data, options.dtype);
  const sizes = shape ?? implied;
  checkShape("tensor", sizes);
  const wanted = sizes.reduce((product, size) => product * size, 1);
  if (values.length !== wanted) {
    throw new TypeError(`tensor(): Expected ${wanted} values for shape [${sizes.join(", ")}], got ${values.length}`);
  }
  requireDevice("tensor", options.device);
  const device = options.device ?? defaultDevice();
  noteDevice("tensor", device);
  const raw = createTensor(device.handle, dtype, sizes, bytesOf(values, dtype));
  madeBy("tensor");
  return new Tensor(device, raw);
}

/** A shape, where it is not options: for the compiler a readonly array is no array. */
function isShape(value: readonly number[] | TensorOptions | undefined): value is readonly number[] {
  if (Array.isArray(value)) return true;
  if (value === undefined || typeof value === "object" && value !== null) return false;
  throw new TypeError(`tensor(): Expected \`shape\` as an array of sizes, or options, got ${kindOf(value)}`);
}

function flatten(
  data: Nested | TensorData,
  wanted?: DtypeName,
): { values: TensorData; implied: number[]; dtype: DtypeName } {
  if (wanted !== undefined && !(typeof wanted === "string" && Object.hasOwn(ARRAYS, wanted))) {
    throw new RangeError(
      `tensor(): Expected \`dtype\` as one of ${Object.keys(ARRAYS).join(", ")}, got ${kindOf(wanted)}`,
    );
  }
  if (ArrayBuffer.isView(data)) {
    const own = dtypeOfArray(data);
    // There is no typed array of bf16: its values are given in f32, and rounded.
    if (wanted === "bf16" && own === "f32") return { values: data, implied: [data.length], dtype: wanted };
    if (wanted !== undefined && wanted !== own) {
      throw new TypeError(
        `tensor(): Expected a typed array of dtype ${wanted}, got ${data.constructor.name}: to() converts`,
      );
    }
    return { values: data, implied: [data.length], dtype: own };
  }
  const dtype = wanted ?? "f32";
  const numbers: number[] = [];
  const implied = withArrays("tensor", 8 * numbers.length, () => nestedShape(data, numbers));
  if (dtype === "i32" || dtype === "u8") checkIntegers(numbers, dtype);
  const values = withArrays("tensor", DTYPE_BYTES[dtype] * numbers.length, () => ARRAYS[dtype].from(numbers));
  return { values, implied, dtype };
}

/** A typed array would wrap or cut such numbers silently. */
function checkIntegers(numbers: readonly number[], dtype: "i32" | "u8"): void {
  const [low, high] = dtype === "u8" ? [0, 255] : [-(2 ** 31), 2 ** 31 - 1];
  const bad = numbers.find((number) => !Number.isInteger(number) || number < low || number > high);
  if (bad !== undefined) {
    throw new RangeError(`tensor(): Expected whole numbers from ${low} to ${high} for ${dtype}, got ${bad}`);
  }
}

function dtypeOfArray(data: TensorData): DtypeName {
  for (const [dtype, type] of Object.entries(ARRAYS)) if (data instanceof type) return dtype as DtypeName;
  throw new TypeError(
    `tensor(): Expected a Float32Array, Float64Array, Int32Array or Uint8Array, got ${
      Object.prototype.toString.call(data)
    }`,
  );
}

/** Collects the numbers and returns the shape; every row must be as long as the first. */
function nestedShape(data: Nested, numbers: number[]): number[] {
  if (typeof data === "number") {
    numbers.push(data);
    return [];
  }
  if (!Array.isArray(data)) throw new TypeError(`tensor(): Expected numbers in nested arrays, got ${typeof data}`);
  const shapes = data.map((element: Nested) => nestedShape(element, numbers));
  const ragged = shapes.find((shape) => String(shape) !== String(shapes[0]));
  if (ragged) {
    throw new TypeError(
      `tensor(): Expected rows of one shape, got [${shapes[0]!.join(", ")}] and [${ragged.join(", ")}]`,
    );
  }
  return [data.length, ...(shapes[0] ?? [])];
}

/** Sizes must be whole numbers that fit the ABI, where a larger one would wrap silently. */
export function checkShape(op: string, shape: readonly number[]): void {
  requireNumbers(op, "shape", shape, `${op}([…])`);
  const bad = shape.find((size) => !Number.isInteger(size) || size < 0 || size > 2 ** 32 - 1);
  if (bad !== undefined) {
    throw new RangeError(`${op}(): Expected sizes as whole numbers from 0, got ${bad} in [${shape.join(", ")}]`);
  }
}

/** Throws where options of a new tensor are none, or have others than its own; another tensor's dtype and device count. */
function requireMade(op: string, options: object, example: string, own: readonly string[] = []): void {
  if (options instanceof Tensor) return;
  requireOptionsOf(op, options, { example, known: [...own, "dtype", "device"], names: elsewhere });
  requireDevice(op, (options as TensorOptions).device);
}

/** Other libraries' names for what has another one here, or none. */
const elsewhere: Readonly<Record<string, string>> = {
  shape: "the shape is an argument before the options",
  requires_grad: "write .requireGrad() behind it",
  requiresGrad: "write .requireGrad() behind it",
  generator: "draws follow from seed and stream here",
  stddev: "it is called std here",
  minval: "it is called low here",
  maxval: "it is called high here",
};

/** A tensor filled with one value. */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  requireNumbers("full", "shape", shape, "full([…], value)");
  requireMade("full", options, 'full(shape, value, { dtype: "f64" })');
  return applyOne("full", [], { dtype: options.dtype ?? "f32", value, shape }, options);
}

/** A tensor of zeros. */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  requireNumbers("zeros", "shape", shape, "zeros([…])");
  requireMade("zeros", options, 'zeros(shape, { dtype: "f64" })');
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  requireNumbers("ones", "shape", shape, "ones([…])");
  requireMade("ones", options, 'ones(shape, { dtype: "f64" })');
  return full(shape, 1, options);
}

/** How to count. */
export interface ArangeOptions extends TensorOptions {
  /** What lies between two numbers; by default 1, may be negative. */
  step?: number;
}

/**
 * Whole numbers from 0 to below `end`, as PyTorch's `arange`: i32 unless another dtype is given.
 *
 * @example
 * ```ts
 * import { arange } from "@libtrain/libtrain";
 *
 * using positions = arange(4);
 * using tenths = arange(0, 1, { step: 0.1 });
 * console.log(await positions.data(), tenths.shape, tenths.dtype); // Int32Array [0, 1, 2, 3] [10] f32
 * ```
 */
export function arange(end: number, options?: ArangeOptions): Tensor;
/**
 * Numbers from `start` in steps to before `end`: ⌈(end - start) / step⌉ of them. i32 where all three are whole, else f32,
 * unless a dtype is given.
 */
export function arange(start: number, end: number, options?: ArangeOptions): Tensor;
export function arange(first: number, second?: number | ArangeOptions, last?: ArangeOptions): Tensor {
  const [start, end] = typeof second === "number" ? [first, second] : [0, first];
  const options = (typeof second === "number" ? last : second) ?? {};
  requireMade("arange", options, "arange(0, 10, { step: 2 })", ["step"]);
  const { step = 1 } = options;
  for (const [name, value] of Object.entries({ start, end, step })) {
    if (!Number.isFinite(value)) {
      throw new TypeError(`arange(): Expected \`${name}\` as a finite number, got ${kindOf(value)}`);
    }
  }
  const count = Math.ceil((end - start) / step);
  if (step === 0 || count < 0) {
    throw new RangeError(`arange(): Expected a \`step\` that leads from ${start} to ${end}, got ${step}`);
  }
  const dtype = options.dtype ?? ([start, end, step].every(Number.isInteger) ? "i32" : "f32");
  return applyOne("arange", [], { dtype, start, step, count }, options);
}

/** What draws without a seed of their own follow from, and how many there were. */
let unseeded = { seed: 0, draws: 0 };

/** Runs a synchronous function whose draws without a seed of their own follow from this one. */
export function withSeed<Result>(seed: number, fn: () => Sync<Result>): Result {
  const before = unseeded;
  unseeded = { seed, draws: 0 };
  try {
    return fn() as Result;
  } finally {
    unseeded = before;
  }
}

/** Seed and stream of draws; without a seed, those of a process differ from each other and repeat from run to run. */
export function randomKey(options: Pick<RandomOptions, "seed" | "stream">): { seed: number; stream: number } {
  const { seed = unseeded.seed, stream } = options;
  return { seed, stream: stream ?? (options.seed === undefined ? ++unseeded.draws : 0) };
}

/** Key of what `rand()` and `randn()` draw; throws in a recording, where each replay would draw the same. */
function keyOf(name: "rand" | "randn", options: RandomOptions): { seed: number; stream: number } {
  if (capturing()) {
    noteDevice(name, options.device ?? defaultDevice());
    throw new StateError(
      `${name}(): Cannot draw random numbers inside capture(), as every replay would draw the same ones: draw them by ` +
        `${name}() of an nn.RandomCounter, which counts on the device, or pass them to the step as an argument`,
    );
  }
  return randomKey(options);
}

/** Normal numbers, by default of mean 0 and standard deviation 1. */
export function randn(shape: readonly number[], options: RandomOptions & { mean?: number; std?: number } = {}): Tensor {
  requireNumbers("randn", "shape", shape, "randn([…])");
  requireMade("randn", options, "randn(shape, { seed: 0 })", ["seed", "stream", "mean", "std"]);
  const { dtype = "f32", mean = 0, std = 1 } = options;
  return applyOne("normal", [], { dtype, ...keyOf("randn", options), mean, std, shape }, options);
}

/** Uniform numbers in low..high, by default 0..1. */
export function rand(shape: readonly number[], options: RandomOptions & { low?: number; high?: number } = {}): Tensor {
  requireNumbers("rand", "shape", shape, "rand([…])");
  requireMade("rand", options, "rand(shape, { seed: 0 })", ["seed", "stream", "low", "high"]);
  const { dtype = "f32", low = 0, high = 1 } = options;
  return applyOne("uniform", [], { dtype, ...keyOf("rand", options), low, high, shape }, options);
}
