/** Values as they may stand in a page, whatever names they hold. */
import { shown } from "../../io/shown.ts";
import type { Json } from "../../registry/registry.ts";
import type { Datum } from "./page.ts";

/** A value with every text in it as it can be shown, and every number that JSON lacks as null. */
export function shownJson(value: Json): Json {
  if (typeof value === "string") return shown(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(shownJson);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => inner === undefined ? [] : [[shown(key), shownJson(inner)]]),
  );
}

/** JSON as the text of a script element, which no text in it can end. */
export function scriptJson(value: Json): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** A cell as a reader sees it: numbers with five digits, and a dash for what was not measured. */
export function cellText(cell: Datum): string {
  if (cell === null) return "–";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "string") return shown(cell);
  if (Number.isNaN(cell)) return "not a number";
  if (!Number.isFinite(cell)) return cell > 0 ? "∞" : "−∞";
  return String(Number.isInteger(cell) ? cell : Number(cell.toPrecision(5))).replace(/^-/, "−");
}
