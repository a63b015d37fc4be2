/** Smoothing, stopping and suggestions beside those of fastai's own lr_find. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  growingRates,
  pointsThatCount,
  type RatePoint,
  Smoothing,
  suggestionsOf,
} from "../../../../lib/study/lr_find/suggestions.ts";

/** As tests/fixtures/make_lr_find.py writes it. */
interface StoredCase {
  readonly name: string;
  readonly startLr: number;
  readonly endLr: number;
  readonly steps: number;
  /** null for NaN. */
  readonly losses: (number | null)[];
  readonly taken: number;
  readonly lrs: number[];
  readonly smooth: (number | null)[];
  readonly suggestions: Record<"valley" | "steep" | "minimum" | "slide", number>;
}

const file = new URL("../../../fixtures/lr_find/lr_find.json", import.meta.url);
const { cases }: { cases: StoredCase[] } = JSON.parse(Deno.readTextFileSync(file));

/** The sweep of given losses, as lrFind makes it of a training. */
function swept({ losses, startLr, endLr, steps }: StoredCase): { points: RatePoint[]; broken: boolean } {
  const rates = growingRates({ start: startLr, end: endLr, steps });
  const smoothing = new Smoothing();
  const points: RatePoint[] = [];
  let best = Infinity;
  for (const [step, loss] of losses.entries()) {
    if (loss === null) return { points, broken: true };
    const smooth = smoothing.add(loss);
    points.push({ lr: rates[step]!, loss, smooth });
    best = Math.min(best, smooth);
    if (smooth > 4 * best) break;
  }
  return { points, broken: false };
}

Deno.test("lrFind: rates, smoothed losses and the step that ends it are fastai's", () => {
  assertEquals(cases.length, 9);
  assert(cases.filter(({ taken, steps }) => taken < steps).length >= 3, "some diverge");
  for (const stored of cases) {
    const { points, broken } = swept(stored);
    // fastai goes on with losses that are no numbers.
    if (!broken) assertEquals(points.length, stored.taken, stored.name);
    for (const [step, { lr, smooth }] of points.entries()) {
      assertAlmostEquals(lr / stored.lrs[step]!, 1, 1e-12);
      assertAlmostEquals(smooth, stored.smooth[step]!, 1e-5 * Math.abs(smooth), `${stored.name}, step ${step}`);
    }
    assertEquals(stored.smooth[points.length] ?? null, null, stored.name);
  }
});

Deno.test("lrFind: valley, steep, minimum and slide suggest what fastai's do", () => {
  for (const stored of cases) {
    const { points, broken } = swept(stored);
    const found = suggestionsOf(pointsThatCount(points, { steps: stored.steps, broken }));
    for (const [rule, lr] of Object.entries(stored.suggestions)) {
      // fastai's rates are f32.
      assertAlmostEquals(found[rule as "valley"]! / lr, 1, 1e-6, `${rule}, ${stored.name}`);
    }
  }
});

Deno.test("lrFind: a fall from the first point to the last has its valley inside, and few points suggest nothing", () => {
  const falling = (n: number): RatePoint[] =>
    Array.from({ length: n }, (_, at) => ({ lr: 10 ** (at - n), loss: n - at, smooth: n - at }));
  assertEquals(suggestionsOf(falling(2)).valley, falling(2)[0]!.lr);
  assertEquals(suggestionsOf(falling(10)).valley, falling(10)[3]!.lr);
  assertEquals(suggestionsOf([]), { valley: null, steep: null, minimum: null, slide: null });
  const one = suggestionsOf(falling(1));
  assertEquals([one.valley, one.steep, one.minimum, one.slide], [null, null, falling(1)[0]!.lr / 10, null]);
  assertEquals(suggestionsOf(falling(15)).slide, null);
  assertEquals(suggestionsOf(falling(16)).slide, falling(16)[0]!.lr);
  assertEquals(pointsThatCount(falling(12), { steps: 100, broken: false }), []);
  assertEquals(pointsThatCount(falling(12), { steps: 100, broken: true }).length, 2);
});
