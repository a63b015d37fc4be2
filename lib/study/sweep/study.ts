/** Studies: a claim, the arms that put it to the test, and which comparison decides. */
import { shown } from "../../io/shown.ts";
import { RecipeError } from "../../recipe/errors.ts";
import type { RecipeChanges } from "../../recipe/recipe.ts";
import {
  kindOf,
  nearest,
  requireChoice,
  requireKnownOptions,
  requireOptions,
  requireText,
} from "../../tensor/ops/checks.ts";

/** Two arms, trained on the same seeds. */
export interface Comparison {
  /** The arm that a claim is about. */
  readonly arm: string;
  /** What it is compared with. */
  readonly against: string;
}

/** What runs are compared by: `loss` without label smoothing, for which less is better. */
export type Measure = "top1" | "loss";

/** An experiment as plain data. */
export interface Study {
  /** Its name: its sweep's folder is called by it. */
  readonly name: string;
  /** What is put to the test, in one sentence: the primary comparison's arm is better than what it is compared with. */
  readonly claim: string;
  /** What the claim's source measured, in one sentence. */
  readonly source?: string;
  /** What is trained, by a preset's name. */
  readonly preset: string;
  /** What all arms change of it. */
  readonly changes?: RecipeChanges;
  /** What each arm changes, by its name; `{}` for none. */
  readonly arms: Readonly<Record<string, RecipeChanges>>;
  /** The arm that the others are compared with unless `comparisons` say otherwise. */
  readonly baseline: string;
  /** The one comparison that decides the claim, written down before anything runs. */
  readonly primary?: Comparison;
  /** Others, which only hint: corrected for their number. By default every arm against the baseline. */
  readonly comparisons?: readonly Comparison[];
  /** What runs are compared by; by default top1. */
  readonly measure?: Measure;
}

const known = [
  "name",
  "claim",
  "source",
  "preset",
  "changes",
  "arms",
  "baseline",
  "primary",
  "comparisons",
  "measure",
] as const satisfies readonly (keyof Study)[];

/** Names of arms and sweeps are names of files too. */
const nameForm = /^\w[\w.,+=-]{0,99}$/;

/** Whether a text can be a name of an arm or a sweep. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && nameForm.test(name);
}

/** Refuses a name that cannot be a file's. */
export function requireName(what: string, name: unknown): asserts name is string {
  if (isName(name)) return;
  const got = typeof name === "string" ? `"${shown(name)}"` : kindOf(name);
  throw new RecipeError(
    `Expected ${what} as a name of up to 100 letters, digits, -, _, ., +, = and commas, got ${got}: choose another`,
  );
}

function requireArm(study: Pick<Study, "name" | "arms">, what: string, arm: unknown): void {
  if (typeof arm === "string" && Object.hasOwn(study.arms, arm)) return;
  const names = Object.keys(study.arms);
  const near = typeof arm === "string" ? nearest(arm, names) : undefined;
  throw new RecipeError(
    `Study "${study.name}": Expected ${what} as one of its arms, ${names.join(", ")}, got ${
      typeof arm === "string" ? `"${shown(arm)}"` : kindOf(arm)
    }` + (near === undefined ? "" : `: it may be ${near} that is meant`),
  );
}

/** The comparisons of a study: its own, or every arm against the baseline, without the primary one. */
export function comparisonsOf(
  { arms, baseline, primary, comparisons }: Pick<Study, "arms" | "baseline" | "primary" | "comparisons">,
): Comparison[] {
  const all = comparisons ??
    Object.keys(arms).filter((arm) => arm !== baseline).map((arm) => ({ arm, against: baseline }));
  // Neither the same one again, nor its mirror image.
  const asPrimary = ({ arm, against }: Comparison): boolean =>
    [primary?.arm, primary?.against].sort().join("\n") === [arm, against].sort().join("\n");
  return primary === undefined ? [...all] : all.filter((each) => !asPrimary(each));
}

/**
 * A study, checked: its arms, and that comparisons are of these. What the arms change is checked with the recipe that they
 * change, once it is known.
 *
 * Throws a RecipeError that names what cannot be.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const smoothing = study.define({
 *   name: "smoothing",
 *   claim: "Label smoothing of 0.1 raises top-1",
 *   preset: "mnist",
 *   arms: { smoothed: {}, hard: { loss: { labelSmoothing: 0 } } },
 *   baseline: "smoothed",
 *   primary: { arm: "smoothed", against: "hard" },
 * });
 * console.log(Object.keys(smoothing.arms)); // [ "smoothed", "hard" ]
 * ```
 */
export function define(study: Study): Study {
  requireOptions("define", study, "study.define({ name, claim, preset, arms, baseline })");
  requireKnownOptions("define", study, known, {});
  requireName("a study's name", study.name);
  requireText("define", "claim", study.claim);
  requireText("define", "preset", study.preset);
  const { arms, name } = study;
  if (typeof arms !== "object" || arms === null || Array.isArray(arms) || Object.keys(arms).length === 0) {
    throw new TypeError(`define(): Expected \`arms\` as changes of the preset by names, got ${kindOf(arms)}`);
  }
  for (const [arm, changes] of Object.entries(arms)) {
    requireName(`the arm "${shown(arm)}" of study "${name}"`, arm);
    if (changes?.seed !== undefined) {
      throw new RecipeError(
        `Study "${name}": Expected arms without \`seed\`, got ${changes.seed} in ${arm}: all share the sweep's`,
      );
    }
  }
  requireArm(study, "`baseline`", study.baseline);
  for (
    const { arm, against } of [...(study.primary === undefined ? [] : [study.primary]), ...(study.comparisons ?? [])]
  ) {
    requireArm(study, "`arm` of a comparison", arm);
    requireArm(study, "`against` of a comparison", against);
    if (arm === against) throw new RecipeError(`Study "${name}": Expected two arms in a comparison, got ${arm} twice`);
  }
  if (study.measure !== undefined) requireChoice("define", "measure", study.measure, ["top1", "loss"]);
  return structuredClone(study);
}
