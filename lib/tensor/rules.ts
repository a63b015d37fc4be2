/** The gradient rule of every differentiable op; a missing one does not compile. */
import type { DifferentiableOp, OpParams } from "../ffi/generated/symbols.ts";
import type { Tensor } from "./tensor.ts";
import { activationRules, affineRule, clampRule, leakyReluRule, powerRule, unaryRules } from "./ops/unary.ts";
import { binaryRules } from "./ops/binary.ts";
import { broadcastToRule, extremeRules, meanRule, sumRule } from "./ops/reduce.ts";
import {
  castRule,
  concatRule,
  gatherRowsRule,
  padRule,
  reshapeRule,
  rowsRule,
  sliceRule,
  transposeRule,
} from "./ops/shape.ts";
import { whereRule } from "./ops/select.ts";
import { matmulRule } from "./ops/matmul.ts";
import { conv2dRule } from "./ops/conv2d.ts";
import { conv2dBackwardInputRule } from "./ops/conv_transpose2d.ts";
import { batchNormEvalRule, batchNormRule } from "./ops/batch_norm.ts";
import { groupNormRule } from "./ops/group_norm.ts";
import { resample2dRule } from "./ops/resample.ts";
import { avgPool2dRule, blurPoolRule, maxBlurPoolRule, maxPool2dRule } from "./ops/pooling.ts";
import { dropoutRule, stochasticDepthRule } from "./ops/dropout.ts";
import { squeezeExcitationRule } from "./ops/squeeze_excitation.ts";
import { causalSoftmaxRule, crossEntropyRule, logSoftmaxRule, softmaxRule } from "./ops/softmax.ts";

/** What a rule sees of the call that it differentiates. */
export interface RuleCall<Name extends DifferentiableOp> {
  readonly params: OpParams[Name];
  /** Which inputs ask for a gradient. */
  readonly needs: readonly boolean[];
  readonly inputShapes: readonly (readonly number[])[];
  readonly inputCount: number;
  /** Whether an optional input was given. */
  has(index: number): boolean;
  /** A saved input. */
  input(index: number): Tensor;
  /** A saved output. */
  output(index: number): Tensor;
}

/** How to differentiate an op: what to keep of the forward, and the gradients of the inputs. */
export interface GradientRule<Name extends DifferentiableOp> {
  /** The inputs that backward reads. */
  saveInputs?(needs: readonly boolean[], params: OpParams[Name]): readonly number[];
  /** The outputs that backward reads. */
  saveOutputs?(needs: readonly boolean[], params: OpParams[Name]): readonly number[];
  /** From the outputs' gradients (null where none came) to those of the inputs (null where none is needed). */
  backward(dy: readonly (Tensor | null)[], call: RuleCall<Name>): readonly (Tensor | null)[];
}

/** The rules by op. */
type Rules = { readonly [Name in DifferentiableOp]: GradientRule<Name> };

/** Made at the first use: tensors, ops and rules import each other. */
function makeRules(): Rules {
  return {
    ...activationRules,
    ...unaryRules,
    ...binaryRules,
    affine: affineRule,
    power: powerRule,
    clamp: clampRule,
    leaky_relu: leakyReluRule,
    where: whereRule,
    sum: sumRule,
    mean: meanRule,
    ...extremeRules,
    broadcast_to: broadcastToRule,
    reshape: reshapeRule,
    rows: rowsRule,
    slice: sliceRule,
    pad: padRule,
    transpose: transposeRule,
    concat: concatRule,
    gather_rows: gatherRowsRule,
    cast: castRule,
    matmul: matmulRule,
    conv2d: conv2dRule,
    conv2d_backward_input: conv2dBackwardInputRule,
    batch_norm: batchNormRule,
    batch_norm_eval: batchNormEvalRule,
    group_norm: groupNormRule,
    squeeze_excitation: squeezeExcitationRule,
    max_pool2d: maxPool2dRule,
    avg_pool2d: avgPool2dRule,
    blur_pool: blurPoolRule,
    max_blur_pool: maxBlurPoolRule,
    resample2d: resample2dRule,
    softmax: softmaxRule,
    causal_softmax: causalSoftmaxRule,
    log_softmax: logSoftmaxRule,
    cross_entropy: crossEntropyRule,
    dropout: dropoutRule,
    stochastic_depth: stochasticDepthRule,
  };
}

let rules: Rules | undefined;

/** The gradient rule of an op. */
export function ruleOf<Name extends DifferentiableOp>(name: Name): GradientRule<Name> {
  rules ??= makeRules();
  return rules[name] as GradientRule<Name>;
}
