/** Options objects whose every name must be known: one that is not would be a setting without effect. */
import { kindOf, requireKnownOptions } from "../tensor/ops/checks.ts";

const rate = "the learning rate is the schedule's, or that of bind(model, { lr }) and of `lr` of what it returns";

/** Other libraries' names for what has another one here. */
const elsewhere: Readonly<Record<string, string>> = {
  learningRate: rate,
  learning_rate: rate,
  momentum: "it is called mom here",
  beta1: "it is called mom here",
  beta2: "it is called sqrMom here",
  betas: "they are called mom and sqrMom here",
  sqr_mom: "it is called sqrMom here",
  epsilon: "it is called eps here",
  weightDecay: "it is called wd here",
  weight_decay: "it is called wd here",
  pattern: "it is called match here",
  freeze: "it is called frozen here",
};

/** Throws where options set a name that is not among the known ones; a config's `name` may stay in it. */
export function requireKnown(op: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${op}(): Expected options as an object, got ${kindOf(options)}`);
  }
  const { name, ...others } = options as { name?: unknown };
  const lr = known.includes("lrScale") ? "lrScale multiplies the learning rate here" : rate;
  requireKnownOptions(op, name === op ? others : options, known, { ...elsewhere, lr });
}
