/** The page of a server: which part of it is shown, and the token. */
import { token, whenDenied } from "./api.js";
import { byId, tell } from "./dom.js";
import { jobView } from "./job_view.js";
import { jobsView } from "./jobs_view.js";
import { newView } from "./new_view.js";
import { predictView } from "./predict_view.js";

/**
 * A part of the page; what `open` gives ends it.
 * @typedef {{ title: string, open(name: string): () => void }} View
 */

/** @type {Record<string, View>} */
const views = { jobs: jobsView, job: jobView, new: newView, predict: predictView };

let close = () => {};
let shown = "";

/** @param {boolean} again Whether to begin the part anew that is shown, with another token. */
function show(again = false) {
  // A link within the page is none of its parts.
  if (shown !== "" && !again && !location.hash.startsWith("#/")) return;
  const [, part = "", name = ""] = /^#\/(\w+)(?:\/(.*))?$/.exec(location.hash) ?? [];
  const known = Object.hasOwn(views, part) && (part !== "job" || name !== "") ? part : "jobs";
  const view = /** @type {View} */ (views[known]);
  close();
  tell("");
  for (const section of document.querySelectorAll("main > section")) {
    section.toggleAttribute("hidden", section.id !== `view-${known}`);
  }
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${known === "job" ? "jobs" : known}`) {
      link.setAttribute("aria-current", "page");
    } else link.removeAttribute("aria-current");
  }
  const what = name === "" ? view.title : decodeURIComponent(name);
  document.title = `${what} · libtrain`;
  close = view.open(decodeURIComponent(name));
  // Not at the first one: the reader is at the page's beginning then.
  if (shown !== "" && !again) byId(`${known}-title`, HTMLElement).focus();
  shown = known;
}

const dialog = byId("token-dialog", HTMLDialogElement);
const value = byId("token-value", HTMLInputElement);

/** @param {string} why */
function askForToken(why) {
  if (dialog.open) return;
  byId("token-why", HTMLElement).textContent = why;
  value.value = "";
  dialog.showModal();
  value.focus();
}

/** @param {string} given */
function take(given) {
  token.set(given);
  dialog.close();
  show(true);
}

byId("token-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const given = value.value.trim();
  // A header takes no others, and the browser would refuse the request without a word.
  if (!/^[\x21-\x7e]+$/.test(given)) {
    byId("token-why", HTMLElement).textContent = "Expected a token as the server printed it, got none";
    value.focus();
    return;
  }
  take(given);
});
byId("token-forget", HTMLButtonElement).addEventListener("click", () => take(""));
byId("token-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
byId("token-button", HTMLButtonElement).addEventListener("click", () => {
  askForToken(token.get() === "" ? "None is used" : "One is used");
});
byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  event.preventDefault();
  byId("main", HTMLElement).focus();
});
// A file that is dropped beside its place would replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
whenDenied(askForToken);
addEventListener("hashchange", () => show());
show();
