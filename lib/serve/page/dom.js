/** Elements of the page. */

/**
 * The element of an id, of a kind.
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} "${id}"`);
}

/**
 * A new element; texts are never read as HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | ((event: Event) => void)>} attributes `on…` listen.
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * Tells what happened: to see, and to a screen reader.
 * @param {string} message
 */
export function tell(message) {
  byId("status", HTMLElement).textContent = message;
}

/**
 * What an error says.
 * @param {unknown} error
 * @returns {string}
 */
export function said(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Runs something that a click asks for; the button cannot be pressed meanwhile, and keeps the focus.
 * @param {HTMLElement} button
 * @param {() => Promise<void>} work
 */
export async function once(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (error) {
    tell(said(error));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/**
 * A number for a reader.
 * @param {number | null | undefined} value
 * @param {number} digits
 */
export function figure(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toFixed(digits);
}

/** @param {number | null | undefined} value A share from 0 to 1. */
export function percent(value) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(2)} %`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** @param {string | null} time An instant in ISO 8601. */
export function localTime(time) {
  return time === null ? "–" : new Date(time).toLocaleString();
}
