/** Names from outside as they may be printed, as `core-rs/src/shown.rs` has them. */

/** Characters that move the cursor, turn the direction of text, end a line, or show nothing; and halves of characters. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A text with such characters as `\u{1b}`; all others stay as they are. */
export function shown(text: string): string {
  return text.replace(hidden, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`);
}
