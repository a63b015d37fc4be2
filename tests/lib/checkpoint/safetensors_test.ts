import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  readSafetensors,
  type SafeTensor,
  SafetensorsError,
  writeSafetensors,
} from "../../../lib/checkpoint/safetensors.ts";
import { tempFolder } from "../../temp_folder.ts";

interface RawFile {
  readonly header: string | Record<string, unknown>;
  readonly data?: number;
  /** What the first eight bytes say, where it is not the header's true length. */
  readonly length?: bigint;
}

function rawFile({ header, data = 0, length }: RawFile): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

async function refused(bytes: Uint8Array): Promise<string> {
  using folder = tempFolder();
  const path = join(folder.path, "bad.safetensors");
  await Deno.writeFile(path, bytes);
  const error = await assertRejects(() => readSafetensors(path), SafetensorsError);
  assertStringIncludes(error.message, path);
  return error.message;
}

const f32 = (shape: unknown, begin: unknown, end: unknown): Record<string, unknown> => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

Deno.test("safetensors: every dtype, odd shapes and metadata come back as written", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.safetensors");
  const tensors = new Map<string, SafeTensor>([
    ["u8", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) }],
    ["scalar", { dtype: "F32", shape: [], data: Float32Array.of(-0) }],
    ["empty", { dtype: "I32", shape: [0, 4], data: new Int32Array(0) }],
    ["f32", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, -2, NaN, Infinity) }],
    ["f64", { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) }],
    ["i32", { dtype: "I32", shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) }],
    ["i64", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 63n)) }],
    ["bf16", { dtype: "BF16", shape: [1, 3], data: Uint16Array.of(0x3f80, 0xc000, 1) }],
    ["__proto__", { dtype: "U8", shape: [1], data: Uint8Array.of(7) }],
  ]);
  await writeSafetensors(path, tensors, { metadata: { format: "libtrain", 'a "quoted": key': "1:2\n" } });
  const back = await readSafetensors(path);
  assertEquals(new Map([...back.tensors].sort()), new Map([...tensors].sort()));
  assertEquals(back.metadata, { format: "libtrain", 'a "quoted": key': "1:2\n" });
  assertInstanceOf(back.tensors.get("bf16")?.data, Uint16Array);
});

Deno.test("safetensors: a subarray writes its own part, and its data is aligned in the file", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.safetensors");
  const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
  await writeSafetensors(path, new Map([["x", { dtype: "F32", shape: [2], data }]]));
  const bytes = await Deno.readFile(path);
  assertEquals((bytes.length - data.byteLength) % 8, 0);
  assertEquals((await readSafetensors(path)).tensors.get("x")?.data, Float32Array.of(1, 2));
});

Deno.test("safetensors: writing replaces the file and leaves nothing else behind", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.safetensors");
  for (const value of [1, 2]) {
    await writeSafetensors(path, new Map([["x", { dtype: "U8", shape: [1], data: Uint8Array.of(value) }]]));
  }
  assertEquals((await readSafetensors(path)).tensors.get("x")?.data, Uint8Array.of(2));
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["a.safetensors"]);
});

Deno.test("safetensors: a failed write keeps the old file and says why", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "missing", "a.safetensors");
  const error = await assertRejects(() => writeSafetensors(path, new Map()), Error);
  assertStringIncludes(error.message, `Cannot write "${path}"`);
});

Deno.test("safetensors: data that does not fit its shape or dtype is refused before writing", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.safetensors");
  const wrong: SafeTensor[] = [
    { dtype: "F32", shape: [3], data: new Float32Array(2) },
    { dtype: "F32", shape: [2], data: new Float64Array(2) } as unknown as SafeTensor,
  ];
  for (const tensor of wrong) {
    await assertRejects(() => writeSafetensors(path, new Map([["x", tensor]])), SafetensorsError, 'tensor "x"');
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

const malformed: readonly (readonly [string, Uint8Array, string])[] = [
  ["no bytes", new Uint8Array(0), "expected at least 8 bytes, got 0"],
  ["a short length", new Uint8Array(7), "expected at least 8 bytes, got 7"],
  ["a header over 100 MB", rawFile({ header: "{}", length: 100_000_001n }), "expected a header of at most 100000000"],
  ["the largest length", rawFile({ header: "{}", length: 2n ** 64n - 1n }), "its length says 18446744073709551615"],
  ["a header past the end", rawFile({ header: "{}", length: 3n }), "the header needs 3 bytes, the file has 2 left"],
  ["no JSON", rawFile({ header: "{]" }), "its header is not JSON"],
  ["bad UTF-8", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), "its header is not JSON"],
  ["deep JSON", rawFile({ header: `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}` }), ""],
  ["an array", rawFile({ header: "[]" }), "expected the header to be a JSON object"],
  ["leading space", rawFile({ header: " {}" }), "expected the header to be a JSON object"],
  ["metadata of numbers", rawFile({ header: { __metadata__: { a: 1 } } }), 'expected metadata "a" to be a string'],
  ["metadata as text", rawFile({ header: { __metadata__: "a" } }), "expected `__metadata__` to be an object"],
  ["a tensor as text", rawFile({ header: { w: "x" } }), 'expected tensor "w" to be an object, got "x"'],
  ["an unknown field", rawFile({ header: { w: { ...f32([1], 0, 4), x: 1 } }, data: 4 }), 'an unknown field "x"'],
  ["an unknown dtype", rawFile({ header: { w: { dtype: "F8", shape: [], data_offsets: [0, 1] } }, data: 1 }), '"F8"'],
  ["a dtype from Object", rawFile({ header: { w: { dtype: "toString", shape: [], data_offsets: [0, 0] } } }), "dtypes"],
  ["a negative size", rawFile({ header: { w: f32([-1], 0, 4) }, data: 4 }), "to be an array of sizes, got [-1]"],
  ["half a size", rawFile({ header: { w: f32([0.5], 0, 2) }, data: 2 }), "to be an array of sizes, got [0.5]"],
  ["no shape", rawFile({ header: { w: { dtype: "F32", data_offsets: [0, 4] } }, data: 4 }), "got undefined"],
  [
    "three offsets",
    rawFile({ header: { w: { ...f32([1], 0, 4), data_offsets: [0, 4, 4] } }, data: 4 }),
    "[begin, end]",
  ],
  ["text offsets", rawFile({ header: { w: f32([1], "0", "4") }, data: 4 }), "to be [begin, end], got an array"],
  ["an overflow", rawFile({ header: { w: f32([2 ** 40, 2 ** 40], 0, 4) }, data: 4 }), "is too large"],
  ["an overflow times zero", rawFile({ header: { w: f32([2 ** 52, 2 ** 52, 0], 0, 0) } }), "is too large"],
  ["offsets that do not fit", rawFile({ header: { w: f32([2], 0, 4) }, data: 4 }), "needs 8 bytes, its offsets span 4"],
  ["offsets backwards", rawFile({ header: { w: f32([1], 4, 0) }, data: 4 }), "needs 4 bytes, its offsets span -4"],
  ["an overlap", rawFile({ header: { a: f32([2], 0, 8), b: f32([1], 4, 8) }, data: 8 }), 'tensor "b" overlaps'],
  ["a hole", rawFile({ header: { a: f32([1], 0, 4), b: f32([1], 8, 12) }, data: 12 }), 'tensor "b" leaves a hole'],
  ["a hole at the start", rawFile({ header: { a: f32([1], 4, 8) }, data: 8 }), "expected it to begin at 0, got 4"],
  ["a truncated file", rawFile({ header: { a: f32([2], 0, 8) }, data: 7 }), "need 8 bytes of data, the file has 7"],
  ["data after the end", rawFile({ header: { a: f32([2], 0, 8) }, data: 9 }), "need 8 bytes of data, the file has 9"],
  [
    "a tensor named twice",
    rawFile({
      header:
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    }),
    "names something twice",
  ],
  [
    "a field named twice",
    rawFile({ header: '{"a":{"dtype":"F32","dtype":"U8","shape":[0],"data_offsets":[0,0]}}' }),
    "names something twice",
  ],
  ["metadata named twice", rawFile({ header: '{"__metadata__":{"a":"1","a":"2"}}' }), "names something twice"],
];

for (const [what, bytes, wanted] of malformed) {
  Deno.test(`safetensors: refuses ${what}`, async () => assertStringIncludes(await refused(bytes), wanted));
}

Deno.test("safetensors: refuses a folder", async () => {
  using folder = tempFolder();
  await assertRejects(() => readSafetensors(folder.path), SafetensorsError, "Expected a regular file, got a folder");
});

Deno.test("safetensors: a file cut anywhere is refused", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.safetensors");
  const tensor: SafeTensor = { dtype: "I32", shape: [3], data: Int32Array.of(1, 2, 3) };
  await writeSafetensors(path, new Map([["x", tensor]]), { metadata: { a: "b" } });
  const bytes = await Deno.readFile(path);
  for (let length = 0; length < bytes.length; length++) await refused(bytes.subarray(0, length));
});
