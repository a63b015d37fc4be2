/** Predictions of images that are dropped. */
import { ask, request } from "./api.js";
import { byId, element, once, percent, said, tell } from "./dom.js";

const types = ["image/jpeg", "image/png", "image/webp"];

/** Requests at once: the server puts images of several into one batch. */
const atOnce = 4;

/** Answers that stay on the page. */
const most = 200;

/** @param {HTMLLIElement} item */
function remove(item) {
  const image = item.querySelector("img");
  if (image !== null) URL.revokeObjectURL(image.src);
  item.remove();
}

/** @param {HTMLElement} place @param {any} answer */
function put(place, { model, version, predictions: [{ guesses, damage }] }) {
  const rows = guesses.map((/** @type {any} */ guess) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, guess.class),
      element("td", {}, element("meter", { max: 1, value: guess.probability, "aria-hidden": "true" })),
      element("td", {}, percent(guess.probability)),
    )
  );
  place.replaceChildren(
    element(
      "table",
      { class: "guesses" },
      element("caption", {}, `${model}, version ${version}`),
      element("tbody", {}, ...rows),
    ),
    ...(damage === null ? [] : [element("p", { class: "note" }, `The file is damaged: ${damage}`)]),
  );
}

export const predictView = {
  title: "Predict",
  open() {
    const over = new AbortController();
    const { signal } = over;
    const drop = byId("predict-drop", HTMLElement);
    const input = byId("predict-files", HTMLInputElement);
    const [model, version] = [byId("predict-model", HTMLSelectElement), byId("predict-version", HTMLSelectElement)];
    const rollback = byId("predict-rollback", HTMLButtonElement);
    const answers = byId("predict-answers", HTMLOListElement);
    /** @type {any[]} */
    let models = [];

    const putVersions = () => {
      const chosen = models.find(({ name }) => name === model.value);
      const versions = (chosen?.versions ?? []).toReversed();
      version.replaceChildren(
        new Option(chosen === undefined ? "none" : `in service (${chosen.version})`, ""),
        ...versions.map((/** @type {any} */ each) => new Option(`${each.version}, of ${each.job}`, `${each.version}`)),
      );
      const current = versions.find((/** @type {any} */ each) => each.version === chosen?.version);
      rollback.hidden = (current?.before ?? null) === null;
    };
    const look = async () => {
      ({ models } = await ask("GET", "/models"));
      if (signal.aborted) return;
      const before = model.value;
      model.replaceChildren(...models.map(({ name }) => new Option(name)));
      if (models.some(({ name }) => name === before)) model.value = before;
      byId("predict-none", HTMLElement).hidden = models.length > 0;
      byId("predict-form", HTMLElement).hidden = models.length === 0;
      putVersions();
    };

    /** @param {File} file @param {HTMLElement} place @param {string} query */
    const predict = async (file, place, query) => {
      try {
        const headers = { "content-type": types.includes(file.type) ? file.type : "application/octet-stream" };
        const answer = await (await request("POST", `/predict?${query}`, { body: file, headers })).json();
        put(place, answer);
        const [guess] = answer.predictions[0].guesses;
        tell(`${file.name}: ${guess.class}, ${percent(guess.probability)}`);
      } catch (error) {
        place.replaceChildren(element("p", { class: "error" }, said(error)));
        tell(`${file.name}: ${said(error)}`);
      }
    };
    /** @param {Iterable<File>} files */
    const take = async (files) => {
      const query = new URLSearchParams({ model: model.value, top: "5" });
      if (version.value !== "") query.set("version", version.value);
      const waiting = [...files].slice(0, most).map((file) => {
        const place = element("div", { class: "answer" }, "…");
        const picture = element("img", { src: URL.createObjectURL(file), alt: "", width: 112, height: 112 });
        picture.addEventListener("error", () => picture.remove());
        const item = element("li", {}, picture, element("div", {}, element("b", {}, file.name), place));
        answers.prepend(item);
        return () => predict(file, place, `${query}`);
      });
      for (const old of [...answers.querySelectorAll("li")].slice(most)) remove(old);
      await Promise.all(Array.from({ length: atOnce }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
      }));
    };

    drop.addEventListener("dragover", () => drop.classList.add("over"), { signal });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"), { signal });
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      void take(event.dataTransfer?.files ?? []);
    }, { signal });
    input.addEventListener("change", () => {
      void take([...input.files ?? []]);
      // So that the same file may be chosen again.
      input.value = "";
    }, { signal });
    model.addEventListener("change", putVersions, { signal });
    rollback.addEventListener("click", () =>
      void once(rollback, async () => {
        const { name, version: now } = await ask("POST", `/models/${model.value}/rollback`);
        tell(`Version ${now} of ${name} is in service`);
        await look();
      }), { signal });
    look().catch((error) => tell(said(error)));
    return () => {
      over.abort();
      for (const item of answers.querySelectorAll("li")) remove(item);
    };
  },
};
