/** JavaScript of a step that would freeze in a recording: noticed, told once, and run op by op. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { capture, Device, nn, ones, optim, pad, rand, StateError, type Tensor, tensor } from "../../../mod.ts";

/** Collects what is warned of while something runs. */
async function warnings(body: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const own = console.warn;
  console.warn = (line: string) => void lines.push(line);
  try {
    await body();
  } finally {
    console.warn = own;
  }
  return lines;
}

/** Runs a step several times on one device; gives the results, the warnings and the number of recordings. */
async function runs(
  body: (x: Tensor, call: number, device: Device) => Tensor,
  calls = 8,
): Promise<{ values: number[]; lines: string[]; recordings: number }> {
  using device = new Device("cpu", { threads: 1 });
  let call = 0;
  using step = capture((x: Tensor) => body(x, call++, device));
  using x = ones([3], { device });
  const values: number[] = [];
  const lines = await warnings(async () => {
    for (let i = 0; i < calls; i++) {
      using y = step(x);
      values.push(await y.item());
    }
  });
  assertEquals(device.stats().handles, 1);
  return { values, lines, recordings: step.recordings };
}

Deno.test("capture: a branch that JavaScript draws is told once, and the step stays right", async () => {
  // As `if (Math.random() < 0.5)` in a module's forward, with draws that a test can rely on.
  const draws = [true, false, false, true, true, false, true, false];
  const { values, lines, recordings } = await runs((x, call) => (draws[call] ? x.mul(3) : x.exp().log()).sum());
  assertEquals(values.map((value) => Math.round(value)), draws.map((drawn) => drawn ? 9 : 3));
  assertEquals([lines.length, recordings], [1, 0]);
  assertMatch(
    lines[0]!,
    /^capture\(\): This step is not recorded and runs op by op, as its runs differ: op 1 is affine\(\), it was exp\(\)\. /,
  );
  assertStringIncludes(lines[0]!, "draw from an nn.RandomCounter");
});

Deno.test("capture: a number that JavaScript counts is told with the parameter", async () => {
  const { values, lines, recordings } = await runs((x, call) => x.mul(call).sum());
  assertEquals(values, [0, 3, 6, 9, 12, 15, 18, 21]);
  assertEquals([lines.length, recordings], [1, 0]);
  assertStringIncludes(lines[0]!, "op 1 is affine() with `scale` 2, it was 1");
});

Deno.test("capture: other shapes, other tensors from outside, and more or fewer ops are told", async () => {
  const shapes = await runs((x, call) => pad(x, { before: [call], after: [0] }).sum());
  assertStringIncludes(shapes.lines[0]!, "op 1 is pad() with `beforeAndAfter` 2,0, it was 1,0");
  using device = new Device("cpu", { threads: 1 });
  const weights = [1, 2].map((value) => tensor([value], undefined, { device }));
  let call = 0;
  using step = capture((x: Tensor) => x.mul(weights[call++ % 2]!).sum());
  using x = ones([3], { device });
  const values: number[] = [];
  const lines = await warnings(async () => {
    for (let i = 0; i < 6; i++) {
      using y = step(x);
      values.push(await y.item());
    }
  });
  assertEquals(values, [3, 6, 3, 6, 3, 6]);
  assertMatch(
    lines.join(),
    /op 1 is mul\(\) with another tensor as `b` \(outside \d+ f32\[1\], it was outside \d+ f32\[1\]\)/,
  );
  for (const weight of weights) weight.dispose();
  const more = await runs((x, call) => {
    const y = x.sum();
    if (call % 2 === 1) x.exp();
    return y;
  });
  assertMatch(more.lines[0]!, /op 2 (was exp\(\), now the step ends before|is exp\(\), where the step ended)/);
});

Deno.test("capture: rand() with a seed that counts is refused in the recording, with the cure", async () => {
  using device = new Device("cpu", { threads: 1 });
  let seed = 0;
  using step = capture((x: Tensor) => x.add(rand([3], { seed: seed++, device })).sum());
  using x = ones([3], { device });
  step(x).dispose();
  const error = assertThrows(() => step(x), StateError, "rand(): Cannot draw random numbers inside capture()");
  assertStringIncludes(error.message, "draw them by rand() of an nn.RandomCounter");
  using counter = nn.RandomCounter.make({ seed: 0, device });
  using cured = capture((x: Tensor) => x.add(counter.rand([3])).sum());
  const found = new Set<number>();
  for (let i = 0; i < 5; i++) {
    using y = cured(x);
    found.add(await y.item());
  }
  assertEquals([found.size, cured.recordings], [5, 1]);
});

Deno.test("capture: what the first run alone does is no difference to be told", async () => {
  let state: Tensor | undefined;
  const { values, lines, recordings } = await runs((x) => {
    state ??= x.mul(2).detachFromScope();
    return x.add(state).sum();
  }, 0);
  assertEquals([values, lines, recordings], [[], [], 0]);
  using device = new Device("cpu", { threads: 1 });
  let calls = 0;
  using step = capture((x: Tensor) => {
    calls++;
    state ??= x.mul(2).detachFromScope();
    return x.add(state).sum();
  });
  using x = ones([3], { device });
  const told = await warnings(async () => {
    for (let i = 0; i < 8; i++) {
      using y = step(x);
      assertEquals(await y.item(), 9);
    }
  });
  // The first differs from the second; three on end are the same, and the fifth is recorded.
  assertEquals([told, step.recordings, calls], [[], 1, 5]);
  state?.dispose();
});

Deno.test("capture: draws made between steps are none of the step's ops", async () => {
  using device = new Device("cpu", { threads: 1 });
  using counter = nn.RandomCounter.make({ seed: 0, device });
  using other = nn.RandomCounter.make({ seed: 1, device });
  using model = new nn.Linear(3, 1, { device });
  using optimizer = optim.sgd().bind(model, { lr: 0.1 });
  using step = capture((x: Tensor) => {
    model.forward(x.add(counter.rand([2, 3]))).sum().backward();
    optimizer.step();
  });
  using x = ones([2, 3], { device });
  for (let i = 0; i < 5; i++) {
    if (i % 2 === 0) other.next().dispose();
    step(x);
  }
  assertEquals(step.recordings, 1);
  assertEquals([[...await counter.data()], [...await other.data()].slice(0, 3)], [[0, 0, 5, 5], [1, 0, 3]]);
});
