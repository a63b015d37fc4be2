// Made from core-rs/ops.toml by `deno task generate`; do not edit.
import type { ActivationName, DtypeName } from "../codes.ts";

const OP = {
  parameters: ["u32", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"],
  result: "i32",
} as const;

/** The exports of the library. */
export const SYMBOLS = {
  /** The ABI version */
  lt_abi_version: { parameters: ["buffer", "u32"], result: "i32" },
  /** For tests: the n-th guarded call from now panics */
  lt_inject_panic: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  /** For tests: the next block asked from the system is refused */
  lt_inject_out_of_memory: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** For tests: the n-th allocation of memory from now is refused */
  lt_inject_refusal: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  /** For tests: how many ops this process has run on the CPU */
  lt_cpu_runs: { parameters: ["buffer", "u32"], result: "i32" },
  /** This machine as a JSON text */
  lt_device_info: { parameters: ["buffer", "u32"], result: "i32" },
  /** A queue on the CPU (kind 0) or on CUDA (kind 1; f32 products in TF32 where tf32 is 1) */
  lt_queue_create: { parameters: ["u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Ends a queue's thread */
  lt_queue_destroy: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Waits until a ticket has passed */
  lt_queue_wait: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32", nonblocking: true },
  /** Completed and enqueued tickets, and whether a late error waits */
  lt_queue_progress: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Forgets the late error */
  lt_queue_recover: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Counts of handles, memory and work */
  lt_queue_stats: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Keeps what is enqueued from being run */
  lt_queue_hold: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Has what was held run, or forgets it */
  lt_queue_release: { parameters: ["u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Bounds the bytes that a queue may hold */
  lt_queue_limit: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** The process's memory budget, and what a queue holds by whom */
  lt_queue_memory: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Gives unused memory back to the system */
  lt_queue_trim: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Begins or ends timing every record on the device */
  lt_queue_profile: { parameters: ["u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** What was timed, from a place on */
  lt_queue_timed: { parameters: ["u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** What was chosen by timing on this device */
  lt_queue_plan: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Choices of an earlier time, used where nothing was chosen yet */
  lt_queue_use_plan: { parameters: ["u32", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** A tensor from host values */
  lt_tensor_create: { parameters: ["u32", "u32", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** A second handle to a tensor */
  lt_tensor_alias: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Lets go of a tensor */
  lt_tensor_release: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** How often a tensor's storage was written in place, and by which op last */
  lt_tensor_version: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Says what a tensor's bytes count as: weights, gradients, … */
  lt_tensor_role: { parameters: ["u32", "u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Asks for a tensor's values */
  lt_read_begin: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Copies the values of a finished read */
  lt_read_take: { parameters: ["u32", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** Gives a read up */
  lt_read_release: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Starts to bring a tensor to another queue */
  lt_transfer_begin: { parameters: ["u32", "u32", "u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** The tensor that was brought, on the queue that it goes to */
  lt_transfer_end: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Gives a transfer up */
  lt_transfer_release: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Starts recording a step */
  lt_capture_begin: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Ends a recording; makes a graph */
  lt_capture_end: { parameters: ["u32", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** Ends a recording without a graph */
  lt_capture_abort: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Runs a graph again, once or several times */
  lt_graph_replay: { parameters: ["u32", "u32", "u32", "u32", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** Lets go of a graph */
  lt_graph_release: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Starts to prepare a data set: pixel caches in a folder, from an image folder or an archive */
  lt_image_job_start: { parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** How far a job is, and what it came to */
  lt_image_job_poll: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Asks a job to end; it leaves nothing behind */
  lt_image_job_cancel: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** Lets go of a job, cancelling it where it still runs */
  lt_image_job_release: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  /** A pixel cache as tensors over the mapped file, or a copy of it on the device: pixels, table, labels, header */
  lt_image_cache_open: { parameters: ["u32", "u32", "buffer", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Takes a copy of one JPEG, PNG or WebP, to be decoded */
  lt_image_decode_start: { parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  /** Decodes it */
  lt_image_decode_run: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32", nonblocking: true },
  /** What was decoded, as a tensor of RGB bytes */
  lt_image_decode_take: { parameters: ["u32", "u32", "u32", "u32", "buffer", "u32"], result: "i32" },
  /** Lets go of it, and stops decoding where that is under way */
  lt_image_decode_release: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  lt_relu: OP,
  lt_relu_backward: OP,
  lt_mish: OP,
  lt_mish_backward: OP,
  lt_silu: OP,
  lt_silu_backward: OP,
  lt_gelu: OP,
  lt_gelu_backward: OP,
  lt_sigmoid: OP,
  lt_sigmoid_backward: OP,
  lt_tanh: OP,
  lt_tanh_backward: OP,
  lt_softplus: OP,
  lt_softplus_backward: OP,
  lt_leaky_relu: OP,
  lt_leaky_relu_backward: OP,
  lt_exp: OP,
  lt_log: OP,
  lt_sqrt: OP,
  lt_abs: OP,
  lt_sign: OP,
  lt_affine: OP,
  lt_power: OP,
  lt_clamp: OP,
  lt_clamp_backward: OP,
  lt_add: OP,
  lt_sub: OP,
  lt_mul: OP,
  lt_div: OP,
  lt_maximum: OP,
  lt_minimum: OP,
  lt_equal: OP,
  lt_greater: OP,
  lt_greater_equal: OP,
  lt_less: OP,
  lt_less_equal: OP,
  lt_where: OP,
  lt_sum: OP,
  lt_mean: OP,
  lt_max: OP,
  lt_min: OP,
  lt_argmax: OP,
  lt_broadcast_to: OP,
  lt_reshape: OP,
  lt_rows: OP,
  lt_slice: OP,
  lt_pad: OP,
  lt_transpose: OP,
  lt_concat: OP,
  lt_gather_rows: OP,
  lt_gather_rows_backward: OP,
  lt_one_hot: OP,
  lt_cast: OP,
  lt_assign: OP,
  lt_fill: OP,
  lt_arange: OP,
  lt_full: OP,
  lt_uniform: OP,
  lt_normal: OP,
  lt_sample_draws: OP,
  lt_uniform_draw: OP,
  lt_normal_draw: OP,
  lt_next_draw: OP,
  lt_keep_draws: OP,
  lt_dropout: OP,
  lt_stochastic_depth: OP,
  lt_image_batch: OP,
  lt_crop_batch: OP,
  lt_matmul: OP,
  lt_conv2d: OP,
  lt_conv2d_backward_input: OP,
  lt_conv2d_backward_weight: OP,
  lt_conv2d_bias_act: OP,
  lt_batch_norm: OP,
  lt_batch_norm_backward: OP,
  lt_batch_norm_eval: OP,
  lt_batch_norm_eval_backward: OP,
  lt_update_running_stats: OP,
  lt_group_norm: OP,
  lt_group_norm_backward: OP,
  lt_squeeze_excitation: OP,
  lt_squeeze_excitation_backward: OP,
  lt_max_pool2d: OP,
  lt_max_pool2d_backward: OP,
  lt_avg_pool2d: OP,
  lt_avg_pool2d_backward: OP,
  lt_blur_pool: OP,
  lt_blur_pool_backward: OP,
  lt_max_blur_pool: OP,
  lt_max_blur_pool_backward: OP,
  lt_resample2d: OP,
  lt_resample2d_backward: OP,
  lt_softmax: OP,
  lt_softmax_backward: OP,
  lt_causal_softmax: OP,
  lt_log_softmax: OP,
  lt_log_softmax_backward: OP,
  lt_cross_entropy: OP,
  lt_cross_entropy_backward: OP,
  lt_assert_finite: OP,
  lt_sgd_step: OP,
  lt_adamw_step: OP,
  lt_ranger_step: OP,
} as const satisfies Deno.ForeignLibraryInterface;

/** A row of the op table. */
export interface OpDescriptor {
  readonly symbol: keyof typeof SYMBOLS;
  /** Names; "x?" may be absent, a last "parts..." repeats. */
  readonly inputs: readonly string[];
  /** Names and kinds, in the order they cross the ABI. */
  readonly params: readonly (readonly [name: string, kind: string])[];
  readonly outputs: readonly string[];
  readonly mutates: readonly string[];
  readonly differentiable: boolean;
  readonly view: boolean;
}

/** The op table. */
export const OPS = {
  relu: {
    symbol: "lt_relu",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  relu_backward: {
    symbol: "lt_relu_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  mish: {
    symbol: "lt_mish",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  mish_backward: {
    symbol: "lt_mish_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  silu: {
    symbol: "lt_silu",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  silu_backward: {
    symbol: "lt_silu_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  gelu: {
    symbol: "lt_gelu",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  gelu_backward: {
    symbol: "lt_gelu_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  sigmoid: {
    symbol: "lt_sigmoid",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  sigmoid_backward: {
    symbol: "lt_sigmoid_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  tanh: {
    symbol: "lt_tanh",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  tanh_backward: {
    symbol: "lt_tanh_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  softplus: {
    symbol: "lt_softplus",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  softplus_backward: {
    symbol: "lt_softplus_backward",
    inputs: ["x", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  leaky_relu: {
    symbol: "lt_leaky_relu",
    inputs: ["x"],
    params: [["negativeSlope", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  leaky_relu_backward: {
    symbol: "lt_leaky_relu_backward",
    inputs: ["x", "dy"],
    params: [["negativeSlope", "f64"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  exp: {
    symbol: "lt_exp",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  log: {
    symbol: "lt_log",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  sqrt: {
    symbol: "lt_sqrt",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  abs: {
    symbol: "lt_abs",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  sign: {
    symbol: "lt_sign",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  affine: {
    symbol: "lt_affine",
    inputs: ["x"],
    params: [["scale", "f64"], ["shift", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  power: {
    symbol: "lt_power",
    inputs: ["x"],
    params: [["exponent", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  clamp: {
    symbol: "lt_clamp",
    inputs: ["x"],
    params: [["low", "f64"], ["high", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  clamp_backward: {
    symbol: "lt_clamp_backward",
    inputs: ["x", "dy"],
    params: [["low", "f64"], ["high", "f64"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  add: {
    symbol: "lt_add",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  sub: {
    symbol: "lt_sub",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  mul: {
    symbol: "lt_mul",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  div: {
    symbol: "lt_div",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  maximum: {
    symbol: "lt_maximum",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  minimum: {
    symbol: "lt_minimum",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  equal: {
    symbol: "lt_equal",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  greater: {
    symbol: "lt_greater",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  greater_equal: {
    symbol: "lt_greater_equal",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  less: {
    symbol: "lt_less",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  less_equal: {
    symbol: "lt_less_equal",
    inputs: ["a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  where: {
    symbol: "lt_where",
    inputs: ["condition", "a", "b"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  sum: {
    symbol: "lt_sum",
    inputs: ["x"],
    params: [["keepDims", "bool"], ["axes", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  mean: {
    symbol: "lt_mean",
    inputs: ["x"],
    params: [["keepDims", "bool"], ["axes", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  max: {
    symbol: "lt_max",
    inputs: ["x"],
    params: [["keepDims", "bool"], ["axes", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  min: {
    symbol: "lt_min",
    inputs: ["x"],
    params: [["keepDims", "bool"], ["axes", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  argmax: {
    symbol: "lt_argmax",
    inputs: ["x"],
    params: [["axis", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  broadcast_to: {
    symbol: "lt_broadcast_to",
    inputs: ["x"],
    params: [["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  reshape: {
    symbol: "lt_reshape",
    inputs: ["x"],
    params: [["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: true,
  },
  rows: {
    symbol: "lt_rows",
    inputs: ["x"],
    params: [["start", "u32"], ["count", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: true,
  },
  slice: {
    symbol: "lt_slice",
    inputs: ["x"],
    params: [["startsAndSizes", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  pad: {
    symbol: "lt_pad",
    inputs: ["x"],
    params: [["value", "f64"], ["beforeAndAfter", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  transpose: {
    symbol: "lt_transpose",
    inputs: ["x"],
    params: [["permutation", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  concat: {
    symbol: "lt_concat",
    inputs: ["parts..."],
    params: [["axis", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  gather_rows: {
    symbol: "lt_gather_rows",
    inputs: ["table", "index"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  gather_rows_backward: {
    symbol: "lt_gather_rows_backward",
    inputs: ["index", "dy"],
    params: [["rows", "u32"]],
    outputs: ["dtable"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  one_hot: {
    symbol: "lt_one_hot",
    inputs: ["labels"],
    params: [["classes", "u32"], ["dtype", "dtype"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  cast: {
    symbol: "lt_cast",
    inputs: ["x"],
    params: [["dtype", "dtype"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  assign: {
    symbol: "lt_assign",
    inputs: ["target", "source"],
    params: [],
    outputs: [],
    mutates: ["target"],
    differentiable: false,
    view: false,
  },
  fill: {
    symbol: "lt_fill",
    inputs: ["target"],
    params: [["value", "f64"]],
    outputs: [],
    mutates: ["target"],
    differentiable: false,
    view: false,
  },
  arange: {
    symbol: "lt_arange",
    inputs: [],
    params: [["dtype", "dtype"], ["start", "f64"], ["step", "f64"], ["count", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  full: {
    symbol: "lt_full",
    inputs: [],
    params: [["dtype", "dtype"], ["value", "f64"], ["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  uniform: {
    symbol: "lt_uniform",
    inputs: [],
    params: [["dtype", "dtype"], ["seed", "u32"], ["stream", "u32"], ["low", "f64"], ["high", "f64"], ["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  normal: {
    symbol: "lt_normal",
    inputs: [],
    params: [["dtype", "dtype"], ["seed", "u32"], ["stream", "u32"], ["mean", "f64"], ["std", "f64"], ["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  sample_draws: {
    symbol: "lt_sample_draws",
    inputs: ["index", "epoch"],
    params: [["seed", "u32"], ["count", "u32"], ["first", "u32"], ["beta", "bool"], ["a", "f64"], ["b", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  uniform_draw: {
    symbol: "lt_uniform_draw",
    inputs: ["draw"],
    params: [["dtype", "dtype"], ["low", "f64"], ["high", "f64"], ["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  normal_draw: {
    symbol: "lt_normal_draw",
    inputs: ["draw"],
    params: [["dtype", "dtype"], ["mean", "f64"], ["std", "f64"], ["shape", "u32[]"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  next_draw: {
    symbol: "lt_next_draw",
    inputs: ["counter"],
    params: [],
    outputs: ["draw"],
    mutates: ["counter"],
    differentiable: false,
    view: false,
  },
  keep_draws: {
    symbol: "lt_keep_draws",
    inputs: ["counter"],
    params: [["back", "bool"]],
    outputs: [],
    mutates: ["counter"],
    differentiable: false,
    view: false,
  },
  dropout: {
    symbol: "lt_dropout",
    inputs: ["x", "draw"],
    params: [["p", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  stochastic_depth: {
    symbol: "lt_stochastic_depth",
    inputs: ["x", "draw"],
    params: [["p", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  image_batch: {
    symbol: "lt_image_batch",
    inputs: ["images", "index"],
    params: [["seed", "u32"], ["epoch", "u32"], ["shift", "u32"], ["flip", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  crop_batch: {
    symbol: "lt_crop_batch",
    inputs: ["pixels", "table", "index"],
    params: [["seed", "u32"], ["epoch", "u32"], ["size", "u32"], ["mode", "u32"], ["minScale", "f64"], ["flip", "f64"], ["erase", "f64"], ["eraseCount", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  matmul: {
    symbol: "lt_matmul",
    inputs: ["a", "b"],
    params: [["transposeA", "bool"], ["transposeB", "bool"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  conv2d: {
    symbol: "lt_conv2d",
    inputs: ["x", "weight"],
    params: [["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["groups", "u32"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  conv2d_backward_input: {
    symbol: "lt_conv2d_backward_input",
    inputs: ["dy", "weight"],
    params: [["height", "u32"], ["width", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["groups", "u32"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  conv2d_backward_weight: {
    symbol: "lt_conv2d_backward_weight",
    inputs: ["x", "dy"],
    params: [["kernelH", "u32"], ["kernelW", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["groups", "u32"]],
    outputs: ["dweight"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  conv2d_bias_act: {
    symbol: "lt_conv2d_bias_act",
    inputs: ["x", "weight", "bias?", "residual?"],
    params: [["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["groups", "u32"], ["activation", "activation"]],
    outputs: ["y"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  batch_norm: {
    symbol: "lt_batch_norm",
    inputs: ["x", "weight", "bias", "residual?"],
    params: [["eps", "f64"], ["activation", "activation"]],
    outputs: ["y", "mean", "variance"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  batch_norm_backward: {
    symbol: "lt_batch_norm_backward",
    inputs: ["dy", "x", "weight", "bias", "mean", "variance", "residual?"],
    params: [["eps", "f64"], ["activation", "activation"]],
    outputs: ["dx", "dweight", "dbias", "dresidual?"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  batch_norm_eval: {
    symbol: "lt_batch_norm_eval",
    inputs: ["x", "weight", "bias", "runningMean", "runningVariance", "residual?"],
    params: [["eps", "f64"], ["activation", "activation"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  batch_norm_eval_backward: {
    symbol: "lt_batch_norm_eval_backward",
    inputs: ["dy", "x", "weight", "bias", "runningMean", "runningVariance", "residual?"],
    params: [["eps", "f64"], ["activation", "activation"]],
    outputs: ["dx", "dweight", "dbias", "dresidual?"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  update_running_stats: {
    symbol: "lt_update_running_stats",
    inputs: ["runningMean", "runningVariance", "mean", "variance"],
    params: [["momentum", "f64"], ["count", "u32"]],
    outputs: [],
    mutates: ["runningMean", "runningVariance"],
    differentiable: false,
    view: false,
  },
  group_norm: {
    symbol: "lt_group_norm",
    inputs: ["x", "weight?", "bias?"],
    params: [["groups", "u32"], ["eps", "f64"]],
    outputs: ["y", "mean", "rstd"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  group_norm_backward: {
    symbol: "lt_group_norm_backward",
    inputs: ["dy", "x", "mean", "rstd", "weight?"],
    params: [["groups", "u32"]],
    outputs: ["dx", "dweight", "dbias"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  squeeze_excitation: {
    symbol: "lt_squeeze_excitation",
    inputs: ["x", "w1", "b1", "w2", "b2", "residual?"],
    params: [["activation", "activation"], ["end", "activation"]],
    outputs: ["y", "pooled", "hidden", "gate"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  squeeze_excitation_backward: {
    symbol: "lt_squeeze_excitation_backward",
    inputs: ["dy", "x", "w1", "w2", "pooled", "hidden", "gate", "residual?"],
    params: [["activation", "activation"], ["end", "activation"]],
    outputs: ["dx", "dw1", "db1", "dw2", "db2", "dresidual?"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  max_pool2d: {
    symbol: "lt_max_pool2d",
    inputs: ["x"],
    params: [["kernelH", "u32"], ["kernelW", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["ceilMode", "bool"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  max_pool2d_backward: {
    symbol: "lt_max_pool2d_backward",
    inputs: ["x", "dy"],
    params: [["kernelH", "u32"], ["kernelW", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["ceilMode", "bool"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  avg_pool2d: {
    symbol: "lt_avg_pool2d",
    inputs: ["x"],
    params: [["kernelH", "u32"], ["kernelW", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["ceilMode", "bool"], ["countIncludePad", "bool"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  avg_pool2d_backward: {
    symbol: "lt_avg_pool2d_backward",
    inputs: ["dy"],
    params: [["height", "u32"], ["width", "u32"], ["kernelH", "u32"], ["kernelW", "u32"], ["strideH", "u32"], ["strideW", "u32"], ["paddingH", "u32"], ["paddingW", "u32"], ["ceilMode", "bool"], ["countIncludePad", "bool"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  blur_pool: {
    symbol: "lt_blur_pool",
    inputs: ["x"],
    params: [["taps", "u32"], ["stride", "u32"], ["reflect", "bool"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  blur_pool_backward: {
    symbol: "lt_blur_pool_backward",
    inputs: ["dy"],
    params: [["height", "u32"], ["width", "u32"], ["taps", "u32"], ["stride", "u32"], ["reflect", "bool"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  max_blur_pool: {
    symbol: "lt_max_blur_pool",
    inputs: ["x"],
    params: [["kernel", "u32"], ["taps", "u32"], ["stride", "u32"], ["reflect", "bool"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  max_blur_pool_backward: {
    symbol: "lt_max_blur_pool_backward",
    inputs: ["x", "dy"],
    params: [["kernel", "u32"], ["taps", "u32"], ["stride", "u32"], ["reflect", "bool"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  resample2d: {
    symbol: "lt_resample2d",
    inputs: ["x"],
    params: [["height", "u32"], ["width", "u32"], ["rule", "u32"], ["scaleH", "f64"], ["scaleW", "f64"]],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  resample2d_backward: {
    symbol: "lt_resample2d_backward",
    inputs: ["dy"],
    params: [["height", "u32"], ["width", "u32"], ["rule", "u32"], ["scaleH", "f64"], ["scaleW", "f64"]],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  softmax: {
    symbol: "lt_softmax",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  softmax_backward: {
    symbol: "lt_softmax_backward",
    inputs: ["y", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  causal_softmax: {
    symbol: "lt_causal_softmax",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  log_softmax: {
    symbol: "lt_log_softmax",
    inputs: ["x"],
    params: [],
    outputs: ["y"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  log_softmax_backward: {
    symbol: "lt_log_softmax_backward",
    inputs: ["y", "dy"],
    params: [],
    outputs: ["dx"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  cross_entropy: {
    symbol: "lt_cross_entropy",
    inputs: ["logits", "target"],
    params: [["labelSmoothing", "f64"]],
    outputs: ["loss"],
    mutates: [],
    differentiable: true,
    view: false,
  },
  cross_entropy_backward: {
    symbol: "lt_cross_entropy_backward",
    inputs: ["logits", "target", "dloss"],
    params: [["labelSmoothing", "f64"]],
    outputs: ["dlogits"],
    mutates: [],
    differentiable: false,
    view: false,
  },
  assert_finite: {
    symbol: "lt_assert_finite",
    inputs: ["x"],
    params: [],
    outputs: [],
    mutates: [],
    differentiable: false,
    view: false,
  },
  sgd_step: {
    symbol: "lt_sgd_step",
    inputs: ["lr", "steps", "momentumBuffer", "parameter...", "gradient..."],
    params: [["mom", "f64"], ["dampening", "bool"], ["nesterov", "bool"], ["segments", "f64[]"]],
    outputs: [],
    mutates: ["steps", "momentumBuffer", "parameter..."],
    differentiable: false,
    view: false,
  },
  adamw_step: {
    symbol: "lt_adamw_step",
    inputs: ["lr", "steps", "average", "averageSquare", "parameter...", "gradient..."],
    params: [["mom", "f64"], ["sqrMom", "f64"], ["eps", "f64"], ["segments", "f64[]"]],
    outputs: [],
    mutates: ["steps", "average", "averageSquare", "parameter..."],
    differentiable: false,
    view: false,
  },
  ranger_step: {
    symbol: "lt_ranger_step",
    inputs: ["lr", "steps", "average", "averageSquare", "slow", "parameter...", "gradient..."],
    params: [["mom", "f64"], ["sqrMom", "f64"], ["eps", "f64"], ["rectify", "bool"], ["k", "u32"], ["alpha", "f64"], ["centralise", "bool"], ["segments", "f64[]"]],
    outputs: [],
    mutates: ["steps", "average", "averageSquare", "slow", "parameter..."],
    differentiable: false,
    view: false,
  },
} as const satisfies Record<string, OpDescriptor>;

/** An op's name. */
export type OpName = keyof typeof OPS;

/** The names of the ops that have a gradient. */
export type DifferentiableOp = { [Name in OpName]: (typeof OPS)[Name]["differentiable"] extends true ? Name : never }[OpName];

/** The parameters of each op. */
export interface OpParams {
  /** max(x, 0) */
  relu: Record<string, never>;
  /** dy, but 0 where x <= 0 */
  relu_backward: Record<string, never>;
  /** x tanh(softplus(x)) (Misra 2019) */
  mish: Record<string, never>;
  /** dy times the derivative of Mish at x */
  mish_backward: Record<string, never>;
  /** x sigmoid(x) */
  silu: Record<string, never>;
  /** dy times the derivative of SiLU at x */
  silu_backward: Record<string, never>;
  /** x (1 + erf(x / sqrt 2)) / 2, the exact form */
  gelu: Record<string, never>;
  /** dy times the derivative of GELU at x */
  gelu_backward: Record<string, never>;
  /** 1 / (1 + exp(-x)) */
  sigmoid: Record<string, never>;
  /** dy times the derivative of the sigmoid at x */
  sigmoid_backward: Record<string, never>;
  /** The hyperbolic tangent */
  tanh: Record<string, never>;
  /** dy times the derivative of tanh at x */
  tanh_backward: Record<string, never>;
  /** log(1 + exp(x)) */
  softplus: Record<string, never>;
  /** dy times the derivative of softplus at x */
  softplus_backward: Record<string, never>;
  /** x where x > 0, else negativeSlope x */
  leaky_relu: { negativeSlope: number };
  /** dy where x > 0, else negativeSlope dy */
  leaky_relu_backward: { negativeSlope: number };
  /** e to the power x */
  exp: Record<string, never>;
  /** The natural logarithm */
  log: Record<string, never>;
  /** The square root */
  sqrt: Record<string, never>;
  /** The absolute value */
  abs: Record<string, never>;
  /** -1, 0 or 1; of NaN 0 */
  sign: Record<string, never>;
  /** scale x + shift */
  affine: { scale: number; shift: number };
  /** x to a constant power */
  power: { exponent: number };
  /** x limited to low..high */
  clamp: { low: number; high: number };
  /** dy where low < x < high, else 0 */
  clamp_backward: { low: number; high: number };
  /** a + b */
  add: Record<string, never>;
  /** a - b */
  sub: Record<string, never>;
  /** a b */
  mul: Record<string, never>;
  /** a / b */
  div: Record<string, never>;
  /** The larger of a and b; NaN where either is NaN */
  maximum: Record<string, never>;
  /** The smaller of a and b; NaN where either is NaN */
  minimum: Record<string, never>;
  /** 1 where a = b, else 0 (f32; f64 for f64 inputs) */
  equal: Record<string, never>;
  /** 1 where a > b, else 0 (f32; f64 for f64 inputs) */
  greater: Record<string, never>;
  /** 1 where a >= b, else 0 (f32; f64 for f64 inputs) */
  greater_equal: Record<string, never>;
  /** 1 where a < b, else 0 (f32; f64 for f64 inputs) */
  less: Record<string, never>;
  /** 1 where a <= b, else 0 (f32; f64 for f64 inputs) */
  less_equal: Record<string, never>;
  /** a where the condition is not 0, else b; all three broadcast */
  where: Record<string, never>;
  /** The sum over the axes */
  sum: { keepDims: boolean; axes: readonly number[] };
  /** The mean over the axes */
  mean: { keepDims: boolean; axes: readonly number[] };
  /** The largest value over the axes */
  max: { keepDims: boolean; axes: readonly number[] };
  /** The smallest value over the axes */
  min: { keepDims: boolean; axes: readonly number[] };
  /** The index (i32) of the first largest value along an axis, which is dropped */
  argmax: { axis: number };
  /** x repeated along its axes of size 1 (and missing leading ones) to a shape */
  broadcast_to: { shape: readonly number[] };
  /** The same values under another shape, sharing the buffer */
  reshape: { shape: readonly number[] };
  /** Rows start..start+count of the first axis, sharing the buffer */
  rows: { start: number; count: number };
  /** A box copied out of x: first a start for every axis, then a size for every axis */
  slice: { startsAndSizes: readonly number[] };
  /** x with constant values around it: first the count before every axis, then the count after */
  pad: { value: number; beforeAndAfter: readonly number[] };
  /** The axes in another order: axis i of y is axis permutation[i] of x */
  transpose: { permutation: readonly number[] };
  /** The parts joined along an axis */
  concat: { axis: number };
  /** y[i] = table[index[i]], rows of the first axis; index is i32 */
  gather_rows: Record<string, never>;
  /** dtable[r] = the sum of the dy[i] with index[i] = r, in the order of i */
  gather_rows_backward: { rows: number };
  /** [n] labels (i32) to [n, classes] with a 1 in each row */
  one_hot: { classes: number; dtype: DtypeName };
  /** The values in another dtype; to integers by truncation, saturating */
  cast: { dtype: DtypeName };
  /** Writes source over target */
  assign: Record<string, never>;
  /** Writes one value over target */
  fill: { value: number };
  /** start + i step for i from 0 to count - 1, computed in f64 */
  arange: { dtype: DtypeName; start: number; step: number; count: number };
  /** A new tensor filled with one value */
  full: { dtype: DtypeName; value: number; shape: readonly number[] };
  /** Uniform numbers in low..high from Philox4x32-10 keyed by (seed, stream) */
  uniform: { dtype: DtypeName; seed: number; stream: number; low: number; high: number; shape: readonly number[] };
  /** Normal numbers from Philox4x32-10 keyed by (seed, stream), by Box and Muller's transform */
  normal: { dtype: DtypeName; seed: number; stream: number; mean: number; std: number; shape: readonly number[] };
  /** [n, count] random numbers for samples (i32 [n]) in an epoch (i32 []), in 0..1 or beta(a, b): Philox keyed by (seed, epoch), counter = (sample, block, 4, first + column) */
  sample_draws: { seed: number; count: number; first: number; beta: boolean; a: number; b: number };
  /** Uniform numbers in low..high from Philox4x32-10 keyed by (seed, layer) of `draw`, counter = (group of four, number, 7, 0) */
  uniform_draw: { dtype: DtypeName; low: number; high: number; shape: readonly number[] };
  /** Normal numbers from Philox4x32-10 keyed by (seed, layer) of `draw`, counter = (group of four, number, 7, 0), by Box and Muller's transform */
  normal_draw: { dtype: DtypeName; mean: number; std: number; shape: readonly number[] };
  /** Seed, layer and number of the next draw (i32 [3]) of a counter (i32 [4]: seed, layer, draws, draws kept), which counts it */
  next_draw: Record<string, never>;
  /** Keeps a counter's draws so far; with `back` takes back those that were not kept */
  keep_draws: { back: boolean };
  /** Zeros with probability p, else x / (1 - p); Philox keyed by (seed, layer) of `draw`, counter = (group of four, number, 5, 0) (Srivastava 2014) */
  dropout: { p: number };
  /** Rows of the first axis as zeros with probability p, else as x / (1 - p); Philox keyed by (seed, layer) of `draw`, counter = (row, number, 6, 0) (Huang 2016) */
  stochastic_depth: { p: number };
  /** Rows of u8 images [n, h, w, c] as f32 in 0..1, each moved by up to `shift` pixels (zeros come in) and mirrored with probability `flip`; Philox keyed by (seed, epoch), counter = row number in images */
  image_batch: { seed: number; epoch: number; shift: number; flip: number };
  /** Images of a pixel cache (rows `index` of `table`: offset upper and lower half, height, width) cut by `mode` (0 centre, 1 random along the long side, 2 RandomResizedCrop from minScale on), resized to `size` as PIL does, mirrored with probability `flip`, in 0..1, with RandomErasing of probability `erase`; Philox keyed by (seed, epoch), counter = row number in table */
  crop_batch: { seed: number; epoch: number; size: number; mode: number; minScale: number; flip: number; erase: number; eraseCount: number };
  /** The matrix product of the last two axes; ranks 2 and 2, or 3 and 3 with equal batch */
  matmul: { transposeA: boolean; transposeB: boolean };
  /** 2-D convolution: x [n, h, w, c], weight [out, kh, kw, c / groups], zero padding */
  conv2d: { strideH: number; strideW: number; paddingH: number; paddingW: number; groups: number };
  /** The gradient of conv2d for its input of size height x width: the transposed convolution of dy */
  conv2d_backward_input: { height: number; width: number; strideH: number; strideW: number; paddingH: number; paddingW: number; groups: number };
  /** The gradient of conv2d for its weight of size kernelH x kernelW */
  conv2d_backward_weight: { kernelH: number; kernelW: number; strideH: number; strideW: number; paddingH: number; paddingW: number; groups: number };
  /** activation(conv2d(x, weight) + bias + residual), for networks that no longer train: there is no gradient */
  conv2d_bias_act: { strideH: number; strideW: number; paddingH: number; paddingW: number; groups: number; activation: ActivationName };
  /** activation(weight (x - mean) / sqrt(variance + eps) + bias + residual) with the batch's own mean and biased variance over all axes but the last (Ioffe and Szegedy 2015) */
  batch_norm: { eps: number; activation: ActivationName };
  /** The gradients of batch_norm; the activation's input is computed again */
  batch_norm_backward: { eps: number; activation: ActivationName };
  /** batch_norm with given statistics, which get no gradient */
  batch_norm_eval: { eps: number; activation: ActivationName };
  /** The gradients of batch_norm_eval */
  batch_norm_eval_backward: { eps: number; activation: ActivationName };
  /** running = (1 - momentum) running + momentum batch, with the unbiased variance of `count` values; a batch that is not finite changes nothing */
  update_running_stats: { momentum: number; count: number };
  /** weight (x - mean) rstd + bias, x [n, .., c] having its own mean and rstd = 1 / sqrt(variance + eps), biased, in each sample and group of channels (Wu and He 2018) */
  group_norm: { groups: number; eps: number };
  /** The gradients of group_norm */
  group_norm_backward: { groups: number };
  /** end(x gate + residual), the gate being sigmoid(w2 activation(hidden) + b2), hidden = w1 pooled + b1, pooled the mean of x [n, h, w, c] over its pixels (Hu 2018) */
  squeeze_excitation: { activation: ActivationName; end: ActivationName };
  /** The gradients of squeeze_excitation; the input of `end` is computed again */
  squeeze_excitation_backward: { activation: ActivationName; end: ActivationName };
  /** The largest value of each window of x [n, h, w, c]; padding never wins */
  max_pool2d: { kernelH: number; kernelW: number; strideH: number; strideW: number; paddingH: number; paddingW: number; ceilMode: boolean };
  /** dy added at the first largest value of each window */
  max_pool2d_backward: { kernelH: number; kernelW: number; strideH: number; strideW: number; paddingH: number; paddingW: number; ceilMode: boolean };
  /** The mean of each window of x [n, h, w, c] */
  avg_pool2d: { kernelH: number; kernelW: number; strideH: number; strideW: number; paddingH: number; paddingW: number; ceilMode: boolean; countIncludePad: boolean };
  /** dy spread evenly over each window of an input of size height x width */
  avg_pool2d_backward: { height: number; width: number; kernelH: number; kernelW: number; strideH: number; strideW: number; paddingH: number; paddingW: number; ceilMode: boolean; countIncludePad: boolean };
  /** x [n, h, w, c] filtered by the binomial filter of 2, 3 or 5 taps on both axes, then subsampled (Zhang 2019); (taps-1)/2 padding before, taps/2 after, by zeros or reflection */
  blur_pool: { taps: number; stride: number; reflect: boolean };
  /** The gradient of blur_pool for its input of size height x width */
  blur_pool_backward: { height: number; width: number; taps: number; stride: number; reflect: boolean };
  /** Max pool (kernel x kernel, stride 1, no padding) then blur_pool, in one pass: kornia's MaxBlurPool2D */
  max_blur_pool: { kernel: number; taps: number; stride: number; reflect: boolean };
  /** The gradient of max_blur_pool */
  max_blur_pool_backward: { kernel: number; taps: number; stride: number; reflect: boolean };
  /** x [n, h, w, c] at another size, by `rule` (0 mean of the pixels that a result overlaps, 1 nearest, 2 bilinear without aligned corners); scales 0 follow from the sizes */
  resample2d: { height: number; width: number; rule: number; scaleH: number; scaleW: number };
  /** The gradient of resample2d for its input of size height x width */
  resample2d_backward: { height: number; width: number; rule: number; scaleH: number; scaleW: number };
  /** exp(x) / sum exp(x) over the last axis */
  softmax: Record<string, never>;
  /** y (dy - sum(y dy)) over the last axis */
  softmax_backward: Record<string, never>;
  /** Softmax over the last axis of scores [.., queries, keys], where query i sees keys 0 to i and the others get 0 */
  causal_softmax: Record<string, never>;
  /** x - log sum exp(x) over the last axis */
  log_softmax: Record<string, never>;
  /** dy - exp(y) sum(dy) over the last axis */
  log_softmax_backward: Record<string, never>;
  /** The mean over rows of -sum q log softmax(logits), q = (1 - s) target + s / classes; target: [n] labels (i32) or [n, classes] weights of the logits' dtype */
  cross_entropy: { labelSmoothing: number };
  /** The gradient of cross_entropy for the logits; dloss is a scalar */
  cross_entropy_backward: { labelSmoothing: number };
  /** Nothing; a late error where a value is infinite or not a number */
  assert_finite: Record<string, never>;
  /** SGD with momentum and decoupled weight decay over all segments */
  sgd_step: { mom: number; dampening: boolean; nesterov: boolean; segments: readonly number[] };
  /** AdamW (Loshchilov and Hutter 2019) over all segments */
  adamw_step: { mom: number; sqrMom: number; eps: number; segments: readonly number[] };
  /** Ranger over all segments: RAdam (Liu 2020) inside Lookahead (Zhang 2019; k = 0 turns it off), with optional gradient centralisation (Yong 2020) */
  ranger_step: { mom: number; sqrMom: number; eps: number; rectify: boolean; k: number; alpha: number; centralise: boolean; segments: readonly number[] };
}
