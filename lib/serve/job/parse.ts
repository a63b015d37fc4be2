/** A specification's text as JSON, with the line and the column of what is none. */
import { loadPackage } from "../../io/npm_package.ts";
import { JobError } from "./errors.ts";

/** What this uses of the package `jsonc-parser`: V8 tells no place of most errors, and keeps the last of two equal names. */
interface JsoncParser {
  visit(text: string, visitor: Visitor, options: { disallowComments: boolean }): void;
  printParseErrorCode(code: number): string;
}

type Place = [offset: number, length: number, line: number, column: number];

interface Visitor {
  onObjectBegin(): void;
  onArrayBegin(): void;
  onObjectEnd(): void;
  onArrayEnd(): void;
  onObjectProperty(name: string, ...place: Place): void;
  onError(code: number, ...place: Place): void;
}

/** Bytes of a specification, at most. */
export const mostJobBytes = 2 ** 20;

/** Objects within objects, at most: what recipes hold is a few deep. */
const deepest = 32;

/** `InvalidSymbol` as `invalid symbol`. */
function inWords(code: string): string {
  return code.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

/**
 * The value of a specification's text, not yet checked ({@linkcode checkJob} does). Throws a JobError that names the line and
 * the column where it is no JSON, has a name twice in one object, or is larger than 1 MiB.
 *
 * @example
 * ```ts
 * import { serve } from "@libtrain/libtrain";
 *
 * const job = serve.checkJob(serve.parseJob('{ "name": "digits", "preset": "mnist" }'));
 * console.log(job.preset); // mnist
 * ```
 */
export function parseJob(text: string): unknown {
  if (typeof text !== "string") throw new TypeError(`parseJob(): Expected a text, got ${typeof text}`);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > mostJobBytes) throw new JobError("", `Expected a job of at most ${mostJobBytes} bytes, got ${bytes}`);
  const { visit, printParseErrorCode } = loadPackage<JsoncParser>("serve", "jsonc-parser");
  const at = (line: number, column: number): string => `line ${line + 1}, column ${column + 1}`;
  const wrong = (what: string, line: number, column: number): never => {
    throw new JobError("", `Expected a job as JSON, got ${what} at ${at(line, column)}`);
  };
  const open: Set<string>[] = [];
  const begin = (): void => {
    if (open.push(new Set()) > deepest) throw new JobError("", `Expected a job of at most ${deepest} levels, got more`);
  };
  const end = (): void => void open.pop();
  visit(text, {
    onObjectBegin: begin,
    onArrayBegin: begin,
    onObjectEnd: end,
    onArrayEnd: end,
    onObjectProperty: (name, _offset, _length, line, column): void => {
      const names = open.at(-1)!;
      if (names.has(name)) wrong(`${JSON.stringify(name)} a second time`, line, column);
      names.add(name);
    },
    onError: (code, _offset, _length, line, column): void => wrong(inWords(printParseErrorCode(code)), line, column),
  }, { disallowComments: true });
  try {
    return JSON.parse(text);
  } catch (error) {
    // What the visitor lets through and JSON has not.
    throw new JobError("", `Expected a job as JSON, got other text (${(error as Error).message})`, { cause: error });
  }
}
