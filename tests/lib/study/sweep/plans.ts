/** Small sweeps on MNIST for tests. */
import { join } from "@std/path";
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

/** Two sweeps that share the arm entry, which the first has trained. */
export async function sharedSweeps(root: string): Promise<[first: string, second: string]> {
  const folders: [string, string] = [join(root, "a"), join(root, "b")];
  await study.sweep(smallPlan(), { folder: folders[0], runs: 1 });
  const arms = { entry: {}, hard: { loss: { labelSmoothing: 0 } } };
  const hard = study.planOf(study.define({ ...small, name: "hard", arms, primary: undefined }));
  await study.sweep(hard, { folder: folders[1], runs: 1 });
  return folders;
}
