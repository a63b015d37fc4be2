/** The TypeScript side of the op table: FFI symbols, op descriptors and parameter types. */
import type { FunctionRow, OpRow, Param, Table } from "./table.ts";

/** `lib/ffi/generated/symbols.ts` */
export function symbols(table: Table): string {
  return `// Made from core-rs/ops.toml by \`deno task generate\`; do not edit.
import type { ActivationName, DtypeName } from "../codes.ts";

const OP = {
  parameters: ["u32", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"],
  result: "i32",
} as const;

/** The exports of the library. */
export const SYMBOLS = {
${table.functions.map(functionSymbol).join("\n")}
${table.ops.map((op) => `  lt_${op.name}: OP,`).join("\n")}
} as const satisfies Deno.ForeignLibraryInterface;

/** A row of the op table. */
export interface OpDescriptor {
  readonly symbol: keyof typeof SYMBOLS;
  /** Names; "x?" may be absent, a last "parts..." repeats. */
  readonly inputs: readonly string[];
  /** Names and kinds, in the order they cross the ABI. */
  readonly params: readonly (readonly [name: string, kind: string])[];
  readonly outputs: readonly string[];
  readonly mutates: readonly string[];
  readonly differentiable: boolean;
  readonly view: boolean;
}

/** The op table. */
export const OPS = {
${table.ops.map(descriptor).join("\n")}
} as const satisfies Record<string, OpDescriptor>;

/** An op's name. */
export type OpName = keyof typeof OPS;

/** The names of the ops that have a gradient. */
export type DifferentiableOp = { [Name in OpName]: (typeof OPS)[Name]["differentiable"] extends true ? Name : never }[OpName];

/** The parameters of each op. */
export interface OpParams {
${table.ops.map(paramsType).join("\n")}
}
`;
}

function functionSymbol(row: FunctionRow): string {
  const parameters = row.queue ? ["u32", "u32"] : [];
  for (const { buffer } of row.args) parameters.push(...(buffer === undefined ? ["u32"] : ["buffer", "u32"]));
  parameters.push("buffer", "u32");
  const list = parameters.map((parameter) => `"${parameter}"`).join(", ");
  return `  /** ${row.doc} */\n  lt_${row.name}: { parameters: [${list}], result: "i32"${
    row.nonblocking ? ", nonblocking: true" : ""
  } },`;
}

function descriptor(op: OpRow): string {
  const quoted = (names: string[]): string => `[${names.map((name) => `"${name}"`).join(", ")}]`;
  const params = op.params.map(({ name, kind }) => `["${name}", "${kind}"]`).join(", ");
  return `  ${op.name}: {
    symbol: "lt_${op.name}",
    inputs: ${quoted(op.inputs)},
    params: [${params}],
    outputs: ${quoted(op.outputs)},
    mutates: ${quoted(op.mutates)},
    differentiable: ${op.differentiable},
    view: ${op.view},
  },`;
}

function paramsType(op: OpRow): string {
  const fields = op.params.map((param) => `${param.name}: ${typeOf(param)}`).join("; ");
  return `  /** ${op.doc} */\n  ${op.name}: ${op.params.length > 0 ? `{ ${fields} }` : "Record<string, never>"};`;
}

function typeOf({ kind }: Param): string {
  if (kind.endsWith("[]")) return "readonly number[]";
  return { bool: "boolean", dtype: "DtypeName", activation: "ActivationName" }[kind] ?? "number";
}
