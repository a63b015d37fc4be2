/**
 * The files of a form (multipart/form-data, RFC 7578). Each is a view of the body, which is looked through once: what a
 * runtime has for forms takes them apart byte by byte, and all of them before anybody can count them.
 */
import { HttpError } from "./http_error.ts";

/** The type of a form. */
export const formType = "multipart/form-data";

/** A file of a form. */
export interface FormFile {
  /** As its sender calls it, or its place in the form. */
  readonly name: string;
  /** What is in it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes of a part's headers, and letters of a name that are kept. */
const [headerBytes, nameLetters] = [16 * 1024, 255];

const [carriage, feed, dash, space, tab] = [13, 10, 45, 32, 9];

function broken(): HttpError {
  return new HttpError(400, `Expected ${formType} with a boundary and whole parts, got other bytes`);
}

/** Parameters of a header by their names: `; name="value"`, as clients write them. */
function parametersOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name, quoted, plain] of header.matchAll(/;\s*([\w*-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;\s"]*))/g)) {
    found.set(name!.toLowerCase(), quoted?.replaceAll(/\\(["\\])/g, "$1") ?? plain!);
  }
  return found;
}

/** The place behind the next mark, -1 where there is none. Its first byte stands nowhere else in it, so one look is enough. */
function behind(mark: Uint8Array, bytes: Uint8Array, from: number, matched = 0): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    matched = byte === mark[matched] ? matched + 1 : byte === mark[0] ? 1 : 0;
    if (matched === mark.length) return at + 1;
  }
  return -1;
}

/** The files of a form of a type, `most` at most; throws an HttpError for what is none. */
export function formFiles(type: string, bytes: Uint8Array<ArrayBuffer>, most: number): FormFile[] {
  const boundary = parametersOf(type).get("boundary") ?? "";
  if (!/^[\x20-\x7e]{1,70}$/.test(boundary)) throw broken();
  const encoder = new TextEncoder();
  const [mark, headEnd] = [encoder.encode(`\r\n--${boundary}`), encoder.encode("\r\n\r\n")];
  const files: FormFile[] = [];
  // The first boundary may stand at the very beginning.
  let at = behind(mark, bytes, 0, 2);
  while (at >= 0) {
    if (bytes[at] === dash && bytes[at + 1] === dash) {
      if (files.length === 0) throw new HttpError(400, `Expected 1 to ${most} images, got 0`);
      return files;
    }
    while (bytes[at] === space || bytes[at] === tab) at++;
    if (bytes[at] !== carriage || bytes[at + 1] !== feed) throw broken();
    const head = bytes.subarray(at, at + headerBytes);
    const length = behind(headEnd, head, 0);
    const end = length < 0 ? -1 : behind(mark, bytes, at + length - 2);
    if (end < 0) throw broken();
    if (files.length === most) throw new HttpError(413, `Expected 1 to ${most} images, got more`);
    const name = nameIn(new TextDecoder().decode(head.subarray(2, length - 4)));
    // The line's end before a boundary is the boundary's own.
    const last = Math.max(at + length, end - mark.length);
    files.push({
      name: name === "" ? `${files.length}` : name.slice(0, nameLetters),
      bytes: bytes.subarray(at + length, last),
    });
    at = end;
  }
  throw broken();
}

/** The name of a part's file by its headers; throws for a part that is no file. */
function nameIn(headers: string): string {
  const disposition = headers.split("\r\n").find((line) => /^content-disposition\s*:\s*form-data\s*;/i.test(line));
  if (disposition === undefined) throw broken();
  const parameters = parametersOf(disposition);
  const name = parameters.get("filename");
  if (name !== undefined) return name;
  const field = JSON.stringify((parameters.get("name") ?? "").slice(0, 100));
  throw new HttpError(400, `Expected files alone, got text in the field ${field}`);
}
