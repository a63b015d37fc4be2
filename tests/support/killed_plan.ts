/** What the sweep is of that tests kill: long enough to be met in the middle of a run. */
import { study } from "../../mod.ts";

/** Two arms of some seconds each. */
export function killedPlan(): study.Plan {
  return study.planOf(study.define({
    name: "killed",
    claim: "Max pools with a blur are better",
    preset: "mnist",
    changes: { epochs: 2, bs: 32, data: { limit: 1024 }, threads: 1 },
    arms: { entry: {}, max: { model: { pool: "max" } } },
    baseline: "entry",
  }));
}
