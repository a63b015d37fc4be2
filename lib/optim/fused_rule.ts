/** Rules whose step is one native op over all parameters. */
import type { OpParams } from "../ffi/generated/symbols.ts";
import { apply } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Rule } from "./rule.ts";

/** What such a rule says of its op. */
export interface FusedStep {
  /** The op that updates all parameters; it checks the gradients before it writes anything. */
  op: "ranger_step" | "adamw_step" | "sgd_step";
  /** The flat state tensors, in the order of the op's inputs. */
  states: readonly string[];
  /** States that start as a copy of the parameters; the others start at 0. */
  copies?: readonly string[];
  /** Weight decay of weights; biases and norm parameters have none. */
  wd: number;
  /** The op's parameters without `segments`. */
  params: Record<string, number | boolean>;
}

/** The rule of an op. */
export function fusedRule({ op, states: names, copies = [], wd, params }: FusedStep): Rule {
  const rule: Rule = {
    name: op.replace("_step", ""),
    states: names,
    copies,
    wd,
    lrScale: 1,
    checksGradients: true,
    takes: () => true,
    enqueue({ lr, steps, states, segments, gradients }): void {
      const inputs: (Tensor | null)[] = [lr, steps, ...names.map((name) => states.get(name) ?? null)];
      segments.forEach(({ parameter }, index) => inputs.push(parameter, gradients[index] ?? null));
      const table = segments.flatMap(({ lrScale, wd, frozen }) => [lrScale, wd, frozen ? 1 : 0]);
      apply(op, inputs, { ...params, segments: table } as unknown as OpParams["ranger_step"] & OpParams["sgd_step"]);
    },
  };
  return rule;
}
