/** The C header of the library. */
import type { FunctionRow, OpRow, Table } from "./table.ts";

const HEAD = `/* Made from ops.toml by \`deno task generate\`; do not edit.
 *
 * Every export returns a status: 0, or an error's code; then \`out\` holds [bytes of the op's name, bytes of the reason,
 * flags (1: the device is lost, 2: what is free is known, 4: memory was refused)], as u64 the record of a late error and the
 * bytes that were asked for, are held and are free; where memory was refused, as u64 the budget, the code of its source, and
 * bytes by holder: results, weights, gradients, optimizer, data set, recorded steps, kept for reuse, buffers of kernels, reads,
 * values being written; then name and reason in UTF-8. In an \`out\` of less than 11 words nothing is written then.
 * A handle is two u32: slot, generation; generation 0 is no handle. Every buffer travels with its byte length.
 * An op takes its tensors as handles and its parameters as one double each, and writes to \`out\`:
 * ticket (low, high), number of outputs, then for each output slot, generation, dtype, rank, sizes.
 * dtype: 0 f32, 1 f64, 3 i32, 4 u8. activation: 0 none, 1 relu, 2 mish, 3 silu, 4 gelu, 5 sigmoid, 6 tanh.
 */
#ifndef LIBTRAIN_H
#define LIBTRAIN_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
`;

const TAIL = `
#ifdef __cplusplus
}
#endif
#endif
`;

/** `core-rs/include/libtrain.h` */
export function cHeader(table: Table): string {
  return HEAD + table.functions.map(functionOf).join("") + table.ops.map(opOf).join("") + TAIL;
}

function functionOf(row: FunctionRow): string {
  const args = row.queue ? ["uint32_t queue_slot", "uint32_t queue_generation"] : [];
  for (const { name, buffer, written } of row.args) {
    if (buffer === undefined) args.push(`uint32_t ${snake(name)}`);
    else args.push(`${written ? "" : "const "}${C_TYPES[buffer]} *${snake(name)}`, `uint32_t ${snake(name)}_bytes`);
  }
  args.push("uint32_t *out", "uint32_t out_bytes");
  return `\n/* ${row.doc}${
    row.nonblocking ? "; waits, so call it off the main thread" : ""
  }. */\nint32_t lt_${row.name}(${args.join(", ")});\n`;
}

function opOf(op: OpRow): string {
  const params = op.params.map(({ name, kind }) => `${name}: ${kind}`).join(", ");
  const writes = op.mutates.length > 0 ? `; writes ${op.mutates.join(", ")}` : "";
  return `
/* ${op.doc}.
 * inputs: ${op.inputs.join(", ") || "none"}; params: ${params || "none"}; outputs: ${
    op.outputs.join(", ") || "none"
  }${writes} */
int32_t lt_${op.name}(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);
`;
}

const C_TYPES: Record<string, string> = { u8: "uint8_t", u32: "uint32_t", f64: "double" };

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
