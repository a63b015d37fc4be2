import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { lrFindCommand } from "../../tasks/lr_find.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

async function lrFind(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, lrFindCommand, { streams });
  return { code, ...streams.text };
}

const short = ["--limit", "256", "--bs", "16", "--threads", "1", "--steps", "30"];

Deno.test("lr-find: a suggestion as lines and as JSON, with the curve in a folder", async () => {
  using folder = tempFolder();
  const out = join(folder.path, "rate");
  const { code, out: text, err } = await lrFind(...short, "--out", out);
  assertEquals([code, err], [0, ""]);
  assertMatch(text, /^libtrain .* · f32 · mnistNet 76,418 parameters · 256 images of mnist · seed 0\n/);
  assertMatch(
    text,
    /\nrate {8}\S+ is suggested: valley \S+ · steep \S+ · minimum \S+ · slide \S+\nsteps {7}\d+ of 30: /,
  );
  const json = join(out, "lr_find.json");
  const [html, svg] = [join(out, "report.html"), join(out, "figures", "lr-find.svg")];
  assertStringIncludes(text, `\nfigure      ${svg}\nnumbers     ${json}\npage        ${html}\n`);
  assertStringIncludes(await Deno.readTextFile(html), "A learning rate for mnist");
  assertStringIncludes(await Deno.readTextFile(svg), "Learning rate");
  const kept = JSON.parse(await Deno.readTextFile(json));

  const other = join(folder.path, "other");
  const answer = await lrFind(...short, "--out", other, "--json");
  const { points, suggestion, suggestions, ended, folder: made, recipe } = JSON.parse(answer.out);
  assertEquals([answer.code, made, ended, recipe.bs], [0, other, kept.ended, 16]);
  assertEquals([points, suggestion, suggestions], [kept.points, kept.suggestion, kept.suggestions]);
  assert(points.length > 20 && points[0].lr === 1e-7);
});

Deno.test("lr-find: every setting of a training, rates of one's own, and what cannot be", async () => {
  using folder = tempFolder();
  const own = ["--opt", "adamw", "--act", "relu", "--start-lr", "1e-5", "--end-lr", "0.1", "--no-capture"];
  const { code, out, err } = await lrFind(...short, ...own, "--out", join(folder.path, "a"), "--json");
  assertEquals(code, 0, err);
  const { points, recipe } = JSON.parse(out);
  assertEquals([recipe.optimizer.name, recipe.model.act, recipe.capture], ["adamw", "relu", false]);
  assertEquals([points.length, points[0].lr], [30, 1e-5]);
  for (
    const [args, message] of [
      [["--steps", "3"], "Expected --steps to be a whole number from 20 to 10000"],
      [["--start-lr", "1", "--end-lr", "0.1"], "Expected --end-lr above --start-lr, 1, got 0.1"],
      [["--preset", "none"], "Expected --preset to be one of mnist, "],
      [["--size", "32"], "mnist has images of 28 x 28 only, got --size 32"],
      [
        ["--out", "/elsewhere"],
        'deno run -P=lr-find --allow-write="/elsewhere,runs,.cache" tasks/lr_find.ts --out /elsewhere',
      ],
    ] as const
  ) {
    const wrong = await lrFind(...args);
    assertEquals([wrong.code, wrong.out], [2, ""], wrong.err);
    assertStringIncludes(wrong.err, message);
  }
});
