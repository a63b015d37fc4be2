/**
 * Claim: xse_resnext50 gives a higher top-1 than xresnet50.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") takes xse_resnext50 over from the entries before
 * it, without figures; this takes squeeze-and-excitation, then the groups, away. The baseline is the entry itself; every arm
 * names its network, so that on a smaller base all three stay what they are.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "resnext",
  claim: "xse_resnext50 beats xresnet50",
  source: "the post: taken over without figures",
  preset: "imagenette-128-5",
  arms: {
    xse_resnext50: { model: { name: "xse_resnext50" } },
    xse_resnet50: { model: { name: "xse_resnet50" } },
    xresnet50: { model: { name: "xresnet50" } },
  },
  baseline: "xse_resnext50",
  primary: { arm: "xse_resnext50", against: "xresnet50" },
});
