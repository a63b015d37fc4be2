/** The Rust exports of the op table. */
import type { FunctionRow, OpRow, Table } from "./table.ts";

/** `core-rs/generated/exports.rs` */
export function rustExports(table: Table): string {
  const head = "// Made from ops.toml by `deno task generate`; do not edit.\n\n";
  return head + table.ops.map(exportOf).join("\n") + "\n";
}

/** `core-rs/generated/signatures.rs`: an export that is no op and differs from the table does not compile. */
export function rustSignatures(table: Table): string {
  const head = "// Made from ops.toml by `deno task generate`; do not edit.\n\n";
  return head + table.functions.map(signatureOf).join("\n") + "\n";
}

function signatureOf(row: FunctionRow): string {
  const args = row.queue ? ["u32", "u32"] : [];
  for (const { buffer, written } of row.args) {
    args.push(...(buffer === undefined ? ["u32"] : [`*${written ? "mut" : "const"} ${buffer}`, "u32"]));
  }
  return `const _: extern "C" fn(${[...args, "*mut u32", "u32"].join(", ")}) -> i32 = lt_${row.name};`;
}

function exportOf(op: OpRow): string {
  const inputs = op.inputs.map((name) => `"${name}"`).join(", ");
  const mutates = op.inputs.map((name) => op.mutates.includes(name)).join(", ");
  return `op_export!(lt_${op.name}, ${op.module}, ${op.type}, Row {
    name: "${op.name}",
    inputs: &[${inputs}],
    mutates: &[${mutates}],
    view: ${op.view},
});`;
}
