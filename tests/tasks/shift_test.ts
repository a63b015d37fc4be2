import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { shift, shiftCommand } from "../../tasks/shift.ts";
import { shiftSvg, ticks } from "../../lib/study/shift_figure.ts";
import { train } from "../support/training.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

Deno.test("shift: two MNIST runs are compared on the same windows, and the figure is in the first run's folder", async () => {
  using folder = tempFolder();
  const short = { epochs: 1, limit: 512, bs: 32, threads: 1, out: folder.path };
  const blur = await train(short);
  const max = await train({ ...short, pool: "max" });
  const options = { limit: 60, threads: 1, images: 2 };
  const found = await shift([blur.run, join(max.run, "checkpoint", "state.safetensors")], options);
  assertEquals(found.svg, join(blur.run, "shift.svg"));
  assertEquals([found.shifts[0], found.shifts.at(-1), found.shifts.length], [-4, 4, 9]);
  assertEquals(found.images.map(({ sample, class: name }) => [sample, name]), [[0, "7"], [30, "3"]]);
  assertEquals(found.runs.map(({ pool, n }) => [pool, n]), [["maxblur", 60], ["max", 60]]);
  for (const { consistency, consistencyDiagonal, curves } of found.runs) {
    assert(consistency > 0.2 && consistency <= 1 && consistencyDiagonal > 0.2 && consistencyDiagonal <= 1);
    assertEquals(curves.map((curve) => curve.length), [9, 9]);
    for (const value of curves.flat()) assert(value >= 0 && value <= 1);
  }
  const svg = await Deno.readTextFile(found.svg);
  assertEquals(svg.match(/<polyline /g)?.length, 4);
  assertStringIncludes(svg, "image 30: 3");
  assertEquals(
    (await shift([blur.run], { ...options, bs: 7 })).runs,
    [found.runs[0]!],
    "the batch size changes nothing",
  );

  const streams = keptStreams();
  const args = [max.run, "--limit", "16", "--shifts", "2", "--threads", "1", "--json"];
  assertEquals(await runCommand(args, shiftCommand, { streams }), 0, streams.text.err);
  const answer = JSON.parse(streams.text.out);
  assertEquals([answer.svg, answer.runs[0].n, answer.shifts], [join(max.run, "shift.svg"), 16, [-1, 0, 1]]);
  const ema = keptStreams();
  assertEquals(await runCommand([max.run, "--ema"], shiftCommand, { streams: ema }), 2);
  assertStringIncludes(ema.text.err, "which has none: leave out --ema");
  const none = keptStreams();
  assertEquals(await runCommand([join(folder.path, "none")], shiftCommand, { streams: none }), 2);
  assertStringIncludes(none.text.err, "Cannot find ");
  const elsewhere = keptStreams();
  assertEquals(await runCommand(["no-such-run"], shiftCommand, { streams: elsewhere }), 2);
  assertStringIncludes(elsewhere.text.err, 'Cannot find "no-such-run"');
});

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
