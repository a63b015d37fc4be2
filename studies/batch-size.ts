/**
 * Claim: batches of 32 give a higher top-1 than batches of 64 at the same learning rate.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") shows two plots and no figures: batch 32 at a
 * constant rate beats batch 64, at the same rate and at one scaled linearly with the batch. The baseline is the entry itself,
 * batch 32 at 8e-3.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "batch-size",
  claim: "Batches of 32 beat batches of 64 at the same learning rate",
  source: "the post: batch 32 at a constant rate is best in its plots",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    "bs64": { bs: 64 },
    "bs128": { bs: 128 },
    "bs64-scaled": { bs: 64, scaleLr: true },
    "bs128-scaled": { bs: 128, scaleLr: true },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "bs64" },
  comparisons: [
    { arm: "entry", against: "bs64-scaled" },
    { arm: "entry", against: "bs128" },
    { arm: "entry", against: "bs128-scaled" },
    { arm: "bs64-scaled", against: "bs64" },
    { arm: "bs128-scaled", against: "bs128" },
  ],
});
