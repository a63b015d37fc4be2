/** Names of tensors in messages: a few of them, and what they have in common. */

/** A few names, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `"${name}"`).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

/** What the names of a file have before those that are wanted, say `module.`; undefined where it is not that. */
export function prefixOf(got: Iterable<string>, wanted: ReadonlySet<string>): string | undefined {
  const names = [...got];
  if (names.some((name) => wanted.has(name))) return undefined;
  for (const name of names) {
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      if (wanted.has(name.slice(dot + 1))) return name.slice(0, dot + 1);
    }
  }
  return undefined;
}
