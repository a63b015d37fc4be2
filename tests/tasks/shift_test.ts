import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { study } from "../../mod.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { train } from "../support/training.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

Deno.test("shift: two MNIST runs are compared on the same windows, and the figure is in the first run's folder", async () => {
  using folder = tempFolder();
  const short = { epochs: 1, limit: 512, bs: 32, threads: 1, out: folder.path };
  const blur = await train(short);
  const max = await train({ ...short, pool: "max" });
  const options = { limit: 60, threads: 1, images: 2 };
  const found = await study.shiftRuns([blur.run, join(max.run, "checkpoint", "state.safetensors")], options);
  assertEquals(found.svg, join(blur.run, "shift.svg"));
  assertEquals([found.shifts[0], found.shifts.at(-1), found.shifts.length], [-4, 4, 9]);
  assertEquals(found.images.map(({ sample, class: name }) => [sample, name]), [[0, "7"], [30, "3"]]);
  assertEquals(found.runs.map(({ pool, n }) => [pool, n]), [["maxblur", 60], ["max", 60]]);
  for (
    const { consistency, consistencyDiagonal, consistencyInterval, curves, verticalCurves, means, map } of found.runs
  ) {
    assert(consistency > 0.2 && consistency <= 1 && consistencyDiagonal > 0.2 && consistencyDiagonal <= 1);
    assert(consistencyInterval.low < consistency && consistency <= consistencyInterval.high);
    assertEquals([...curves, ...verticalCurves].map((curve) => curve.length), [9, 9, 9, 9]);
    for (const value of [...curves, ...verticalCurves].flat()) assert(value >= 0 && value <= 1);
    assertEquals([means.horizontal.n, map!.n, map!.shifts.length, map!.layers.at(-1)!.layer], [
      32,
      16,
      9,
      "probabilities",
    ]);
  }
  assertEquals([found.kind, found.size, found.margin, found.data], ["padded", 28, 8, "mnist"]);
  const [blurred, plain] = found.runs.map(({ map }) => map!.layers.find(({ layer }) => layer === "stemPool")!.distance);
  assert(blurred! < plain!, `the trained pool with blur moves nearer along: ${blurred} beside ${plain}`);
  assertEquals(found.comparisons.map(({ n, measure }) => [n, measure]), [[60, "consistency"], [
    60,
    "consistencyDiagonal",
  ]]);
  assertEquals(found.json, join(blur.run, "shift.json"));
  assertEquals(await study.readShift(found.json), found);
  const svg = await Deno.readTextFile(found.svg);
  assertEquals(svg.match(/<polyline /g)?.length, 4);
  assertStringIncludes(svg, "image 30: 3");
  assertEquals(
    (await study.shiftRuns([blur.run], { ...options, bs: 7 })).runs,
    [found.runs[0]!],
    "the batch size changes nothing",
  );

  const streams = keptStreams();
  const args = [max.run, "--limit", "16", "--shifts", "2", "--threads", "1", "--json"];
  assertEquals(await runCommand(args, shiftCommand, { streams }), 0, streams.text.err);
  const answer = JSON.parse(streams.text.out);
  assertEquals([answer.svg, answer.runs[0].n, answer.shifts], [join(max.run, "shift.svg"), 16, [-1, 0, 1]]);
  assertEquals([answer.runs[0].agreement, answer.runs[0].map.layers[0].map, answer.runs[0].map.n], [
    undefined,
    undefined,
    16,
  ]);
  assertEquals((await study.readShift(answer.json))!.runs[0]!.agreement.length, 16);
  const circular = keptStreams();
  const moved = [blur.run, max.run, "--kind", "circular", "--shifts", "27", "--pairs", "2", "--square", "0"];
  const few = ["--limit", "16", "--mean-images", "2", "--threads", "1", "--report", join(folder.path, "page")];
  assertEquals(await runCommand([...moved, ...few], shiftCommand, { streams: circular }), 0, circular.text.err);
  assertMatch(circular.text.out, /consistency \d+\.\d+ % \(\d+\.\d+ to \d+\.\d+ %\) · diagonal .* \(maxblur\)/);
  assertMatch(circular.text.out, /both axes {3}.* \(max\): (better|worse|not decided)/);
  const html = await Deno.readTextFile(join(folder.path, "page", "report.html"));
  assertStringIncludes(html, "Consistency under shifts");
  assertStringIncludes(circular.text.out, join(folder.path, "page", "report.html"));
  const kept = await study.readShift(join(blur.run, "shift.json"));
  assertEquals([kept!.kind, kept!.shifts.length, kept!.pairs, kept!.runs[0]!.map], ["circular", 28, 2, null]);
  const wrong = async (args: string[], text: string): Promise<void> => {
    const told = keptStreams();
    assertEquals(await runCommand([max.run, "--limit", "4", ...args], shiftCommand, { streams: told }), 2);
    assertStringIncludes(told.text.err, text);
  };
  await wrong(
    ["--square", "5"],
    "Expected --square up to 4, as images move by 8 pixels, half of them to either side, got 5",
  );
  await wrong(["--kind", "circular", "--shifts", "28"], "Expected --shifts below the 28 pixels of the images, got 28");
  await wrong(
    ["--size", "8", "--shifts", "8"],
    "mnist has images of 28 x 28 only, got --size 8 and --shifts 8, which take images of 16 x 16: leave out --size",
  );
  await wrong(["--kind", "cropped"], "Expected --kind circular or padded with the data set mnist, got cropped");
  await wrong(["--kind", "rolled"], 'Expected --kind to be one of cropped, circular, padded, got "rolled"');
  await wrong(["--out", "runs/shift.json"], "Expected --out as the figure's file, got ");
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
