/**
 * Claim: label smoothing of 0.1 raises top-1.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") takes it over from the entries before it,
 * without figures. The baseline is the entry itself, with 0.1.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "label-smoothing",
  claim: "Label smoothing of 0.1 raises top-1",
  source: "the post: taken over without figures",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    hard: { loss: { labelSmoothing: 0 } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "hard" },
});
