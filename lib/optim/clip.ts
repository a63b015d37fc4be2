/** Gradients kept from growing too large. */
import { type AnyModule, Module } from "../nn/module.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { concat } from "../tensor/ops/shape.ts";
import { assertFinite } from "../tensor/ops/writing.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Added to the norm, so that gradients of 0 are not divided by 0: PyTorch's. */
const eps = 1e-6;

/** Checks the largest norm that gradients may have. */
export function requireClipNorm(caller: string, name: string, max: number): void {
  if (Number.isFinite(max) && max > 0) return;
  const message = `${caller}(): Expected \`${name}\`, the largest norm, above 0, got ${kindOf(max)}`;
  throw typeof max === "number" ? new RangeError(message) : new TypeError(message);
}

/**
 * Multiplies all gradients by min(1, max / (norm + 1e-6)), where `norm` is that of all of them taken as one vector
 * (Pascanu 2013; torch.nn.utils.clip_grad_norm_). Between `backward()` and the optimizer's `step()`, in a recorded step too:
 * nothing waits for the device.
 *
 * A norm that is not finite is a late error, and the step behind it changes nothing. Gives the norm before, a scalar that
 * belongs to the open scope or the caller.
 *
 * @example
 * ```ts
 * import { nn, optim, tensor } from "@libtrain/libtrain";
 *
 * using model = new nn.Linear(2, 1, { bias: false });
 * using opt = optim.sgd().bind(model, { lr: 0.1 });
 * using loss = model.forward(tensor([[30, 40]])).sum();
 * loss.backward();
 * using norm = optim.clipGradNorm(model, 1);
 * opt.step();
 * console.log(await norm.item()); // 50
 * ```
 *
 * @param target A module, several, or parameters; those without a gradient do not count.
 * @param max The largest norm, above 0.
 */
export function clipGradNorm(target: AnyModule | Iterable<AnyModule | Tensor>, max: number): Tensor {
  requireClipNorm("clipGradNorm", "max", max);
  const leaves = leavesIn(target).filter(({ grad }) => grad !== null);
  const [first] = leaves;
  if (first === undefined) {
    throw new TypeError(
      "clipGradNorm(): Expected gradients, got none: call backward() on a loss of these parameters first",
    );
  }
  return noGrad(() =>
    scope(() => {
      const squares = leaves.map(({ grad }) => grad!.mul(grad!).sum().reshape([1]));
      const norm = concat(squares).sum().sqrt();
      assertFinite(norm);
      const share = norm.affine(1, eps).pow(-1).affine(max, 0).minimum(1);
      for (const leaf of leaves) leaf.setGrad(leaf.grad!.mul(share));
      return norm;
    })
  );
}

function isIterable(target: unknown): boolean {
  return typeof target === "object" && target !== null && Symbol.iterator in target;
}

/** Parameters, each once. */
function leavesIn(target: AnyModule | Iterable<AnyModule | Tensor>): Tensor[] {
  const given: unknown[] = target instanceof Module || target instanceof Tensor || !isIterable(target)
    ? [target]
    : [...target];
  const leaves = given.flatMap((each) => {
    if (each instanceof Module) return [...each.namedParameters().values()] as Tensor[];
    if (each instanceof Tensor) return [each];
    throw new TypeError(`clipGradNorm(): Expected a module, modules or parameters, got ${kindOf(each)}`);
  });
  return [...new Set(leaves)];
}
