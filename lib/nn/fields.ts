/** What an object's fields hold: itself, or inside arrays, maps, sets and plain objects. */
import { StateError } from "../ffi/errors.ts";

/** The elements of an array, map, set or plain object by their index or key; undefined for every other value. */
export function elementsOf(value: unknown): [key: string, element: unknown][] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return value.map((element: unknown, index) => [String(index), element]);
  if (value instanceof Map) return [...value].map(([key, element], index) => [keyName(key, index), element]);
  if (value instanceof Set) return [...value].map((element: unknown, index) => [String(index), element]);
  return isPlain(value) ? Object.entries(value) : undefined;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An object as a key has no name of its own. */
function keyName(key: unknown, index: number): string {
  return typeof key === "object" || typeof key === "function" ? String(index) : String(key);
}

/** Puts another element in the place of one of {@linkcode elementsOf}. */
export function putElement(container: object, at: { key: string; index: number }, element: unknown): void {
  if (container instanceof Map) container.set([...container.keys()][at.index], element);
  else if (container instanceof Set) {
    const elements = [...container].with(at.index, element);
    container.clear();
    for (const each of elements) container.add(each);
  } else (container as Record<string, unknown>)[at.key] = element;
}

/**
 * The objects in an object's fields by name; those in containers by name and keys, joined by dots.
 *
 * A recorded step asks for them before each replay, so what cannot be a module or a tensor is passed over quickly.
 */
export function fieldsOf(holder: object): [name: string, value: object][] {
  const found: [string, object][] = [];
  // A container inside itself ends there.
  let seen: Set<object> | undefined;
  const visit = (name: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const elements = elementsOf(value);
    if (elements === undefined) return void found.push([name, value]);
    seen ??= new Set();
    if (seen.has(value)) return;
    seen.add(value);
    for (const [key, element] of elements) if (typeof element === "object") visit(`${name}.${key}`, element);
  };
  for (const name of Object.keys(holder)) visit(name, (holder as Record<string, unknown>)[name]);
  if (seen !== undefined) requireDistinct(found);
  return found;
}

/** Keys with dots in them, and keys that are no texts, can make two paths of containers one. */
function requireDistinct(found: readonly [name: string, value: object][]): void {
  const names = new Set<string>();
  for (const [name] of found) {
    if (names.has(name)) throw twoNamed(name);
    names.add(name);
  }
}

/** Where two would share a path, one of them would be left out of the state. */
export function twoNamed(path: string): StateError {
  return new StateError(`Expected one field at each path, got two at "${path}": give one of them another name or key`);
}
