import { assertEquals, assertThrows } from "@std/assert";
import { parseIdx } from "../../../lib/data/idx.ts";
import { DataError } from "../../../mod.ts";

function idx(header: readonly number[], sizes: readonly number[], data: number): Uint8Array<ArrayBuffer> {
  const sizeBytes = sizes.flatMap((size) => [size >>> 24, size >>> 16 & 255, size >>> 8 & 255, size & 255]);
  return Uint8Array.of(...header, ...sizeBytes, ...new Uint8Array(data).keys());
}

Deno.test("idx: reads shape and data, also from the middle of a buffer", () => {
  const bytes = idx([0, 0, 8, 2], [2, 3], 6);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  for (const each of [bytes, shifted.subarray(3)]) {
    const { shape, data } = parseIdx(each, { file: "f", axes: 2 });
    assertEquals([shape, [...data]], [[2, 3], [0, 1, 2, 3, 4, 5]]);
  }
});

const malformed: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
  ["an empty file", new Uint8Array(0), "expected at least 12 bytes, got 0"],
  ["a cut header", idx([0, 0, 8, 2], [2], 0), "expected at least 12 bytes, got 8"],
  ["another magic number", idx([1, 0, 8, 2], [2, 3], 6), "got 16779266"],
  ["another kind of number", idx([0, 0, 13, 2], [2, 3], 24), "expected the magic number 2050"],
  ["other axes", idx([0, 0, 8, 3], [1, 2, 3], 6), "expected the magic number 2050"],
  ["too little data", idx([0, 0, 8, 2], [2, 3], 5), "[2, 3] needs 6 bytes of data, the file has 5"],
  ["too much data", idx([0, 0, 8, 2], [2, 3], 7), "needs 6 bytes of data, the file has 7"],
  ["sizes that overflow", idx([0, 0, 8, 2], [0xffffffff, 0xffffffff], 1), "the file has 1"],
];

for (const [what, bytes, wanted] of malformed) {
  Deno.test(`idx: refuses ${what}`, () => {
    const error = assertThrows(() => parseIdx(bytes, { file: "digits", axes: 2 }), DataError, wanted);
    assertEquals(error.message.includes('"digits"'), true);
  });
}
