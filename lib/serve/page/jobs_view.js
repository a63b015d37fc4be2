/** The list of jobs. */
import { ask } from "./api.js";
import { byId, element, figure, localTime, percent, said, tell } from "./dom.js";

/** Milliseconds between two looks. */
const every = 2000;

/** Jobs of a page of the list. */
const limit = 100;

/** @param {any} job */
function cellsOf({ state, latest, result, queuedAt, spec }) {
  const { epoch, progress } = latest ?? {};
  const [at, of] = [
    progress?.epoch ?? epoch?.epoch ?? (state === "done" ? spec.recipe?.epochs : undefined),
    progress?.epochs,
  ];
  return [
    at === undefined || at === null ? "–" : of === undefined || of === null ? `${at}` : `${at} of ${of}`,
    figure(progress?.loss ?? epoch?.evaluation?.loss ?? result?.loss),
    percent(progress?.top1 ?? epoch?.evaluation?.top1 ?? result?.top1),
    localTime(queuedAt),
  ];
}

/** @param {HTMLTableRowElement} row @param {any} job */
function fill(row, job) {
  const texts = [job.state, ...cellsOf(job)];
  const state = /** @type {HTMLElement} */ (row.cells[1]?.firstElementChild);
  state.className = `state ${job.state}`;
  for (const [at, text] of texts.entries()) {
    const place = at === 0 ? state : /** @type {HTMLElement} */ (row.cells[at + 1]);
    // What has not changed stays, with what a reader has selected of it.
    if (place.textContent !== text) place.textContent = text;
  }
}

/** @param {string} id */
function rowOf(id) {
  const link = element("a", { href: `#/job/${encodeURIComponent(id)}` }, id);
  const row = element("tr", { "data-id": id }, element("th", { scope: "row" }, link));
  row.append(element("td", {}, element("span", { class: "state" })));
  for (let count = 0; count < 4; count++) row.append(element("td"));
  return row;
}

export const jobsView = {
  title: "Jobs",
  open() {
    const rows = byId("jobs-rows", HTMLTableSectionElement);
    const choice = byId("jobs-state", HTMLSelectElement);
    const [newer, older] = [byId("jobs-newer", HTMLButtonElement), byId("jobs-older", HTMLButtonElement)];
    const over = new AbortController();
    const { signal } = over;
    /** @type {number | null} */
    let before = null;
    /** @type {number | null} */
    let next = null;
    let timer = 0;
    let turn = 0;
    let failed = false;
    rows.replaceChildren();

    /** @param {any} list */
    const put = ({ jobs, next: after, counts }) => {
      next = after;
      const there = new Map([...rows.rows].map((row) => [row.dataset["id"], row]));
      const wanted = jobs.map((/** @type {any} */ job) => {
        const row = there.get(job.id) ?? rowOf(job.id);
        fill(row, job);
        return row;
      });
      // Rows that stay are not moved, so that the focus stays where it is.
      for (const [at, row] of wanted.entries()) {
        if (rows.rows[at] !== row) rows.insertBefore(row, rows.rows[at] ?? null);
      }
      while (rows.rows.length > wanted.length) rows.deleteRow(-1);
      byId("jobs-empty", HTMLElement).hidden = jobs.length > 0;
      newer.hidden = before === null;
      older.hidden = next === null;
      for (const [state, count] of Object.entries(counts)) {
        const known = [...choice.options].find(({ value }) => value === state) ??
          choice.appendChild(element("option", { value: state }));
        known.textContent = `${state} (${count})`;
      }
    };
    const look = async () => {
      clearTimeout(timer);
      const mine = ++turn;
      const query = new URLSearchParams({ limit: `${limit}` });
      if (choice.value !== "") query.set("state", choice.value);
      if (before !== null) query.set("before", `${before}`);
      try {
        const list = document.hidden && rows.rows.length > 0 ? undefined : await ask("GET", `/jobs?${query}`);
        if (signal.aborted || mine !== turn) return;
        if (list !== undefined) put(list);
        if (failed) tell("The server answers again");
        failed = false;
      } catch (error) {
        if (signal.aborted || mine !== turn) return;
        if (!failed) tell(said(error));
        failed = true;
      }
      timer = setTimeout(look, every);
    };
    /** @param {number | null} at */
    const turnTo = (at) => {
      before = at;
      void look().then(() => byId("jobs-title", HTMLElement).focus());
    };
    older.addEventListener("click", () => turnTo(next), { signal });
    newer.addEventListener("click", () => turnTo(null), { signal });
    choice.addEventListener("change", () => {
      before = null;
      void look();
    }, { signal });
    document.addEventListener("visibilitychange", () => void look(), { signal });
    void look();
    return () => {
      over.abort();
      clearTimeout(timer);
    };
  },
};
