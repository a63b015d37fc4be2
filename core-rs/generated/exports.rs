// Made from ops.toml by `deno task generate`; do not edit.

op_export!(lt_relu, unary, Elementwise<ReluOf>, Row {
    name: "relu",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_relu_backward, unary, Elementwise<ReluSlope>, Row {
    name: "relu_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_mish, unary, Elementwise<MishOf>, Row {
    name: "mish",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_mish_backward, unary, Elementwise<MishSlope>, Row {
    name: "mish_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_silu, unary, Elementwise<SiluOf>, Row {
    name: "silu",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_silu_backward, unary, Elementwise<SiluSlope>, Row {
    name: "silu_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_gelu, unary, Elementwise<GeluOf>, Row {
    name: "gelu",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_gelu_backward, unary, Elementwise<GeluSlope>, Row {
    name: "gelu_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_sigmoid, unary, Elementwise<SigmoidOf>, Row {
    name: "sigmoid",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_sigmoid_backward, unary, Elementwise<SigmoidSlope>, Row {
    name: "sigmoid_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_tanh, unary, Elementwise<TanhOf>, Row {
    name: "tanh",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_tanh_backward, unary, Elementwise<TanhSlope>, Row {
    name: "tanh_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_softplus, unary, Elementwise<SoftplusOf>, Row {
    name: "softplus",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_softplus_backward, unary, Elementwise<SoftplusSlope>, Row {
    name: "softplus_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_leaky_relu, unary, LeakyRelu, Row {
    name: "leaky_relu",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_leaky_relu_backward, unary, LeakyReluBackward, Row {
    name: "leaky_relu_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_exp, unary, Elementwise<ExpOf>, Row {
    name: "exp",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_log, unary, Elementwise<LogOf>, Row {
    name: "log",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_sqrt, unary, Elementwise<SqrtOf>, Row {
    name: "sqrt",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_abs, unary, Elementwise<AbsOf>, Row {
    name: "abs",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_sign, unary, Elementwise<SignOf>, Row {
    name: "sign",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_affine, unary, Affine, Row {
    name: "affine",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_power, unary, Power, Row {
    name: "power",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_clamp, unary, Clamp, Row {
    name: "clamp",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_clamp_backward, unary, ClampBackward, Row {
    name: "clamp_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_add, binary, Binary<Add>, Row {
    name: "add",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_sub, binary, Binary<Sub>, Row {
    name: "sub",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_mul, binary, Binary<Mul>, Row {
    name: "mul",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_div, binary, Binary<Div>, Row {
    name: "div",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_maximum, binary, Binary<Maximum>, Row {
    name: "maximum",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_minimum, binary, Binary<Minimum>, Row {
    name: "minimum",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_equal, binary, Compare<Equal>, Row {
    name: "equal",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_greater, binary, Compare<Greater>, Row {
    name: "greater",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_greater_equal, binary, Compare<GreaterEqual>, Row {
    name: "greater_equal",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_less, binary, Compare<Less>, Row {
    name: "less",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_less_equal, binary, Compare<LessEqual>, Row {
    name: "less_equal",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_where, select, Select, Row {
    name: "where",
    inputs: &["condition", "a", "b"],
    mutates: &[false, false, false],
    view: false,
});
op_export!(lt_sum, reduce, Reduce<Sum>, Row {
    name: "sum",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_mean, reduce, Reduce<Mean>, Row {
    name: "mean",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_max, reduce, Reduce<Max>, Row {
    name: "max",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_min, reduce, Reduce<Min>, Row {
    name: "min",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_argmax, reduce, Argmax, Row {
    name: "argmax",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_broadcast_to, broadcast_to, BroadcastTo, Row {
    name: "broadcast_to",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_reshape, reshape, Reshape, Row {
    name: "reshape",
    inputs: &["x"],
    mutates: &[false],
    view: true,
});
op_export!(lt_rows, rows, Rows, Row {
    name: "rows",
    inputs: &["x"],
    mutates: &[false],
    view: true,
});
op_export!(lt_slice, slice, Slice, Row {
    name: "slice",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_pad, pad, Pad, Row {
    name: "pad",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_transpose, transpose, Transpose, Row {
    name: "transpose",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_concat, concat, Concat, Row {
    name: "concat",
    inputs: &["parts..."],
    mutates: &[false],
    view: false,
});
op_export!(lt_gather_rows, gather_rows, GatherRows, Row {
    name: "gather_rows",
    inputs: &["table", "index"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_gather_rows_backward, gather_rows, GatherRowsBackward, Row {
    name: "gather_rows_backward",
    inputs: &["index", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_one_hot, one_hot, OneHot, Row {
    name: "one_hot",
    inputs: &["labels"],
    mutates: &[false],
    view: false,
});
op_export!(lt_cast, cast, Cast, Row {
    name: "cast",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_assign, assign, Assign, Row {
    name: "assign",
    inputs: &["target", "source"],
    mutates: &[true, false],
    view: false,
});
op_export!(lt_fill, fill, Fill, Row {
    name: "fill",
    inputs: &["target"],
    mutates: &[true],
    view: false,
});
op_export!(lt_arange, arange, Arange, Row {
    name: "arange",
    inputs: &[],
    mutates: &[],
    view: false,
});
op_export!(lt_full, fill, Full, Row {
    name: "full",
    inputs: &[],
    mutates: &[],
    view: false,
});
op_export!(lt_uniform, random, Uniform<false>, Row {
    name: "uniform",
    inputs: &[],
    mutates: &[],
    view: false,
});
op_export!(lt_normal, random, Normal<false>, Row {
    name: "normal",
    inputs: &[],
    mutates: &[],
    view: false,
});
op_export!(lt_sample_draws, sample_draws, SampleDraws, Row {
    name: "sample_draws",
    inputs: &["index", "epoch"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_uniform_draw, random, Uniform<true>, Row {
    name: "uniform_draw",
    inputs: &["draw"],
    mutates: &[false],
    view: false,
});
op_export!(lt_normal_draw, random, Normal<true>, Row {
    name: "normal_draw",
    inputs: &["draw"],
    mutates: &[false],
    view: false,
});
op_export!(lt_next_draw, draw_counter, NextDraw, Row {
    name: "next_draw",
    inputs: &["counter"],
    mutates: &[true],
    view: false,
});
op_export!(lt_keep_draws, draw_counter, KeepDraws, Row {
    name: "keep_draws",
    inputs: &["counter"],
    mutates: &[true],
    view: false,
});
op_export!(lt_dropout, dropout, Dropout, Row {
    name: "dropout",
    inputs: &["x", "draw"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_stochastic_depth, dropout, StochasticDepth, Row {
    name: "stochastic_depth",
    inputs: &["x", "draw"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_image_batch, image_batch, ImageBatch, Row {
    name: "image_batch",
    inputs: &["images", "index"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_crop_batch, crop_batch, CropBatch, Row {
    name: "crop_batch",
    inputs: &["pixels", "table", "index"],
    mutates: &[false, false, false],
    view: false,
});
op_export!(lt_matmul, matmul, Matmul, Row {
    name: "matmul",
    inputs: &["a", "b"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_conv2d, conv2d, Conv2d, Row {
    name: "conv2d",
    inputs: &["x", "weight"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_conv2d_backward_input, conv2d, Conv2dBackwardInput, Row {
    name: "conv2d_backward_input",
    inputs: &["dy", "weight"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_conv2d_backward_weight, conv2d, Conv2dBackwardWeight, Row {
    name: "conv2d_backward_weight",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_conv2d_bias_act, conv2d_bias_act, Conv2dBiasAct, Row {
    name: "conv2d_bias_act",
    inputs: &["x", "weight", "bias?", "residual?"],
    mutates: &[false, false, false, false],
    view: false,
});
op_export!(lt_batch_norm, batch_norm, BatchNorm, Row {
    name: "batch_norm",
    inputs: &["x", "weight", "bias", "residual?"],
    mutates: &[false, false, false, false],
    view: false,
});
op_export!(lt_batch_norm_backward, batch_norm, BatchNormBackward, Row {
    name: "batch_norm_backward",
    inputs: &["dy", "x", "weight", "bias", "mean", "variance", "residual?"],
    mutates: &[false, false, false, false, false, false, false],
    view: false,
});
op_export!(lt_batch_norm_eval, batch_norm, BatchNormEval, Row {
    name: "batch_norm_eval",
    inputs: &["x", "weight", "bias", "runningMean", "runningVariance", "residual?"],
    mutates: &[false, false, false, false, false, false],
    view: false,
});
op_export!(lt_batch_norm_eval_backward, batch_norm, BatchNormEvalBackward, Row {
    name: "batch_norm_eval_backward",
    inputs: &["dy", "x", "weight", "bias", "runningMean", "runningVariance", "residual?"],
    mutates: &[false, false, false, false, false, false, false],
    view: false,
});
op_export!(lt_update_running_stats, batch_norm, UpdateRunningStats, Row {
    name: "update_running_stats",
    inputs: &["runningMean", "runningVariance", "mean", "variance"],
    mutates: &[true, true, false, false],
    view: false,
});
op_export!(lt_group_norm, group_norm, GroupNorm, Row {
    name: "group_norm",
    inputs: &["x", "weight?", "bias?"],
    mutates: &[false, false, false],
    view: false,
});
op_export!(lt_group_norm_backward, group_norm, GroupNormBackward, Row {
    name: "group_norm_backward",
    inputs: &["dy", "x", "mean", "rstd", "weight?"],
    mutates: &[false, false, false, false, false],
    view: false,
});
op_export!(lt_squeeze_excitation, squeeze_excitation, SqueezeExcitation, Row {
    name: "squeeze_excitation",
    inputs: &["x", "w1", "b1", "w2", "b2", "residual?"],
    mutates: &[false, false, false, false, false, false],
    view: false,
});
op_export!(lt_squeeze_excitation_backward, squeeze_excitation, SqueezeExcitationBackward, Row {
    name: "squeeze_excitation_backward",
    inputs: &["dy", "x", "w1", "w2", "pooled", "hidden", "gate", "residual?"],
    mutates: &[false, false, false, false, false, false, false, false],
    view: false,
});
op_export!(lt_max_pool2d, max_pool2d, MaxPool2d, Row {
    name: "max_pool2d",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_max_pool2d_backward, max_pool2d, MaxPool2dBackward, Row {
    name: "max_pool2d_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_avg_pool2d, avg_pool2d, AvgPool2d, Row {
    name: "avg_pool2d",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_avg_pool2d_backward, avg_pool2d, AvgPool2dBackward, Row {
    name: "avg_pool2d_backward",
    inputs: &["dy"],
    mutates: &[false],
    view: false,
});
op_export!(lt_blur_pool, blur_pool, BlurPool, Row {
    name: "blur_pool",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_blur_pool_backward, blur_pool, BlurPoolBackward, Row {
    name: "blur_pool_backward",
    inputs: &["dy"],
    mutates: &[false],
    view: false,
});
op_export!(lt_max_blur_pool, max_blur_pool, MaxBlurPool, Row {
    name: "max_blur_pool",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_max_blur_pool_backward, max_blur_pool, MaxBlurPoolBackward, Row {
    name: "max_blur_pool_backward",
    inputs: &["x", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_resample2d, resample2d, Resample2d, Row {
    name: "resample2d",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_resample2d_backward, resample2d, Resample2dBackward, Row {
    name: "resample2d_backward",
    inputs: &["dy"],
    mutates: &[false],
    view: false,
});
op_export!(lt_softmax, softmax, Softmax, Row {
    name: "softmax",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_softmax_backward, softmax, SoftmaxBackward, Row {
    name: "softmax_backward",
    inputs: &["y", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_causal_softmax, softmax, CausalSoftmax, Row {
    name: "causal_softmax",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_log_softmax, softmax, LogSoftmax, Row {
    name: "log_softmax",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_log_softmax_backward, softmax, LogSoftmaxBackward, Row {
    name: "log_softmax_backward",
    inputs: &["y", "dy"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_cross_entropy, cross_entropy, CrossEntropy, Row {
    name: "cross_entropy",
    inputs: &["logits", "target"],
    mutates: &[false, false],
    view: false,
});
op_export!(lt_cross_entropy_backward, cross_entropy, CrossEntropyBackward, Row {
    name: "cross_entropy_backward",
    inputs: &["logits", "target", "dloss"],
    mutates: &[false, false, false],
    view: false,
});
op_export!(lt_assert_finite, assert_finite, AssertFinite, Row {
    name: "assert_finite",
    inputs: &["x"],
    mutates: &[false],
    view: false,
});
op_export!(lt_sgd_step, sgd_step, SgdStep, Row {
    name: "sgd_step",
    inputs: &["lr", "steps", "momentumBuffer", "parameter...", "gradient..."],
    mutates: &[false, true, true, true, false],
    view: false,
});
op_export!(lt_adamw_step, adamw_step, AdamwStep, Row {
    name: "adamw_step",
    inputs: &["lr", "steps", "average", "averageSquare", "parameter...", "gradient..."],
    mutates: &[false, true, true, true, true, false],
    view: false,
});
op_export!(lt_ranger_step, ranger_step, RangerStep, Row {
    name: "ranger_step",
    inputs: &["lr", "steps", "average", "averageSquare", "slow", "parameter...", "gradient..."],
    mutates: &[false, true, true, true, true, true, false],
    view: false,
});
