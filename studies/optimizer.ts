/**
 * Claim: Ranger gives a higher top-1 than AdamW.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") names Ranger, RAdam inside Lookahead, as one of
 * the entry's parts, without figures; gradient centralisation is its third part in newer versions. One arm takes each part
 * out, or adds the third. The baseline is the entry itself. Other optimizers have rates of their own, those usual for them.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "optimizer",
  claim: "Ranger beats AdamW",
  source: "the post: one of the entry's parts, without figures",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    "without-lookahead": { optimizer: { k: 0 } },
    "without-rectifying": { optimizer: { rectify: false } },
    "without-both": { optimizer: { k: 0, rectify: false } },
    "with-centralising": { optimizer: { centralise: true } },
    adamw: { optimizer: { name: "adamw", mom: 0.9, eps: 1e-5 }, schedule: { lr: 3e-3 } },
    sgd: { optimizer: { name: "sgd", mom: 0.9, nesterov: true, wd: 1e-3 }, schedule: { lr: 5e-2 } },
    muon: { optimizer: { name: "muon", mom: 0.95, restLr: 0.15 }, schedule: { lr: 2e-2 } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "adamw" },
});
