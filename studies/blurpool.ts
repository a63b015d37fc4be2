/**
 * Claim: a blur after each max pool (Zhang 2019) raises top-1.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?"), 5 runs each of the entry at 128 px and 5
 * epochs: 87.43 % with the blur (.876688 .872611 .868280 .874904 .879236), 86.37 % without (.857325 .865223 .868280 .865478
 * .862166). The baseline is the entry itself, whose filter is Tri-3.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "blurpool",
  claim: "A blur after each max pool raises top-1",
  source: "the post: 87.43 % with it, 86.37 % without, means of 5 runs",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    max: { model: { pool: "max" } },
    "blur-rect2": { model: { blur: "rect2" } },
    "blur-bin5": { model: { blur: "bin5" } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "max" },
  comparisons: [
    { arm: "blur-rect2", against: "max" },
    { arm: "blur-bin5", against: "max" },
    { arm: "blur-rect2", against: "entry" },
    { arm: "blur-bin5", against: "entry" },
  ],
});
