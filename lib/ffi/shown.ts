/** Values of any type in messages: whatever a script gave, telling of it never fails. */

/** What a value is, in a message. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return /^class\b/.test(Function.prototype.toString.call(value)) ? "a class" : "a function";
    case "object":
      return shownObject(value);
    default:
      return String(value);
  }
}

/** A list shows its elements; what tells of itself, as tensors and modules do, is asked. */
function shownObject(value: object | null): string {
  if (value === null) return "null";
  if (Array.isArray(value)) {
    const elements = value.slice(0, 8).map((element: unknown) => Array.isArray(element) ? "[…]" : plain(element));
    return `[${elements.join(", ")}${value.length > 8 ? ", …" : ""}]`;
  }
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (value instanceof Date) return "a Date";
  try {
    const text = (value as { toString?: unknown }).toString;
    return typeof text === "function" && text !== Object.prototype.toString ? String(value) : "an object";
  } catch {
    return "an object";
  }
}

/** An element of a list: texts as they are. */
function plain(value: unknown): string {
  return typeof value === "string" ? value : shown(value);
}
