/** A form for a new job. */
import { ask, AskError } from "./api.js";
import { byId, once, said, tell } from "./dom.js";

const usual = { name: "digits", preset: "mnist" };

/**
 * Where in a specification an error is: the line and column that it names, or its setting's last name.
 * @param {string} text
 * @param {string} message
 * @returns {[start: number, end: number] | undefined}
 */
export function placeIn(text, message) {
  const at = /line (\d+), column (\d+)/.exec(message);
  if (at !== null) {
    const lines = text.split("\n").slice(0, Number(at[1]) - 1);
    const start = lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(at[2]) - 1;
    return [start, Math.min(text.length, start + 1)];
  }
  const path = /`([\w.]+)`/.exec(message)?.[1]?.split(".") ?? [];
  let from = 0;
  /** @type {[number, number] | undefined} */
  let found;
  for (const name of path) {
    const start = text.indexOf(`"${name}"`, from);
    if (start < 0) break;
    from = start + name.length + 2;
    found = [start, from];
  }
  return found;
}

/** @type {unknown} */
let given;

/**
 * Puts a specification into the form, for the next time that it is shown.
 * @param {unknown} spec
 */
export function useFor(spec) {
  given = spec;
}

export const newView = {
  title: "New job",
  open() {
    const over = new AbortController();
    const { signal } = over;
    const form = byId("new-form", HTMLFormElement);
    const area = byId("new-spec", HTMLTextAreaElement);
    const wrong = byId("new-error", HTMLElement);
    const presets = byId("new-preset", HTMLSelectElement);
    const button = byId("new-submit", HTMLButtonElement);
    /** @param {unknown} spec */
    const put = (spec) => {
      area.value = `${JSON.stringify(spec, null, 2)}\n`;
      clear();
    };
    const clear = () => {
      wrong.textContent = "";
      area.removeAttribute("aria-invalid");
    };
    if (given !== undefined) put(given);
    else if (area.value === "") put(usual);
    given = undefined;

    const known = async () => {
      if (presets.options.length > 1) return;
      const { components } = await ask("GET", "/openapi.json");
      for (const name of components.schemas.JobSpec.properties.preset.enum ?? []) presets.add(new Option(name));
    };
    known().catch((error) => tell(said(error)));
    presets.addEventListener("change", () => {
      if (presets.value !== "") put({ name: presets.value, preset: presets.value });
      presets.selectedIndex = 0;
    }, { signal });
    area.addEventListener("input", clear, { signal });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void once(button, async () => {
        clear();
        try {
          const job = await ask("POST", "/jobs", { text: area.value });
          location.hash = `#/job/${encodeURIComponent(job.id)}`;
        } catch (error) {
          if (error instanceof AskError && error.status === 401) return;
          wrong.textContent = said(error);
          area.setAttribute("aria-invalid", "true");
          area.focus();
          const place = placeIn(area.value, said(error));
          if (place !== undefined) area.setSelectionRange(...place);
        }
      });
    }, { signal });
    return () => over.abort();
  },
};
