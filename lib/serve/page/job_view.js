/** One job: where it stands, its curves, its settings. */
import { ask, follow, request } from "./api.js";
import { Curves } from "./curves.js";
import { byId, duration, element, figure, once, percent, said, tell } from "./dom.js";
import { useFor } from "./new_view.js";
import { differences, settingsIn } from "./settings.js";

const resting = ["done", "failed", "stopped", "cancelled"];

/** Warnings and notes that are shown, the last ones. */
const mostNotes = 50;

const stages = { download: "downloading data", prepare: "preparing data", train: "training", measure: "measuring" };

/** @param {any} job */
function toldOf({ state, reason, result, attempts }) {
  const parts = [];
  if (reason !== null) parts.push(reason);
  if (state === "queued") parts.push("It waits for its turn.");
  if (result?.top1 !== undefined && result?.top1 !== null) {
    parts.push(`Accuracy ${percent(result.top1)}, loss ${figure(result.loss)}.`);
  }
  if (attempts > 1) parts.push(`${attempts} processes so far.`);
  return parts.join(" ");
}

/** @param {any} job The settings that count: the whole recipe where the server knows it, and the rest of the specification. */
function settingsOf({ spec, recipe }) {
  const { name: _, recipe: own, ...rest } = spec;
  return { ...rest, recipe: recipe ?? own ?? {} };
}

/** @param {any} job @param {any} other undefined to show all settings of the one */
function putSettings(job, other) {
  const rows = other === undefined ? settingsIn(settingsOf(job)) : differences(settingsOf(job), settingsOf(other));
  const names = ["Setting", ...(other === undefined ? ["Value"] : [job.id, other.id])];
  const caption = other === undefined
    ? "All settings"
    : `${rows.length} ${rows.length === 1 ? "difference" : "differences"}`;
  byId("settings-caption", HTMLElement).textContent = caption;
  byId("settings-head", HTMLElement).replaceChildren(
    element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))),
  );
  byId("settings-rows", HTMLElement).replaceChildren(
    ...rows.map(([path, ...values]) =>
      element("tr", {}, element("th", { scope: "row" }, path), ...values.map((value) => element("td", {}, value)))
    ),
  );
}

/** @param {any} event */
function epochRow({ epoch, trainLoss, trainTop1, evaluation, lr, trainSeconds }) {
  const cells = [
    ...[figure(trainLoss), percent(trainTop1), figure(evaluation?.loss), percent(evaluation?.top1)],
    ...[figure(lr), duration(trainSeconds)],
  ];
  const row = element(
    "tr",
    {},
    element("th", { scope: "row" }, `${epoch}`),
    ...cells.map((text) => element("td", {}, text)),
  );
  row.dataset["epoch"] = epoch;
  return row;
}

/** What one look at a job shows. */
class Shown {
  #id;
  #over = new AbortController();
  #curves = new Curves(byId("job-curves", HTMLElement));
  /** @type {any} */
  #job;

  /** @param {string} id */
  constructor(id) {
    this.#id = id;
    byId("job-title", HTMLElement).textContent = id;
    byId("job-model", HTMLInputElement).value = id;
    for (const place of ["job-epochs", "job-notes", "settings-rows", "settings-head", "settings-caption", "job-told"]) {
      byId(place, HTMLElement).replaceChildren();
    }
    this.#putState({ state: "", reason: null, attempts: 0 });
    this.#listen();
    this.#begin().catch((error) => this.#failed(error));
  }

  get #path() {
    return `/jobs/${encodeURIComponent(this.#id)}`;
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!this.#over.signal.aborted) tell(said(error));
  }

  async #begin() {
    await this.#look();
    void this.#putOthers().catch((error) => this.#failed(error));
    await this.#follow();
  }

  async #follow() {
    while (!this.#over.signal.aborted && !await this.#followOnce()) await new Promise((next) => setTimeout(next, 1000));
  }

  /** Whether the job rests. */
  async #followOnce() {
    let lost = false;
    await follow(this.#id, {
      signal: this.#over.signal,
      onEvents: (events) => this.#take(events),
      onEnd: () => {},
      onState: (connected) => {
        if (lost && connected) tell("The server answers again");
        if (!lost && !connected) tell("The server does not answer: trying again");
        lost = !connected;
      },
    });
    if (this.#over.signal.aborted) return true;
    await this.#look();
    if (!resting.includes(this.#job.state)) return false;
    tell(`${this.#id} is ${this.#job.state}`);
    return true;
  }

  /** Asks where the job stands. */
  async #look() {
    const job = await ask("GET", this.#path);
    if (this.#over.signal.aborted) return;
    const first = this.#job === undefined;
    this.#job = job;
    this.#putState(job);
    if (first) {
      byId("job-spec", HTMLElement).textContent = JSON.stringify(job.spec, null, 2);
      putSettings(job, undefined);
    }
  }

  /** @param {any} job */
  #putState(job) {
    const { state } = job;
    const badge = byId("job-state", HTMLElement);
    badge.className = `state ${state}`;
    badge.textContent = state;
    byId("job-told", HTMLElement).textContent = state === "" ? "" : toldOf(job);
    const rests = resting.includes(state);
    /** @type {[string, boolean][]} */
    const hidden = [
      ["job-cancel", rests || state === ""],
      ["job-resume", !rests || state === "done"],
      ["job-purge", !rests],
      ["job-serve", state !== "done"],
    ];
    for (const [id, isHidden] of hidden) byId(id, HTMLElement).hidden = isHidden;
    byId("job-cancel", HTMLElement).toggleAttribute("disabled", state === "stopping");
    // A button that goes takes the focus with it.
    if (document.activeElement === document.body && state !== "") byId("job-title", HTMLElement).focus();
    if (rests) byId("job-progress-box", HTMLElement).hidden = true;
  }

  /** @param {readonly any[]} events */
  #take(events) {
    if (this.#over.signal.aborted) return;
    this.#curves.add(events);
    const epochs = byId("job-epochs", HTMLTableSectionElement);
    const notes = byId("job-notes", HTMLElement);
    for (const event of events) {
      if (event.type === "epoch") {
        while (Number(epochs.rows[epochs.rows.length - 1]?.dataset["epoch"]) >= event.epoch) epochs.deleteRow(-1);
        epochs.append(epochRow(event));
      }
      if (["warning", "note"].includes(event.type)) notes.append(element("li", { class: event.type }, event.message));
      if (["failed", "lost"].includes(event.type)) {
        notes.append(element("li", { class: "warning" }, event.error.message));
      }
      while (notes.childElementCount > mostNotes) notes.firstElementChild?.remove();
    }
    const progress = events.findLast(({ type }) => type === "progress");
    if (progress !== undefined) this.#putProgress(progress);
    const epoch = events.findLast(({ type }) => type === "epoch");
    const measured = epoch?.evaluation === null || epoch === undefined
      ? ""
      : `, accuracy ${percent(epoch.evaluation.top1)}`;
    // What came before the page was opened is not told as if it were new.
    if (epoch !== undefined && !resting.includes(this.#job?.state)) {
      tell(`Epoch ${epoch.epoch} of ${epoch.epochs}${measured}`);
    }
    const turned = events.some(({ type }) => ["started", "done", "failed", "stopped", "lost"].includes(type));
    if (turned) this.#look().catch((error) => this.#failed(error));
  }

  /** @param {any} event */
  #putProgress({ stage, done, total, epoch, epochs, step, steps, imagesPerSecond, secondsLeft }) {
    if (resting.includes(this.#job?.state)) return;
    byId("job-progress-box", HTMLElement).hidden = false;
    const bar = byId("job-progress", HTMLProgressElement);
    const share = steps !== null && steps > 0 ? step / steps : total !== null && total > 0 ? done / total : undefined;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
    const parts = [stages[/** @type {keyof typeof stages} */ (stage)]];
    if (epoch !== null) parts.push(`epoch ${epoch} of ${epochs}`);
    if (imagesPerSecond !== null) parts.push(`${Math.round(imagesPerSecond)} images/s`);
    if (secondsLeft !== null) parts.push(`${duration(secondsLeft)} left`);
    byId("job-progress-text", HTMLElement).textContent = parts.join(" · ");
  }

  async #putOthers() {
    const { jobs } = await ask("GET", "/jobs?limit=1000");
    if (this.#over.signal.aborted) return;
    const choice = byId("job-other", HTMLSelectElement);
    const others = jobs.filter((/** @type {any} */ { id }) => id !== this.#id);
    choice.replaceChildren(
      new Option("no other job", ""),
      ...others.map((/** @type {any} */ { id }) => new Option(id)),
    );
  }

  #listen() {
    const { signal } = this.#over;
    /** @param {string} id @param {() => Promise<void>} work */
    const on = (id, work) => {
      const button = byId(id, HTMLButtonElement);
      button.addEventListener("click", () => void once(button, work), { signal });
    };
    const dialog = byId("purge-dialog", HTMLDialogElement);
    on("job-cancel", async () => {
      await ask("DELETE", this.#path);
      await this.#look();
      tell(resting.includes(this.#job.state) ? `${this.#id} is ${this.#job.state}` : `${this.#id} saves and stops`);
    });
    on("job-resume", async () => {
      await ask("POST", "/jobs", { json: this.#job.spec });
      await this.#look();
      tell(`${this.#id} goes on`);
      void this.#follow().catch((error) => this.#failed(error));
    });
    on("job-copy", () => {
      useFor(this.#job.spec);
      location.hash = "#/new";
      return Promise.resolve();
    });
    on("job-report", () => this.#report());
    on("job-purge", () => {
      byId("purge-title", HTMLElement).textContent = `Remove ${this.#id}?`;
      dialog.showModal();
      return Promise.resolve();
    });
    on("purge-no", () => Promise.resolve(dialog.close()));
    on("purge-yes", async () => {
      dialog.close();
      await ask("DELETE", `${this.#path}?purge=true`);
      location.hash = "#/jobs";
    });
    byId("job-serve", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void once(/** @type {HTMLElement} */ (event.submitter), async () => {
        const name = byId("job-model", HTMLInputElement).value.trim();
        const model = await ask("PUT", `/models/${encodeURIComponent(name)}`, { json: { job: this.#id } });
        tell(`Version ${model.version} of ${model.name} is in service`);
      });
    }, { signal });
    byId("job-other", HTMLSelectElement).addEventListener("change", ({ target }) => {
      const { value } = /** @type {HTMLSelectElement} */ (target);
      if (value === "") return putSettings(this.#job, undefined);
      ask("GET", `/jobs/${encodeURIComponent(value)}`).then((other) => {
        const { value: now } = byId("job-other", HTMLSelectElement);
        if (!signal.aborted && now === value) putSettings(this.#job, other);
      }).catch((error) => this.#failed(error));
    }, { signal });
  }

  /** A page of its own with scripts in it, which this page's rules forbid to show: so it is a file. */
  async #report() {
    tell("The report is being made");
    const page = await (await request("GET", `${this.#path}/report`)).blob();
    const link = element("a", { href: URL.createObjectURL(page), download: `${this.#id}.html` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    tell("The report is downloaded");
  }

  /** Ends it. */
  close() {
    this.#over.abort();
    this.#curves.close();
    byId("job-curves", HTMLElement).replaceChildren();
    byId("job-other", HTMLSelectElement).replaceChildren(new Option("no other job", ""));
    byId("job-progress-box", HTMLElement).hidden = true;
  }
}

export const jobView = {
  title: "Job",
  /** @param {string} id */
  open(id) {
    const shown = new Shown(id);
    return () => shown.close();
  },
};
