/** Numbers that are not finite, in each layer of ten. */
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { NanAnswer } from "../children/nan_layers.ts";

/** Each layer once. */
export const nan: Check = {
  name: "nan",
  promise: "NaN in any layer stops the training in the same step, by the layer's name, and reaches no checkpoint.",
  unit: "layers",
  sizes: { quick: 10, long: 10 },
  async run({ folder }, tally): Promise<void> {
    const { tried, lost } = answerOf<NanAnswer>(await runChild("nan_layers", [folder, "NaN"]));
    tally.count(undefined, tried - lost.length);
    for (const loss of lost) tally.count(loss);
  },
  async control({ folder }): Promise<Control> {
    const planted = "a fault that no number shows: a layer multiplies by 1.001";
    const { lost } = answerOf<NanAnswer>(await runChild("nan_layers", [folder, "1.001"]));
    return { planted, caught: lost.length > 0, said: lost[0] ?? "all told" };
  },
};
