// Runs in a page: draws its charts anew so that they answer to the pointer, and sorts its tables. Without it the page
// shows the same charts as pictures.
"use strict";
(() => {
  const { vega } = globalThis;

  /** Shows what a mark says beside the pointer; texts alone, as labels may hold anything. */
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const showTip = (_handler, event, _item, value) => {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    const lines = typeof value === "object" ? Object.entries(value).map(([name, text]) => `${name}: ${text}`) : [value];
    tip.replaceChildren(...lines.map((line) => {
      const row = document.createElement("div");
      row.textContent = line;
      return row;
    }));
    const x = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const y = event.clientY + 18 + tip.offsetHeight > innerHeight
      ? event.clientY - tip.offsetHeight - 10
      : event.clientY + 18;
    tip.style.left = `${Math.max(8, x)}px`;
    tip.style.top = `${Math.max(8, y)}px`;
  };
  addEventListener("scroll", () => tip.hidden = true, { passive: true });

  const nothing = () => Promise.reject(new Error("A page loads nothing"));

  async function draw(holder) {
    const { compiled, columns, rows } = JSON.parse(holder.querySelector("script").textContent);
    const values = rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
    const data = compiled.data.map((set) => set.name === "rows" ? { ...set, values } : set);
    const live = document.createElement("div");
    const view = new vega.View(vega.parse({ ...compiled, data }, undefined, { ast: true }), {
      expr: vega.expressionInterpreter,
      loader: { load: nothing, sanitize: nothing },
      renderer: "svg",
      container: live,
      hover: true,
      logLevel: vega.Warn,
    });
    view.tooltip(showTip);
    await view.runAsync();
    live.className = "live";
    // Charts are named by what holds them; what is inside has no names of its own to reach by keyboard.
    for (const inner of live.querySelectorAll("[tabindex], [role], [aria-roledescription], [aria-label]")) {
      for (const name of ["tabindex", "role", "aria-roledescription", "aria-label"]) inner.removeAttribute(name);
    }
    for (const name of ["role", "aria-roledescription", "aria-label", "tabindex"]) live.removeAttribute(name);
    live.setAttribute("aria-hidden", "true");
    holder.replaceChildren(live);
    holder.dataset.drawn = "live";
  }

  async function drawAll() {
    for (const holder of document.querySelectorAll(".chart")) {
      try {
        await draw(holder);
      } catch (error) {
        holder.dataset.drawn = "failed";
        console.error(`The chart "${holder.dataset.name}" stays a picture:`, error);
      }
    }
    document.documentElement.dataset.charts = "done";
  }

  /** What a cell sorts by: its number, or its text. */
  function keyOf(row, column) {
    const cell = row.cells[column];
    const number = Number(cell.dataset.value ?? NaN);
    return Number.isNaN(number) ? cell.textContent : number;
  }

  function compare(a, b) {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return typeof a === "number" ? -1 : 1;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    if (body.rows.length < 2) return;
    for (const [column, head] of heads.entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const rising = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const rows = [...body.rows].sort((a, b) => compare(keyOf(a, column), keyOf(b, column)) * (rising ? 1 : -1));
        body.append(...rows);
      });
    }
  }

  for (const table of document.querySelectorAll("table")) sortable(table);
  drawAll();
})();
