/**
 * Claim: a rate that is flat for three quarters of the steps gives a higher top-1 than one cycle.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") takes fit_flat_cos over from the entries before
 * it, without figures. The baseline is the entry itself; the others have the same highest rate.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "schedule",
  claim: "A flat rate with a cosine at the end beats one cycle",
  source: "the post: taken over without figures",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    "one-cycle": { schedule: { name: "oneCycle" } },
    cosine: { schedule: { name: "cosine" } },
    constant: { schedule: { name: "constant" } },
    "flat-half": { schedule: { start: 0.5 } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "one-cycle" },
});
