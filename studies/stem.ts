/**
 * Claim: a stem of three convolutions gives a higher top-1 than one of a single convolution.
 *
 * He 2018 ("Bag of Tricks", ResNet-D), whose stem the entry has: 0.3 points more on ImageNet for stem and shortcuts
 * together. Further arms leave the pool behind the stem out, at twice the stride, or make the stem wider. The baseline is
 * the entry itself.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "stem",
  claim: "A stem of three convolutions beats one of a single convolution",
  source: "He 2018: part of ResNet-D, which gains 0.3 points on ImageNet",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    single: { model: { stem: [64] } },
    wide: { model: { stem: [64, 64, 64] } },
    "no-pool": { model: { stemStride: 4, stemPool: false } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "single" },
});
