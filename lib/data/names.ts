/** The order of classes. */
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
