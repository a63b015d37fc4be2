/** Reads and checks the op table. */
import { parse } from "@std/toml";

/** A parameter of an op. */
export interface Param {
  name: string;
  kind: string;
}

/** One row of the op table. */
export interface OpRow {
  name: string;
  module: string;
  type: string;
  inputs: string[];
  params: Param[];
  outputs: string[];
  mutates: string[];
  differentiable: boolean;
  view: boolean;
  precision: string;
  doc: string;
}

/** An argument of a function that is no op. */
export interface Argument {
  name: string;
  /** The element type of a buffer; undefined for a u32. */
  buffer?: string;
  /** Whether the library writes to the buffer. */
  written?: boolean;
}

/** An export that is no op. */
export interface FunctionRow {
  name: string;
  queue: boolean;
  args: Argument[];
  nonblocking: boolean;
  doc: string;
}

/** The whole table. */
export interface Table {
  ops: OpRow[];
  functions: FunctionRow[];
}

const PARAM_KINDS = new Set(["u32", "i32", "f64", "bool", "dtype", "activation", "u32[]", "i32[]", "f64[]"]);

/** Parses the table's text; throws with the row's name where a row is wrong. */
export function readTable(text: string): Table {
  const { functions, ...rows } = parse(text) as Record<string, Record<string, unknown>>;
  const ops = Object.entries(rows).map(([name, row]) => readOp(name, row));
  return {
    ops,
    functions: Object.entries(functions ?? {}).map(([name, row]) => readFunction(name, row as Record<string, unknown>)),
  };
}

function readOp(name: string, row: Record<string, unknown>): OpRow {
  const known = [
    "module",
    "type",
    "inputs",
    "params",
    "outputs",
    "mutates",
    "differentiable",
    "view",
    "precision",
    "doc",
  ];
  for (const key of Object.keys(row)) {
    if (!known.includes(key)) throw new Error(`Op "${name}": Expected keys ${known.join(", ")}, got "${key}"`);
  }
  const inputs = strings(name, row, "inputs");
  const mutates = strings(name, row, "mutates");
  const unknown = mutates.find((input) => !inputs.includes(input));
  if (unknown) throw new Error(`Op "${name}": Expected \`mutates\` among its inputs, got "${unknown}"`);
  const params = strings(name, row, "params").map((entry) => readParam(name, entry));
  const list = params.findIndex((param) => param.kind.endsWith("[]"));
  if (list >= 0 && list !== params.length - 1) throw new Error(`Op "${name}": Expected a list parameter last`);
  return {
    name,
    module: text(name, row, "module"),
    type: text(name, row, "type"),
    inputs,
    params,
    outputs: strings(name, row, "outputs"),
    mutates,
    differentiable: row["differentiable"] === true,
    view: row["view"] === true,
    precision: text(name, row, "precision"),
    doc: text(name, row, "doc"),
  };
}

function readParam(op: string, entry: string): Param {
  const [name = "", kind = ""] = entry.split(": ");
  if (!PARAM_KINDS.has(kind)) throw new Error(`Op "${op}": Expected a parameter kind, got "${entry}"`);
  return { name, kind };
}

function readFunction(name: string, row: Record<string, unknown>): FunctionRow {
  const args = strings(name, row, "args").map((entry) => {
    const [argument = "", kind = ""] = entry.split(": ");
    if (kind === "u32") return { name: argument };
    const [, written, buffer] = /^buffer (mut )?(u8|u32|f64)$/.exec(kind) ?? [];
    if (!buffer) throw new Error(`Function "${name}": Expected u32 or a buffer, got "${entry}"`);
    return { name: argument, buffer, ...(written ? { written: true } : {}) };
  });
  return {
    name,
    queue: row["queue"] === true,
    args,
    nonblocking: row["nonblocking"] === true,
    doc: text(name, row, "doc"),
  };
}

function strings(name: string, row: Record<string, unknown>, key: string): string[] {
  const value = row[key] ?? [];
  if (!Array.isArray(value) || value.some((entry) => typeof entry !== "string")) {
    throw new Error(`Row "${name}": Expected \`${key}\` as a list of strings, got ${JSON.stringify(value)}`);
  }
  return value;
}

function text(name: string, row: Record<string, unknown>, key: string): string {
  const value = row[key];
  if (typeof value !== "string") throw new Error(`Row "${name}": Expected \`${key}\` as a string, got ${value}`);
  return value;
}
