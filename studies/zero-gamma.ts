/**
 * Claim: norms that end a block with weight 0 at first raise top-1.
 *
 * Goyal 2017 and He 2018 ("Bag of Tricks"): each block then begins as its shortcut. The entry has it, from fastai, without
 * figures. The baseline is the entry itself.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

export default study.define({
  name: "zero-gamma",
  claim: "Blocks that begin as their shortcuts raise top-1",
  source: "He 2018: zero gamma, one of its tricks for large batches",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    ones: { model: { zeroGamma: false } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "ones" },
});
