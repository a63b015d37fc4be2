/** Ops that a script defines, with a backward of their own. */
import { gradEnabled, GraphNode, noGrad, SavedTensor } from "./graph.ts";
import { kindOf, requireFunction, requireOptionsOf, requireTensor } from "./ops/checks.ts";
import { noteRead } from "./recording.ts";
import { setNode, Tensor } from "./tensor.ts";

/** What a defined op is made of. */
export interface OpDefinition<Inputs extends readonly Tensor[]> {
  /** The result; what it computes is not recorded. */
  forward(...inputs: Inputs): Tensor;
  /**
   * The gradients of the inputs (null where there is none) from that of the result.
   *
   * `saved` are the inputs and the result as they were in forward.
   */
  backward(dy: Tensor, saved: { inputs: Inputs; output: Tensor }): readonly (Tensor | null)[];
  /** The name in messages. */
  name?: string;
}

/**
 * A differentiable op with a backward of its own; ops composed of others need none.
 *
 * @example
 * ```ts
 * import { defineOp, type Tensor, tensor } from "@libtrain/libtrain";
 *
 * const clampSte = defineOp({
 *   forward: (x: Tensor) => x.clamp(0, 1),
 *   backward: (dy) => [dy], // straight-through
 * });
 * using x = tensor([-1, 2]).requireGrad();
 * using loss = clampSte(x).sum();
 * loss.backward();
 * console.log(await x.grad!.data()); // Float32Array [1, 1]
 * ```
 */
export function defineOp<Inputs extends readonly Tensor[]>(
  definition: OpDefinition<Inputs>,
): (...inputs: Inputs) => Tensor {
  requireOptionsOf("defineOp", definition, {
    example: "defineOp({ forward: (x) => x, backward: (dy) => [dy] })",
    known: ["forward", "backward", "name"],
  });
  requireFunction("defineOp", "forward", definition.forward);
  requireFunction("defineOp", "backward", definition.backward);
  const op = definition.name ?? "defineOp";
  if (typeof op !== "string") throw new TypeError(`defineOp(): Expected \`name\` as a string, got ${kindOf(op)}`);
  return (...inputs) => {
    inputs.forEach((input, index) => requireTensor(op, `input ${index}`, input));
    noteRead(inputs);
    const output = noGrad(() => definition.forward(...inputs));
    if (!(output instanceof Tensor)) {
      throw new TypeError(`${op}(): Expected forward to return a Tensor, got ${typeof output}`);
    }
    if (!gradEnabled() || !inputs.some((input) => input.requiresGrad)) return output;
    const result = inputs.includes(output) ? output.clone() : output;
    const kept = [...inputs, result].map((tensor, index) =>
      new SavedTensor(tensor, op, index < inputs.length ? `input ${index}` : "output")
    );
    const backward = backwardOf(definition, kept);
    const node = new GraphNode({ op, inputs, outputs: [result], saved: kept, backward });
    setNode(result, { node, output: 0 });
    return result;
  };
}

/** A function of its own, as a closure would keep the op's result alive, and it its graph. */
function backwardOf<Inputs extends readonly Tensor[]>(
  definition: OpDefinition<Inputs>,
  kept: readonly SavedTensor[],
): (dy: readonly (Tensor | null)[]) => readonly (Tensor | null)[] {
  return ([dy]) => {
    const tensors = kept.map((saved) => saved.get());
    const output = tensors.pop()!;
    const gradients: unknown = definition.backward(dy!, { inputs: tensors as unknown as Inputs, output });
    if (Array.isArray(gradients)) return gradients as (Tensor | null)[];
    throw new TypeError(
      `${definition.name ?? "defineOp"}(): Expected backward to return an array of gradients, one an input, got ` +
        kindOf(gradients),
    );
  };
}
