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
