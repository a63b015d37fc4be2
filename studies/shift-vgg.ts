/**
 * Claim: VGG is particularly affected by shifts, so blur pools make it more consistent by more than a residual network.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") calls VGG particularly affected, after Zhang 2019
 * ("Making Convolutional Networks Shift-Invariant Again"), whose figures of moving images are of VGG16. This trains both
 * networks with both pools; the shifts of these runs are measured afterwards, and what each network gains seed by seed
 * decides. Accuracies are compared beside it, and only hint.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "shift-vgg",
  claim: "Blur pools make VGG-11 more consistent under shifts by more than a residual network",
  source: "the post, after Zhang 2019: VGG is particularly affected",
  preset: "imagenette-128-5",
  arms: {
    "vgg-max": { model: { name: "vgg11_bn", pool: "max" } },
    "vgg-blur": { model: { name: "vgg11_bn", pool: "maxblur" } },
    "resnet-max": { model: { name: "xresnet18", pool: "max" } },
    "resnet-blur": { model: { name: "xresnet18", pool: "maxblur" } },
  },
  baseline: "vgg-max",
  comparisons: [
    { arm: "vgg-blur", against: "vgg-max" },
    { arm: "resnet-blur", against: "resnet-max" },
  ],
});
