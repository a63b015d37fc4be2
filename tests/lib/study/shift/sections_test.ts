/** What was measured of moving images, as parts of a page and as a file. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { readShift, writeShift } from "../../../../lib/study/shift/file.ts";
import { Device, study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { noise, RingNet } from "./ring.ts";

async function measured(options: study.MeasureShiftOptions = {}): Promise<study.ShiftMeasurement> {
  using device = new Device("cpu", { threads: 1 });
  using set = noise(device, 20);
  using one = new RingNet({ device });
  using other = new RingNet({ device, seed: 0 });
  return await study.measureShift([{ label: "one <1>", model: one }, { label: "other", model: other }], set, {
    ...{ kind: "circular", shifts: 4, square: 2, images: 3, meanImages: 5, mapImages: 4 },
    ...options,
  });
}

/** Every field that a specification's encodings name, in whatever layer or panel. */
function fieldsIn(spec: unknown): string[] {
  if (typeof spec !== "object" || spec === null) return [];
  if (Array.isArray(spec)) return spec.flatMap(fieldsIn);
  return Object.entries(spec).flatMap(([name, value]) =>
    name === "field" && typeof value === "string" ? [value] : fieldsIn(value)
  );
}

/** What a page asks of figures: names, and rows that hold what is drawn. */
function checkFigures(sections: readonly study.Section[]): Map<string, study.Figure> {
  const figures = sections.flatMap(({ figures = [] }) => figures);
  const byName = new Map(figures.map((figure) => [figure.name, figure]));
  assertEquals(byName.size, figures.length, "each name once");
  for (const { name, spec, rows } of figures) {
    assert(/^[a-z0-9_-]+$/.test(name), name);
    for (const given of ["data", "title", "config", "width"]) assert(!Object.hasOwn(spec, given), `${name}: ${given}`);
    assert(rows.length > 0, name);
    const fields = fieldsIn(spec);
    assert(fields.length > 0, name);
    for (const field of fields) assert(rows.every((row) => Object.hasOwn(row, field)), `${name}: ${field}`);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      assert(typeof value !== "number" || Number.isFinite(value), name);
    }
  }
  return byName;
}

Deno.test("shiftSections: tables, curves, maps and layers hold what was measured", async () => {
  const found = await measured();
  const sections = study.shiftSections(found);
  assertEquals(sections.map(({ title }) => title), [
    ...["Consistency under shifts", "Probability of the right class", "Features inside"],
  ]);
  const figures = checkFigures(sections);
  assertEquals([...figures.keys()], [
    ...["shift-consistency", "shift-mean-right", "shift-mean-down", "shift-images-right", "shift-images-down"],
    ...["shift-map", "shift-layers", "shift-layer-maps-1", "shift-layer-maps-2"],
  ]);
  const counts = Object.fromEntries([...figures].map(([name, { rows }]) => [name, rows.length]));
  assertEquals(counts, {
    "shift-consistency": 2 * 2,
    "shift-mean-right": 2 * 5,
    "shift-mean-down": 2 * 5,
    "shift-images-right": 2 * 3 * 5,
    "shift-images-down": 2 * 3 * 5,
    "shift-map": 2 * 25,
    "shift-layers": 2 * 4,
    "shift-layer-maps-1": 2 * 25,
    "shift-layer-maps-2": 2 * 25,
  });
  const [shares, beside] = sections[0]!.tables!;
  assertEquals(shares!.rows[0]!.slice(0, 4), ["one <1>", "100.00 %", "83.89 to 100.00 %", "100.00 %"]);
  assertEquals([beside!.title, beside!.rows.length], ["Beside one <1>", 2]);
  assertStringIncludes(String(beside!.rows[0]!.at(-1)), "not decided");
  const values = figures.get("shift-map")!.rows.map(({ probability }) => probability as number);
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => Number(value.toPrecision(3)));
  assertStringIncludes(
    figures.get("shift-map")!.caption,
    `Colours go from ${low} to ${high}, the lowest and the highest`,
  );
  const cell = figures.get("shift-map")!.rows.find(({ model, right, down }) =>
    model === "other" && right === -2 && down === 1
  );
  assertEquals(cell!["probability"], found.models[1]!.map!.probability[3]![0]!);
  const mean = figures.get("shift-mean-down")!.rows[7]!;
  assertEquals(mean, {
    ...{ model: "other", shift: 0, probability: found.models[1]!.means.vertical.mean[2]! },
    ...{ low: found.models[1]!.means.vertical.low![2]!, high: found.models[1]!.means.vertical.high![2]! },
  });
  const layers = sections[2]!.tables!;
  assertEquals(layers.map(({ title, rows }) => [title, rows.length]), [["Layers of one <1>", 4], [
    "Layers of other",
    4,
  ]]);
  const named = new Set(figures.get("shift-layer-maps-1")!.rows.map(({ layer }) => layer));
  assertEquals(named, new Set(["second.conv [1]", "probabilities"]), "the last of each size, and the end");
});

Deno.test("shiftSections: a page draws every chart of them, with nothing odd, for like and unlike networks", async () => {
  using folder = tempFolder();
  const found = await measured();
  const page = async (result: study.ShiftMeasurement): Promise<void> => {
    const sections = study.shiftSections(result);
    const written = await study.writePage({ title: "shift", about: "a test", sections }, folder.path);
    assertEquals(written.warnings, []);
    const marks = new Map(written.figures.map((figure) => [figure.name, figure.marks]));
    assertEquals([marks.get("shift-map"), marks.get("shift-layer-maps-1")], [50, 50]);
    assertEquals(marks.get("shift-images-right"), 30, "three images, two models, five shifts");
    assert([...marks.values()].every((count) => count > 0));
  };
  await page(found);
  // Other layers than the first model's: a panel for each.
  const [one, other] = found.models;
  const named = other!.map!.layers.map((layer) => ({ ...layer, layer: `b.${layer.layer}` }));
  const apart = { ...found, models: [one!, { ...other!, map: { ...other!.map!, layers: named } }] };
  await page(apart);
  assert(study.shiftSections(apart)[2]!.figures![0]!.spec["facet"] !== undefined);
});

Deno.test("shiftSections: what was not measured is left out, and layers can be named", async () => {
  const bare = await measured({ square: 0, meanImages: 1 });
  const sections = study.shiftSections({ ...bare, models: bare.models.slice(0, 1), comparisons: [] });
  assertEquals(sections.map(({ tables = [], figures = [] }) => [tables.length, figures.length]), [[1, 1], [0, 4]]);
  const [, band] = sections[1]!.figures!;
  assertEquals([band!.rows[0]!["low"], JSON.stringify(band!.spec).includes("area")], [null, false]);
  const found = await measured({ mapImages: 1 });
  const [, , features] = study.shiftSections(found, { layers: ["head", "first.conv"] });
  checkFigures([features!]);
  const maps = features!.figures![1]!;
  assertEquals(new Set(maps.rows.map(({ layer }) => layer)), new Set(["head", "first.conv [1]"]));
  assert(maps.rows.every((row) => Object.hasOwn(row, "distance")), "one image has no other to compare with");
  assertThrows(
    () => study.shiftSections(found, { layers: ["heads"] }),
    RangeError,
    'Expected `layers` of one <1> among first.conv, second.conv, head, probabilities, got "heads"',
  );
  assertThrows(
    () => study.shiftSections({} as study.ShiftMeasurement),
    TypeError,
    "Expected what measureShift or shiftRuns gives, got",
  );
});

Deno.test("readShift: what was written comes back as it was; other files are refused", async () => {
  using folder = tempFolder();
  const { models, ...conditions } = await measured();
  const runs = models.map((each, at) => ({ ...each, path: `runs/${at}`, model: "ring", pool: null, seed: at }));
  const result = { ...conditions, runs, svg: "shift.svg", json: "shift.json", data: "noise" };
  const path = join(folder.path, "shift.json");
  assertEquals(await readShift(path), undefined);
  await writeShift(path, result);
  const again = await study.readShift(path);
  assertEquals(again, result);
  assertEquals(study.shiftSections(again!), study.shiftSections({ ...conditions, models }));
  const text = await Deno.readTextFile(path);
  const refused = async (content: string, message: string): Promise<void> => {
    await Deno.writeTextFile(path, content);
    await assertRejects(() => study.readShift(path), Error, message);
  };
  await refused(text.slice(0, 500), "Expected JSON in ");
  await refused(text.replace('"shiftFormat": 1', '"shiftFormat": 2'), "Expected a measurement of format 1 in ");
  await refused("{}", 'Expected "shiftFormat" in ');
  await refused('{ "shiftFormat": 1, "shifts": [], "images": [], "comparisons": [] }', 'Expected "runs" in ');
});
