/** Names of tensors in messages: a few of them, and what they have in common. */
import { shown } from "../io/shown.ts";

/** How many names, or what is wrong with them, a message shows; the rest is counted. */
export const mostNames = 10;

/** The first names, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const first = names.slice(0, mostNames).map((name) => `"${shown(name)}"`).join(", ");
  return names.length > mostNames ? `${first} and ${names.length - mostNames} more` : first;
}

/** What a file has under names that begin with a prefix, by the rest of these names. */
export function withoutPrefix<Value>(named: ReadonlyMap<string, Value>, prefix: string): ReadonlyMap<string, Value> {
  if (prefix === "") return named;
  const below = [...named].filter(([name]) => name.startsWith(prefix));
  return new Map(below.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Share of a file's names that must have a beginning to be told: in a state, weights are one part beside those of the optimizer. */
const leastShare = 1 / 8;

/** What the names of a file have before those that are wanted, say `module.`; undefined where it is not that. */
export function prefixOf(got: Iterable<string>, wanted: ReadonlySet<string>): string | undefined {
  const names = [...got];
  if (names.some((name) => wanted.has(name))) return undefined;
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const prefix = name.slice(0, dot + 1);
      if (wanted.has(name.slice(dot + 1))) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  // Of several the first one: in a state, the weights and not their averages.
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most !== undefined && most[1] >= leastShare * names.length ? most[0] : undefined;
}
