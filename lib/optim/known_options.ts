/** Options objects whose every name must be known: one that is not would be a setting without effect. */

const rate = "the learning rate is the schedule's, or that of bind(model, { lr }) and of `lr` of what it returns";

/** Other libraries' names for what has another one here. */
const elsewhere: Readonly<Record<string, string>> = {
  lr: rate,
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
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${op}(): Expected options as an object, got ${options}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name) || name === "name" && value === op) continue;
    const hint = name === "lr" && known.includes("lrScale")
      ? "lrScale multiplies the learning rate here"
      : elsewhere[name];
    throw new TypeError(
      `${op}(): Expected options among ${known.join(", ")}, got \`${name}\`${hint === undefined ? "" : `: ${hint}`}`,
    );
  }
}
