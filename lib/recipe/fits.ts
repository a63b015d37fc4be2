/** Whether the loss and the metrics of a recipe are for what its data are to be answered with. */
import type { TargetKind } from "../data/targets.ts";
import { type Metrics, metricTargets } from "../nn/metrics.ts";
import { zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { measuresOf } from "../train/measures.ts";
import { SettingError } from "./errors.ts";
import type { Recipe } from "./recipe.ts";

/** Targets of each kind, in words. */
const inWords: Readonly<Record<TargetKind, string>> = {
  classes: "one class a sample",
  labels: "any number of labels a sample, 0 or 1 for each class",
  values: "values to predict",
};

/** Refuses values, which a recipe has no network for. */
export function requireClassTargets(name: string, targets: TargetKind): void {
  if (targets !== "values") return;
  throw new SettingError(
    "data.name",
    `Expected the \`data.name\` ${name} with classes, got ${inWords.values}: recipes are for classes and labels, and a ` +
      "Trainer trains on values in a script",
  );
}

/** Refuses cross entropy of several labels, and class weights of other classes. */
export function requireLossFits(
  { name, weights }: Recipe["loss"],
  { count, targets }: { count: number; targets: TargetKind },
): void {
  if (name !== "crossEntropy") return;
  if (targets === "labels") {
    throw new SettingError(
      "loss.name",
      `Expected a \`loss.name\` for ${inWords.labels}, got crossEntropy, which is for ${inWords.classes}: bceWithLogits ` +
        "asks for each label by itself",
    );
  }
  if (!Array.isArray(weights) || weights.length === count) return;
  throw new SettingError(
    "loss.weights",
    `Expected \`loss.weights\` as ${count} numbers, one for each class of the data, got ${weights.length}`,
  );
}

/** What is wrong with the first metric that cannot be taken of a network's output for one image. */
export function metricThatFails(
  metrics: Metrics,
  { output, images, targets, count }: { output: Tensor; images: Tensor; targets: TargetKind; count: number },
): SettingError | undefined {
  const { device } = images;
  const index = zeros([1], { device, dtype: "i32" });
  const labels = targets === "classes" ? index : zeros([1, count], { device, dtype: output.dtype });
  const batch = { inputs: images, images, targets: labels, labels, index };
  for (const [name, metric] of Object.entries(metrics)) {
    try {
      noGrad(() => measuresOf({ [name]: metric }, output, batch));
    } catch (error) {
      const reason = (error as Error).message;
      const kind = metricTargets.get(name);
      const got = kind === undefined ? `${name}: ${reason}` : `${name}, which is for ${inWords[kind]}`;
      const cure = kind !== undefined && targets === "classes" ? ": leave it out, accuracy is measured anyway" : "";
      const message = `Expected \`metrics\` for ${inWords[targets]}, got ${got}${cure}`;
      return new SettingError("metrics", message, { cause: error });
    }
  }
  return undefined;
}
