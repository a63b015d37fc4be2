/** Comparing steps, with processes that only say how long they took. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type CompareOptions, compareSteps } from "../../../tools/bench/compare_steps.ts";
import { Rival } from "../../../tools/bench/rival.ts";
import type { Starts } from "../../../tools/bench/starts.ts";
import { linesOf } from "../../../tools/bench/step_rows.ts";

const script = fromFileUrl(new URL("fake_rival.ts", import.meta.url));

function fake(...args: string[]): Promise<Rival> {
  return Rival.start({ program: Deno.execPath(), args: ["run", "-q", "--no-prompt", script, ...args] });
}

/** PyTorch in its two layouts, in the order in which they are started. */
function fakes(peers: readonly string[][]): Starts {
  let started = 0;
  return { own: () => fake("10", "50", "40", "60"), peer: () => fake(...peers[started++]!) };
}

const options: Omit<CompareOptions, "starts"> = {
  preset: "mnist",
  bs: 4,
  size: 28,
  threads: 1,
  rounds: 2,
  steps: 3,
  dtypes: ["f32"],
  modes: ["eager"],
  optimizers: ["ranger", "adamw"],
  layouts: ["nchw", "nhwc"],
  isa: undefined,
  beside: undefined,
  note: () => {},
};

Deno.test("bench step --peer: each optimizer's better layout counts, and ratios are of medians", async () => {
  const result = await compareSteps({ ...options, starts: fakes([["10", "200"], ["10", "100"]]) });
  const rates = result.rows.map(({ who, layout, optimizer, img_per_s, best_img_per_s }) =>
    [who, layout, optimizer, img_per_s, best_img_per_s] as const
  );
  assertEquals(rates, [
    ["own", undefined, undefined, 80, 100],
    ["peer", "nchw", "ranger", 20, 20],
    ["peer", "nchw", "adamw", 40, 40],
    ["peer", "nhwc", "ranger", 40, 40],
    ["peer", "nhwc", "adamw", 80, 80],
  ]);
  assertEquals(result.ratios, [
    { own: "f32", rival: "PyTorch eager f32, ranger", speed: 2, best_speed: 2.5, memory: 1 },
    { own: "f32", rival: "PyTorch eager f32, adamw", speed: 1, best_speed: 1.25, memory: 1 },
  ]);
  assertEquals([result.rows[0]!.rounds, result.peer, result.beside], [[50, 50], { torch: "0.0" }, null]);
  const lines = linesOf(result.rows, result.ratios);
  assertEquals(lines.length, 6);
  assertEquals(lines.filter((line) => line.includes("*")).length, 2);
  assertStringIncludes(lines.find((line) => /ranger +nhwc \*/.test(line))!, "2.00x");
});

Deno.test("bench step --peer: another network than ours is refused", async () => {
  const run = (): Promise<unknown> => compareSteps({ ...options, starts: fakes([["11", "200"]]) });
  const message = "PyTorch eager f32, nchw: Expected a network of 10 parameters, got one of 11";
  assertEquals((await assertRejects(run, Error)).message, message);
});

Deno.test("rival: what fails there, and what it said before it ended, is told", async () => {
  await using rival = await fake();
  const failed = await assertRejects(() => rival.ask("fail", {}), Error);
  assertEquals(failed.message, "What is measured failed: out of paper");
  const ended = await assertRejects(() => rival.ask("end", {}), Error);
  assertEquals(ended.message, "What is measured ended: the last words");
});

Deno.test("rival: one that ends before it is ready is told of by its own words", async () => {
  const start = (): Promise<Rival> =>
    Rival.start({ program: Deno.execPath(), args: ["eval", "console.error('no PyTorch here')"] });
  assertEquals((await assertRejects(start, Error)).message, "What is measured ended: no PyTorch here");
});
