/** Names from outside as messages and tables show them. */

/** Control characters (C0, DEL, C1), line and paragraph separators, controls of the direction of writing, lone surrogates. */
const hidden =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A text as it can be printed on a terminal or into a log: control characters, which could move the cursor or forge lines,
 * and such as turn the direction of writing are written as `\x1b` and `\u{202e}`; everything else is as it is. For showing
 * only: what names a file stays the text itself.
 */
export function shown(text: string): string {
  return text.replace(hidden, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
