/** Parameters that a backward reaches and that no optimizer knows. */
import { StateError } from "../ffi/errors.ts";
import { Parameter } from "../nn/module.ts";
import { lastLeaves, noteLeftOver as noteGradient } from "../tensor/graph.ts";

/** Those that an optimizer was ever bound to. */
const bound = new WeakSet<Parameter>();

/** Notes that an optimizer has parameters. */
export function noteBound(parameters: Iterable<Parameter>): void {
  for (const parameter of parameters) bound.add(parameter);
}

/**
 * Throws where the last backward reached an optimizer's parameters and also one that no optimizer has: nothing would ever
 * train it, without a word.
 */
export function refuseStrays(own: ReadonlySet<Parameter>): void {
  const leaves = lastLeaves().filter((leaf): leaf is Parameter => leaf instanceof Parameter);
  const strays = leaves.filter((leaf) => !bound.has(leaf)).sort((a, b) => b.size - a.size);
  if (strays.length === 0 || !leaves.some((leaf) => own.has(leaf))) return;
  const shapes = strays.slice(0, 4).map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
  const count = strays.length === 1 ? "one of shape" : `${strays.length} of shapes`;
  const more = strays.length > 4 ? " and others" : "";
  throw new StateError(
    `step(): Expected an optimizer for every parameter that backward() reached, got ${count} ${shapes}${more} that none is ` +
      "bound to and that would never train, as is usual for a layer in a #private field or a local variable: keep it in a " +
      "plain field of the model (arrays, maps and objects will do), bind an optimizer to it too, or set requireGrad(false) on it",
  );
}

/**
 * Notes the gradients that the last backward gave parameters of other optimizers, as it was for this one's step: the next
 * backward must not add to them.
 */
export function noteLeftOver(own: ReadonlySet<Parameter>): void {
  const leaves = lastLeaves().filter((leaf): leaf is Parameter => leaf instanceof Parameter && bound.has(leaf));
  if (!leaves.some((leaf) => own.has(leaf))) return;
  for (const { grad } of leaves) if (grad !== null) noteGradient(grad);
}
