/** The Rust exports of the op table. */
import type { OpRow, Table } from "./table.ts";

/** `core-rs/generated/exports.rs` */
export function rustExports(table: Table): string {
  const head = "// Made from ops.toml by `deno task generate`; do not edit.\n\n";
  return head + table.ops.map(exportOf).join("\n") + "\n";
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
