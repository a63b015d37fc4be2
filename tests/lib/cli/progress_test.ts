import { assert, assertEquals } from "@std/assert";
import { formatDuration, formatNumber, formatPercent, formatRate } from "../../../lib/cli/format.ts";
import { bar, Progress } from "../../../lib/cli/progress.ts";
import { Report } from "../../../lib/cli/report.ts";
import { type KeptStreams, keptStreams } from "./streams.ts";

interface Rig {
  readonly streams: KeptStreams;
  readonly progress: Progress;
  readonly clock: { now: number };
}

function rig(options: { terminal?: boolean; columns?: number; json?: boolean }): Rig {
  const streams = keptStreams(options);
  const clock = { now: 0 };
  const report = new Report({ json: options.json, streams });
  return { streams, clock, progress: new Progress(report, { now: () => clock.now }) };
}

Deno.test("bar: keeps its width from empty to full, in eighths", () => {
  for (const fraction of [-1, 0, 0.01, 0.5, 0.999, 1, 2]) assertEquals([...bar(fraction)].length, 31);
  assertEquals(bar(0), `▕${" ".repeat(29)}▏`);
  assertEquals(bar(1), `▕${"█".repeat(29)}▏`);
  assertEquals(bar(0.5 / 29), `▕▌${" ".repeat(28)}▏`);
});

Deno.test("Progress: on a terminal draws over itself, at most ten times a second", () => {
  const { streams, clock, progress } = rig({ terminal: true, columns: 200 });
  for (clock.now = 0; clock.now <= 1000; clock.now += 5) {
    progress.update({ label: "epoch 1/5", done: clock.now, total: 2000, facts: ["loss 1.842"] });
  }
  const frames = streams.text.err.split("\r\x1b[K").slice(1);
  assertEquals(frames.length, 10);
  assertEquals(frames.at(-1), `epoch 1/5 ${bar(0.5)} 50 % · loss 1.842 · 1,000 img/s · 1.0 s left`);
  assertEquals(streams.text.out, "");
});

Deno.test("Progress: a frame is never wider than the terminal", () => {
  const { streams, clock, progress } = rig({ terminal: true, columns: 30 });
  clock.now = 100;
  progress.update({ label: "epoch 1/5", done: 1, total: 2 });
  assertEquals([...streams.text.err.replace("\r\x1b[K", "")].length, 29);
});

Deno.test("Progress: on a narrow terminal the bar gives way to the facts", () => {
  const { streams, clock, progress } = rig({ terminal: true, columns: 60 });
  clock.now = 100;
  progress.update({ label: "epoch 1/5", done: 1, total: 2, facts: ["loss 1.842"] });
  assertEquals(
    streams.text.err.replace("\r\x1b[K", ""),
    `epoch 1/5 ${bar(0.5, 8)} 50 % · loss 1.842 · 10.0 img/s · 0.1 s left`.slice(0, 59),
  );
});

Deno.test("Progress: a line takes the bar away first, and so does the end of the block", () => {
  const { streams, clock, progress } = rig({ terminal: true });
  {
    using shown = progress;
    clock.now = 100;
    shown.update({ label: "a", done: 1, total: 2 });
    shown.line("a row");
    assert(streams.text.err.endsWith("\r\x1b[K"));
    assertEquals(streams.text.out, "a row\n");
    clock.now = 200;
    shown.update({ label: "a", done: 2, total: 2 });
  }
  assert(streams.text.err.endsWith("left\r\x1b[K"));
});

Deno.test("Progress: off a terminal one plain line a minute, nothing to draw over", () => {
  const { streams, clock, progress } = rig({});
  for (clock.now = 0; clock.now <= 150_000; clock.now += 1000) {
    progress.update({ label: "epoch 1/5", done: clock.now / 1000, total: 300 });
  }
  assertEquals(streams.text.err, "epoch 1/5 20 % · 1.0 img/s · 4:00 left\nepoch 1/5 40 % · 1.0 img/s · 3:00 left\n");
});

Deno.test("Progress: work done before the start is not taken for speed", () => {
  const { streams, clock, progress } = rig({});
  progress.start(100);
  clock.now = 60_000;
  progress.update({ label: "epoch 2/5", done: 160, total: 220 });
  assertEquals(streams.text.err, "epoch 2/5 72 % · 1.0 img/s · 1:00 left\n");
});

Deno.test("Progress: with --json rows go to stderr", () => {
  const { streams, progress } = rig({ json: true });
  progress.line("a row");
  assertEquals(streams.text, { out: "", err: "a row\n" });
});

Deno.test("format: numbers, rates, times and per cent as the terminal shows them", () => {
  assertEquals([formatNumber(9469), formatNumber(1.5, 2)], ["9,469", "1.50"]);
  assertEquals([formatRate(10.44), formatRate(1234.5)], ["10.4", "1,235"]);
  assertEquals([500, 9949, 9950, 424_000, 3_723_000].map(formatDuration), [
    "0.5 s",
    "9.9 s",
    "0:10",
    "7:04",
    "1:02:03",
  ]);
  assertEquals(formatDuration(Infinity), "?");
  assertEquals([formatPercent(0.58), formatPercent(0.9925, 2)], ["58.0 %", "99.25 %"]);
});
