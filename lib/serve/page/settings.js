/** Settings as rows, and where those of two jobs differ. */

/**
 * Values by their paths; an empty section is a value.
 * @param {unknown} value
 * @param {string} place
 * @returns {[path: string, value: string][]}
 */
export function settingsIn(value, place = "") {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([name, inner]) =>
      inner === undefined ? [] : settingsIn(inner, place === "" ? name : `${place}.${name}`)
    );
  }
  return place === "" ? [] : [[place, typeof value === "string" ? value : JSON.stringify(value)]];
}

/**
 * The paths at which two values differ, with both; what one has not is `not set`.
 * @param {unknown} mine
 * @param {unknown} other
 * @returns {[path: string, mine: string, other: string][]}
 */
export function differences(mine, other) {
  const [here, there] = [new Map(settingsIn(mine)), new Map(settingsIn(other))];
  return [...new Set([...here.keys(), ...there.keys()])].flatMap((path) => {
    const [a, b] = [here.get(path) ?? "not set", there.get(path) ?? "not set"];
    return a === b ? [] : [[path, a, b]];
  });
}
