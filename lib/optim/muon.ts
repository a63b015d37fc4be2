/** Muon: momentum whose direction is made orthogonal. */
import { matmul } from "../tensor/ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defineOptimizer } from "./define_optimizer.ts";
import type { Optimizer } from "./optimizer.ts";

/** Settings of {@linkcode muon}. */
export interface MuonOptions {
  /** Decay of the momentum; by default 0.95. */
  mom?: number;
  /** Whether to look ahead along the momentum (Nesterov); by default true. */
  nesterov?: boolean;
  /** Decoupled weight decay; by default 0. */
  wd?: number;
}

/** Coefficients of the iteration's polynomial a x + b x³ + c x⁵ on the singular values. */
const [a, b, c] = [3.4445, -4.775, 2.0315];

/** Steps of the iteration, which bring singular values from about 0.003 of the norm on to 0.7 to 1.2. */
const iterations = 5;

/** A matrix with the singular vectors of x [m, n] and singular values near 1, by the Newton-Schulz iteration. */
function orthogonalized(x: Tensor): Tensor {
  const tall = x.shape[0]! > x.shape[1]!;
  const norm = x.mul(x).sum().sqrt().add(1e-7);
  let y = (tall ? x.transpose() : x).div(norm);
  for (let i = 0; i < iterations; i++) {
    const gram = matmul(y, y, { transposeB: true });
    const polynomial = gram.mul(b).add(matmul(gram, gram).mul(c));
    y = y.mul(a).add(matmul(polynomial, y));
  }
  return tall ? y.transpose() : y;
}

const define = defineOptimizer({
  name: "muon",
  states: ["momentum"],
  options: { mom: 0.95, nesterov: true, wd: 0 },
  limits: { mom: [0, 1] },
  takes: (parameter) => parameter.rank > 1,
  update: ({ value, gradient, states: { momentum }, lr, wd }, { mom, nesterov }) => {
    momentum.assign(momentum.mul(mom).add(gradient));
    const direction = nesterov ? gradient.add(momentum.mul(mom)) : momentum;
    const rows = value.shape[0]!;
    const columns = value.size / rows;
    const step = orthogonalized(direction.reshape([rows, columns])).mul(Math.sqrt(Math.max(1, rows / columns)));
    const kept = wd === 0 ? value : value.sub(value.mul(lr.mul(wd)));
    value.assign(kept.sub(step.reshape(value.shape).mul(lr)));
  },
});

/**
 * Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon/): the momentum of each matrix is made orthogonal by five
 * Newton-Schulz steps in the weights' dtype, and scaled by √max(1, rows / columns).
 *
 * A convolution's weight counts as the matrix [out, kh · kw · in]. Takes matrices alone: {@linkcode together} puts a rule
 * for biases and norms beside it. The usual learning rate is 0.02.
 *
 * @example
 * ```ts
 * import { models, optim } from "@libtrain/libtrain";
 *
 * using model = models.mnistNet({ seed: 0 });
 * using opt = optim.together(optim.muon(), { optimizer: optim.adamw(), lrScale: 0.2 }).bind(model, { lr: 2e-2 });
 * ```
 */
export function muon(options: MuonOptions = {}): Optimizer {
  return define(options as Parameters<typeof define>[0]);
}
