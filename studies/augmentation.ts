/**
 * Claim: in 5 epochs, plain resizing gives a higher top-1 than RandomResizedCrop with RandomErasing.
 *
 * The post (Osmulski, "How to reach the top of the imagenette leaderboard?") says so of 5 epochs, without figures: the entry
 * before it had RandomResizedCrop of at least 0.35 of the area and RandomErasing (p 0.9, up to 3 boxes), and both were
 * dropped. Whether longer trainings want them back is what the arms of 20 epochs look at. The baseline is the entry itself.
 *
 * @module
 */
import { study } from "@libtrain/libtrain";

const resized = { crop: "resized", minScale: 0.35 } as const;
const erased = { erase: 0.9, eraseCount: 3 } as const;

export default study.define({
  name: "augmentation",
  claim: "In 5 epochs plain resizing beats RandomResizedCrop with RandomErasing",
  source: "the post: without both wins at 5 epochs",
  preset: "imagenette-128-5",
  arms: {
    entry: {},
    "cropped": { transforms: resized },
    "erased": { transforms: erased },
    "cropped-erased": { transforms: { ...resized, ...erased } },
    "entry-20": { epochs: 20 },
    "cropped-20": { epochs: 20, transforms: resized },
    "erased-20": { epochs: 20, transforms: erased },
    "cropped-erased-20": { epochs: 20, transforms: { ...resized, ...erased } },
  },
  baseline: "entry",
  primary: { arm: "entry", against: "cropped-erased" },
  comparisons: [
    { arm: "entry", against: "cropped" },
    { arm: "entry", against: "erased" },
    { arm: "entry-20", against: "cropped-20" },
    { arm: "entry-20", against: "erased-20" },
    { arm: "entry-20", against: "cropped-erased-20" },
  ],
});
