/** Small sweeps on MNIST for tests. */
import { study } from "../../../../mod.ts";

/** Three arms on a few images. */
export const small: study.Study = study.define({
  name: "small",
  claim: "Max pools with a blur are better",
  preset: "mnist",
  changes: { epochs: 1, bs: 32, data: { limit: 128 }, threads: 1 },
  arms: { entry: {}, max: { model: { pool: "max" } } },
  baseline: "entry",
  primary: { arm: "entry", against: "max" },
});

/** The plan of {@linkcode small}, with some of it changed. */
export function smallPlan(options: study.PlanOptions = {}): study.Plan {
  return study.planOf(small, options);
}
