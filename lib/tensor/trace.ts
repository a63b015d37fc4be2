/** What a step does, op by op: for seeing whether it does the same in its next run, and may be recorded. */
import { type OpDescriptor, type OpName, type OpParams, OPS } from "../ffi/generated/symbols.ts";
import { storageOf, type Tensor } from "./tensor.ts";

/** The ops of one run of a step. */
export class Trace {
  readonly #ops: string[] = [];
  /** Where buffers come from that are not those of tensors from outside: arguments, and results of ops. */
  readonly #sources: Map<number, string>;

  /** `copies`: what a recording puts in the place of the arguments, which the step may also know from outside. */
  constructor(args: readonly Tensor[], copies: readonly Tensor[] = []) {
    // One tensor may be several arguments, each with a copy of its own: it bears the name of the first.
    const storages = args.map(storageOf);
    const nameOf = (index: number): string => `argument ${storages.indexOf(storages[index]!)}`;
    const named = (storage: number, index: number): [number, string] => [storage, nameOf(index)];
    this.#sources = new Map([...storages.map(named), ...copies.map(storageOf).map(named)]);
  }

  /** Notes a call: its inputs by where they come from, dtype and shape, and its parameters. */
  note(name: OpName, inputs: readonly (Tensor | null)[], params: object): void {
    const given = inputs.map((input) => {
      if (input === null) return "none";
      const storage = storageOf(input);
      return `${this.#sources.get(storage) ?? `outside ${storage}`} ${input.dtype}[${input.shape}]`;
    });
    this.#ops.push(JSON.stringify([name, given, params]));
  }

  /** Notes the results of the last call. */
  made(outputs: readonly Tensor[]): void {
    const op = this.#ops.length;
    outputs.forEach((output, index) => this.#sources.set(storageOf(output), `op ${op}.${index}`));
  }

  /** The first difference from the run before, in words; undefined where both did the same. */
  differenceFrom(before: Trace): string | undefined {
    const length = Math.max(this.#ops.length, before.#ops.length);
    for (let at = 0; at < length; at++) {
      const [now, then] = [this.#ops[at], before.#ops[at]];
      if (now !== then) return `op ${at + 1} ${contrast(now, then)}`;
    }
    return undefined;
  }
}

/** What of an op was another one in the run before. */
function contrast(now: string | undefined, then: string | undefined): string {
  if (now === undefined || then === undefined) {
    return now === undefined
      ? `was ${nameOf(then!)}, now the step ends before`
      : `is ${nameOf(now)}, where the step ended`;
  }
  const [name, inputs, params] = JSON.parse(now) as Noted;
  const [nameBefore, inputsBefore, paramsBefore] = JSON.parse(then) as Noted;
  if (name !== nameBefore) return `is ${name}(), it was ${nameBefore}()`;
  const at = Math.max(inputs.findIndex((input, index) => input !== inputsBefore[index]), 0);
  if (inputs[at] !== inputsBefore[at]) {
    const input = (OPS[name] as OpDescriptor).inputs[at] ?? `input ${at}`;
    return `is ${name}() with another tensor as \`${input}\` (${inputs[at]}, it was ${inputsBefore[at]})`;
  }
  const changed = Object.keys(params).find((key) => String(params[key]) !== String(paramsBefore[key]));
  return changed === undefined
    ? `is ${name}() with other inputs`
    : `is ${name}() with \`${changed}\` ${String(params[changed])}, it was ${String(paramsBefore[changed])}`;
}

type Noted = [name: OpName, inputs: string[], params: Record<string, unknown>];

function nameOf(noted: string): string {
  return `${(JSON.parse(noted) as Noted)[0]}()`;
}

let trace: Trace | undefined;

/** Runs a step under a trace. */
export function traceUnder<Result>(own: Trace, step: () => Result): Result {
  const before = trace;
  trace = own;
  try {
    return step();
  } finally {
    trace = before;
  }
}

/** Runs what a first step alone does, as making state, without a trace. */
export function untraced<Result>(body: () => Result): Result {
  const before = trace;
  trace = undefined;
  try {
    return body();
  } finally {
    trace = before;
  }
}

/** Notes an op that is about to be enqueued. */
export function traceOp<Name extends OpName>(
  name: Name,
  inputs: readonly (Tensor | null)[],
  params: OpParams[Name],
): void {
  trace?.note(name, inputs, params);
}

/** Notes what the last op made. */
export function traceOutputs(outputs: readonly Tensor[]): void {
  trace?.made(outputs);
}
