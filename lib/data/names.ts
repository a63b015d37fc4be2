/** Names of classes: their order, and names that look alike. */
import { shown } from "../io/shown.ts";

/** Whether `a` comes before `b` by code points; JavaScript's own order is by halves of them. */
function compare(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((letter, place) => letter !== right[place]);
  if (at < 0) return left.length - right.length;
  return at >= right.length ? 1 : left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!;
}

/** Names by their code points, as Python's `sorted` has them, and as the classes of folders and archives are. */
export function sortedNames(names: Iterable<string>): string[] {
  return [...names].sort(compare);
}

/** A name as it may be printed; where another one of some looks the same, with its letters spelled out. */
export function toldApart(name: string, others: Iterable<string>): string {
  const form = name.normalize("NFC");
  for (const other of others) {
    if (other === name || other.normalize("NFC") !== form) continue;
    return `${shown(name)} (in another Unicode form: "${spelled(name)}" here, "${spelled(other)}" there)`;
  }
  return shown(name);
}

/** A name in ASCII. */
function spelled(name: string): string {
  return Array.from(name, (letter) => letter <= "\x7f" ? letter : `\\u{${letter.codePointAt(0)!.toString(16)}}`).join(
    "",
  );
}
