import { assert, assertEquals, assertStringIncludes } from "@std/assert";
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
  for (const { consistency, consistencyDiagonal, curves } of found.runs) {
    assert(consistency > 0.2 && consistency <= 1 && consistencyDiagonal > 0.2 && consistencyDiagonal <= 1);
    assertEquals(curves.map((curve) => curve.length), [9, 9]);
    for (const value of curves.flat()) assert(value >= 0 && value <= 1);
  }
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
