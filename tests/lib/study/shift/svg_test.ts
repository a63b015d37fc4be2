/** The figure of moving images. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { shiftSvg, ticks } from "../../../../lib/study/shift/svg.ts";

Deno.test("shiftSvg: axes, a panel an image, a line a model; text is escaped", () => {
  const svg = shiftSvg({
    title: "a < b",
    panels: ["one", "two"],
    shifts: [-2, -1, 0, 1, 2],
    series: [{ label: "max & more", curves: [[0, 0.25, 0.5, 0.75, 1], [1, 1, 1, 1, 1]] }],
  });
  assertStringIncludes(svg, "a &lt; b");
  assertStringIncludes(svg, "max &amp; more");
  assertStringIncludes(svg, "shift to the right, pixels");
  assertStringIncludes(svg, "probability of the right class");
  assertEquals(svg.match(/<polyline /g)?.length, 2);
  // From the lower left to the upper right corner of the first panel.
  assertStringIncludes(svg, 'points="62,238 231.5,195.5 401,153 570.5,110.5 740,68"');
});

Deno.test("shiftSvg: each of eight runs, the most that there can be, has a look of its own", () => {
  const series = Array.from({ length: 8 }, (_, at) => ({ label: `${at}`, curves: [[0, 1]] }));
  const svg = shiftSvg({ title: "", panels: ["one"], shifts: [0, 1], series });
  const looks = [...svg.matchAll(/<polyline [^>]*(stroke="[^>]*)\/>/g)].map(([, look]) => look);
  assertEquals([looks.length, new Set(looks).size], [8, 8]);
  const colours = looks.map((look) => /#\w+/.exec(look!)![0]);
  assertEquals(new Set(colours).size, 8);
});

Deno.test("shiftSvg: ticks are whole numbers with zero among them", () => {
  assertEquals(ticks(-16, 16), [-16, -8, 0, 8, 16]);
  assertEquals(ticks(-2, 2), [-2, -1, 0, 1, 2]);
  assertEquals(ticks(-4, 4), [-4, -2, 0, 2, 4]);
});
