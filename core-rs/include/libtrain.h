/* Made from ops.toml by `deno task generate`; do not edit.
 *
 * Every export returns a status: 0, or an error's code; then `out` holds [bytes of the op's name, bytes of the reason,
 * flags (1: the device is lost, 2: what is free is known, 4: memory was refused)], as u64 the record of a late error and the
 * bytes that were asked for, are held and are free; where memory was refused, as u64 the budget, the code of its source, and
 * bytes by holder: results, weights, gradients, optimizer, data set, recorded steps, kept for reuse, buffers of kernels, reads,
 * values being written; then name and reason in UTF-8. In an `out` of less than 11 words nothing is written then.
 * A handle is two u32: slot, generation; generation 0 is no handle. Every buffer travels with its byte length.
 * An op takes its tensors as handles and its parameters as one double each, and writes to `out`:
 * ticket (low, high), number of outputs, then for each output slot, generation, dtype, rank, sizes.
 * dtype: 0 f32, 1 f64, 3 i32, 4 u8. activation: 0 none, 1 relu, 2 mish, 3 silu, 4 gelu, 5 sigmoid, 6 tanh.
 */
#ifndef LIBTRAIN_H
#define LIBTRAIN_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The ABI version. */
int32_t lt_abi_version(uint32_t *out, uint32_t out_bytes);

/* For tests: the n-th guarded call from now panics. */
int32_t lt_inject_panic(uint32_t calls, uint32_t *out, uint32_t out_bytes);

/* For tests: the next block asked from the system is refused. */
int32_t lt_inject_out_of_memory(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* For tests: the n-th allocation of memory from now is refused. */
int32_t lt_inject_refusal(uint32_t allocations, uint32_t *out, uint32_t out_bytes);

/* For tests: how many ops this process has run on the CPU. */
int32_t lt_cpu_runs(uint32_t *out, uint32_t out_bytes);

/* This machine as a JSON text. */
int32_t lt_device_info(uint32_t *out, uint32_t out_bytes);

/* A queue on the CPU (kind 0) or on CUDA (kind 1; f32 products in TF32 where tf32 is 1). */
int32_t lt_queue_create(uint32_t kind, uint32_t threads, uint32_t tf32, uint32_t *out, uint32_t out_bytes);

/* Ends a queue's thread. */
int32_t lt_queue_destroy(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Waits until a ticket has passed; waits, so call it off the main thread. */
int32_t lt_queue_wait(uint32_t queue_slot, uint32_t queue_generation, uint32_t ticket_low, uint32_t ticket_high, uint32_t *out, uint32_t out_bytes);

/* Completed and enqueued tickets, and whether a late error waits. */
int32_t lt_queue_progress(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Forgets the late error. */
int32_t lt_queue_recover(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Counts of handles, memory and work. */
int32_t lt_queue_stats(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Keeps what is enqueued from being run. */
int32_t lt_queue_hold(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Has what was held run, or forgets it. */
int32_t lt_queue_release(uint32_t queue_slot, uint32_t queue_generation, uint32_t run, uint32_t *out, uint32_t out_bytes);

/* Bounds the bytes that a queue may hold. */
int32_t lt_queue_limit(uint32_t queue_slot, uint32_t queue_generation, uint32_t bytes_low, uint32_t bytes_high, uint32_t *out, uint32_t out_bytes);

/* The process's memory budget, and what a queue holds by whom. */
int32_t lt_queue_memory(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Gives unused memory back to the system. */
int32_t lt_queue_trim(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Begins or ends timing every record on the device. */
int32_t lt_queue_profile(uint32_t queue_slot, uint32_t queue_generation, uint32_t on, uint32_t *out, uint32_t out_bytes);

/* What was timed, from a place on. */
int32_t lt_queue_timed(uint32_t queue_slot, uint32_t queue_generation, uint32_t first, uint32_t *out, uint32_t out_bytes);

/* What was chosen by timing on this device. */
int32_t lt_queue_plan(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Choices of an earlier time, used where nothing was chosen yet. */
int32_t lt_queue_use_plan(uint32_t queue_slot, uint32_t queue_generation, const uint8_t *plan, uint32_t plan_bytes, uint32_t *out, uint32_t out_bytes);

/* A tensor from host values. */
int32_t lt_tensor_create(uint32_t queue_slot, uint32_t queue_generation, uint32_t dtype, const uint32_t *shape, uint32_t shape_bytes, const uint8_t *data, uint32_t data_bytes, uint32_t *out, uint32_t out_bytes);

/* A second handle to a tensor. */
int32_t lt_tensor_alias(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Lets go of a tensor. */
int32_t lt_tensor_release(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* How often a tensor's storage was written in place, and by which op last. */
int32_t lt_tensor_version(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Says what a tensor's bytes count as: weights, gradients, …. */
int32_t lt_tensor_role(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t role, uint32_t *out, uint32_t out_bytes);

/* Asks for a tensor's values. */
int32_t lt_read_begin(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Copies the values of a finished read. */
int32_t lt_read_take(uint32_t slot, uint32_t generation, uint8_t *data, uint32_t data_bytes, uint32_t *out, uint32_t out_bytes);

/* Gives a read up. */
int32_t lt_read_release(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Starts to bring a tensor to another queue. */
int32_t lt_transfer_begin(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t to_slot, uint32_t to_generation, uint32_t *out, uint32_t out_bytes);

/* The tensor that was brought, on the queue that it goes to. */
int32_t lt_transfer_end(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Gives a transfer up. */
int32_t lt_transfer_release(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Starts recording a step. */
int32_t lt_capture_begin(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Ends a recording; makes a graph. */
int32_t lt_capture_end(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const uint32_t *outputs, uint32_t outputs_bytes, uint32_t *out, uint32_t out_bytes);

/* Ends a recording without a graph. */
int32_t lt_capture_abort(uint32_t queue_slot, uint32_t queue_generation, uint32_t *out, uint32_t out_bytes);

/* Runs a graph again, once or several times. */
int32_t lt_graph_replay(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t steps, const uint32_t *inputs, uint32_t inputs_bytes, const uint32_t *scalar, uint32_t scalar_bytes, const double *rates, uint32_t rates_bytes, uint32_t *out, uint32_t out_bytes);

/* Lets go of a graph. */
int32_t lt_graph_release(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Starts to prepare a data set: pixel caches in a folder, from an image folder or an archive. */
int32_t lt_image_job_start(const uint8_t *source, uint32_t source_bytes, const uint8_t *folder, uint32_t folder_bytes, const double *options, uint32_t options_bytes, uint32_t *out, uint32_t out_bytes);

/* How far a job is, and what it came to. */
int32_t lt_image_job_poll(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Asks a job to end; it leaves nothing behind. */
int32_t lt_image_job_cancel(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Lets go of a job, cancelling it where it still runs. */
int32_t lt_image_job_release(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* A pixel cache as tensors over the mapped file, or a copy of it on the device: pixels, table, labels, header. */
int32_t lt_image_cache_open(uint32_t queue_slot, uint32_t queue_generation, const uint8_t *path, uint32_t path_bytes, uint32_t reserve, uint32_t *out, uint32_t out_bytes);

/* Takes a copy of one JPEG, PNG or WebP, to be decoded. */
int32_t lt_image_decode_start(const uint8_t *bytes, uint32_t bytes_bytes, const double *options, uint32_t options_bytes, uint32_t *out, uint32_t out_bytes);

/* Decodes it; waits, so call it off the main thread. */
int32_t lt_image_decode_run(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* What was decoded, as a tensor of RGB bytes. */
int32_t lt_image_decode_take(uint32_t queue_slot, uint32_t queue_generation, uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* Lets go of it, and stops decoding where that is under way. */
int32_t lt_image_decode_release(uint32_t slot, uint32_t generation, uint32_t *out, uint32_t out_bytes);

/* max(x, 0).
 * inputs: x; params: none; outputs: y */
int32_t lt_relu(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy, but 0 where x <= 0.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_relu_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x tanh(softplus(x)) (Misra 2019).
 * inputs: x; params: none; outputs: y */
int32_t lt_mish(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of Mish at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_mish_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x sigmoid(x).
 * inputs: x; params: none; outputs: y */
int32_t lt_silu(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of SiLU at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_silu_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x (1 + erf(x / sqrt 2)) / 2, the exact form.
 * inputs: x; params: none; outputs: y */
int32_t lt_gelu(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of GELU at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_gelu_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 / (1 + exp(-x)).
 * inputs: x; params: none; outputs: y */
int32_t lt_sigmoid(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of the sigmoid at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_sigmoid_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The hyperbolic tangent.
 * inputs: x; params: none; outputs: y */
int32_t lt_tanh(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of tanh at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_tanh_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* log(1 + exp(x)).
 * inputs: x; params: none; outputs: y */
int32_t lt_softplus(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy times the derivative of softplus at x.
 * inputs: x, dy; params: none; outputs: dx */
int32_t lt_softplus_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x where x > 0, else negativeSlope x.
 * inputs: x; params: negativeSlope: f64; outputs: y */
int32_t lt_leaky_relu(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy where x > 0, else negativeSlope dy.
 * inputs: x, dy; params: negativeSlope: f64; outputs: dx */
int32_t lt_leaky_relu_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* e to the power x.
 * inputs: x; params: none; outputs: y */
int32_t lt_exp(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The natural logarithm.
 * inputs: x; params: none; outputs: y */
int32_t lt_log(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The square root.
 * inputs: x; params: none; outputs: y */
int32_t lt_sqrt(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The absolute value.
 * inputs: x; params: none; outputs: y */
int32_t lt_abs(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* -1, 0 or 1; of NaN 0.
 * inputs: x; params: none; outputs: y */
int32_t lt_sign(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* scale x + shift.
 * inputs: x; params: scale: f64, shift: f64; outputs: y */
int32_t lt_affine(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x to a constant power.
 * inputs: x; params: exponent: f64; outputs: y */
int32_t lt_power(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x limited to low..high.
 * inputs: x; params: low: f64, high: f64; outputs: y */
int32_t lt_clamp(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy where low < x < high, else 0.
 * inputs: x, dy; params: low: f64, high: f64; outputs: dx */
int32_t lt_clamp_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* a + b.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_add(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* a - b.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_sub(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* a b.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_mul(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* a / b.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_div(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The larger of a and b; NaN where either is NaN.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_maximum(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The smaller of a and b; NaN where either is NaN.
 * inputs: a, b; params: none; outputs: y */
int32_t lt_minimum(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 where a = b, else 0 (f32; f64 for f64 inputs).
 * inputs: a, b; params: none; outputs: y */
int32_t lt_equal(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 where a > b, else 0 (f32; f64 for f64 inputs).
 * inputs: a, b; params: none; outputs: y */
int32_t lt_greater(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 where a >= b, else 0 (f32; f64 for f64 inputs).
 * inputs: a, b; params: none; outputs: y */
int32_t lt_greater_equal(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 where a < b, else 0 (f32; f64 for f64 inputs).
 * inputs: a, b; params: none; outputs: y */
int32_t lt_less(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 1 where a <= b, else 0 (f32; f64 for f64 inputs).
 * inputs: a, b; params: none; outputs: y */
int32_t lt_less_equal(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* a where the condition is not 0, else b; all three broadcast.
 * inputs: condition, a, b; params: none; outputs: y */
int32_t lt_where(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The sum over the axes.
 * inputs: x; params: keepDims: bool, axes: u32[]; outputs: y */
int32_t lt_sum(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The mean over the axes.
 * inputs: x; params: keepDims: bool, axes: u32[]; outputs: y */
int32_t lt_mean(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The largest value over the axes.
 * inputs: x; params: keepDims: bool, axes: u32[]; outputs: y */
int32_t lt_max(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The smallest value over the axes.
 * inputs: x; params: keepDims: bool, axes: u32[]; outputs: y */
int32_t lt_min(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The index (i32) of the first largest value along an axis, which is dropped.
 * inputs: x; params: axis: u32; outputs: y */
int32_t lt_argmax(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x repeated along its axes of size 1 (and missing leading ones) to a shape.
 * inputs: x; params: shape: u32[]; outputs: y */
int32_t lt_broadcast_to(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The same values under another shape, sharing the buffer.
 * inputs: x; params: shape: u32[]; outputs: y */
int32_t lt_reshape(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Rows start..start+count of the first axis, sharing the buffer.
 * inputs: x; params: start: u32, count: u32; outputs: y */
int32_t lt_rows(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* A box copied out of x: first a start for every axis, then a size for every axis.
 * inputs: x; params: startsAndSizes: u32[]; outputs: y */
int32_t lt_slice(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x with constant values around it: first the count before every axis, then the count after.
 * inputs: x; params: value: f64, beforeAndAfter: u32[]; outputs: y */
int32_t lt_pad(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The axes in another order: axis i of y is axis permutation[i] of x.
 * inputs: x; params: permutation: u32[]; outputs: y */
int32_t lt_transpose(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The parts joined along an axis.
 * inputs: parts...; params: axis: u32; outputs: y */
int32_t lt_concat(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* y[i] = table[index[i]], rows of the first axis; index is i32.
 * inputs: table, index; params: none; outputs: y */
int32_t lt_gather_rows(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dtable[r] = the sum of the dy[i] with index[i] = r, in the order of i.
 * inputs: index, dy; params: rows: u32; outputs: dtable */
int32_t lt_gather_rows_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* [n] labels (i32) to [n, classes] with a 1 in each row.
 * inputs: labels; params: classes: u32, dtype: dtype; outputs: y */
int32_t lt_one_hot(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The values in another dtype; to integers by truncation, saturating.
 * inputs: x; params: dtype: dtype; outputs: y */
int32_t lt_cast(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Writes source over target.
 * inputs: target, source; params: none; outputs: none; writes target */
int32_t lt_assign(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Writes one value over target.
 * inputs: target; params: value: f64; outputs: none; writes target */
int32_t lt_fill(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* start + i step for i from 0 to count - 1, computed in f64.
 * inputs: none; params: dtype: dtype, start: f64, step: f64, count: u32; outputs: y */
int32_t lt_arange(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* A new tensor filled with one value.
 * inputs: none; params: dtype: dtype, value: f64, shape: u32[]; outputs: y */
int32_t lt_full(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Uniform numbers in low..high from Philox4x32-10 keyed by (seed, stream).
 * inputs: none; params: dtype: dtype, seed: u32, stream: u32, low: f64, high: f64, shape: u32[]; outputs: y */
int32_t lt_uniform(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Normal numbers from Philox4x32-10 keyed by (seed, stream), by Box and Muller's transform.
 * inputs: none; params: dtype: dtype, seed: u32, stream: u32, mean: f64, std: f64, shape: u32[]; outputs: y */
int32_t lt_normal(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* [n, count] random numbers for samples (i32 [n]) in an epoch (i32 []), in 0..1 or beta(a, b): Philox keyed by (seed, epoch), counter = (sample, block, 4, first + column).
 * inputs: index, epoch; params: seed: u32, count: u32, first: u32, beta: bool, a: f64, b: f64; outputs: y */
int32_t lt_sample_draws(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Uniform numbers in low..high from Philox4x32-10 keyed by (seed, layer) of `draw`, counter = (group of four, number, 7, 0).
 * inputs: draw; params: dtype: dtype, low: f64, high: f64, shape: u32[]; outputs: y */
int32_t lt_uniform_draw(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Normal numbers from Philox4x32-10 keyed by (seed, layer) of `draw`, counter = (group of four, number, 7, 0), by Box and Muller's transform.
 * inputs: draw; params: dtype: dtype, mean: f64, std: f64, shape: u32[]; outputs: y */
int32_t lt_normal_draw(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Seed, layer and number of the next draw (i32 [3]) of a counter (i32 [4]: seed, layer, draws, draws kept), which counts it.
 * inputs: counter; params: none; outputs: draw; writes counter */
int32_t lt_next_draw(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Keeps a counter's draws so far; with `back` takes back those that were not kept.
 * inputs: counter; params: back: bool; outputs: none; writes counter */
int32_t lt_keep_draws(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Zeros with probability p, else x / (1 - p); Philox keyed by (seed, layer) of `draw`, counter = (group of four, number, 5, 0) (Srivastava 2014).
 * inputs: x, draw; params: p: f64; outputs: y */
int32_t lt_dropout(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Rows of the first axis as zeros with probability p, else as x / (1 - p); Philox keyed by (seed, layer) of `draw`, counter = (row, number, 6, 0) (Huang 2016).
 * inputs: x, draw; params: p: f64; outputs: y */
int32_t lt_stochastic_depth(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Rows of u8 images [n, h, w, c] as f32 in 0..1, each moved by up to `shift` pixels (zeros come in) and mirrored with probability `flip`; Philox keyed by (seed, epoch), counter = row number in images.
 * inputs: images, index; params: seed: u32, epoch: u32, shift: u32, flip: f64; outputs: y */
int32_t lt_image_batch(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Images of a pixel cache (rows `index` of `table`: offset upper and lower half, height, width) cut by `mode` (0 centre, 1 random along the long side, 2 RandomResizedCrop from minScale on), resized to `size` as PIL does, mirrored with probability `flip`, in 0..1, with RandomErasing of probability `erase`; Philox keyed by (seed, epoch), counter = row number in table.
 * inputs: pixels, table, index; params: seed: u32, epoch: u32, size: u32, mode: u32, minScale: f64, flip: f64, erase: f64, eraseCount: u32; outputs: y */
int32_t lt_crop_batch(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The matrix product of the last two axes; ranks 2 and 2, or 3 and 3 with equal batch.
 * inputs: a, b; params: transposeA: bool, transposeB: bool; outputs: y */
int32_t lt_matmul(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* 2-D convolution: x [n, h, w, c], weight [out, kh, kw, c / groups], zero padding.
 * inputs: x, weight; params: strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, groups: u32; outputs: y */
int32_t lt_conv2d(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of conv2d for its input of size height x width: the transposed convolution of dy.
 * inputs: dy, weight; params: height: u32, width: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, groups: u32; outputs: dx */
int32_t lt_conv2d_backward_input(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of conv2d for its weight of size kernelH x kernelW.
 * inputs: x, dy; params: kernelH: u32, kernelW: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, groups: u32; outputs: dweight */
int32_t lt_conv2d_backward_weight(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* activation(conv2d(x, weight) + bias + residual), for networks that no longer train: there is no gradient.
 * inputs: x, weight, bias?, residual?; params: strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, groups: u32, activation: activation; outputs: y */
int32_t lt_conv2d_bias_act(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* activation(weight (x - mean) / sqrt(variance + eps) + bias + residual) with the batch's own mean and biased variance over all axes but the last (Ioffe and Szegedy 2015).
 * inputs: x, weight, bias, residual?; params: eps: f64, activation: activation; outputs: y, mean, variance */
int32_t lt_batch_norm(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradients of batch_norm; the activation's input is computed again.
 * inputs: dy, x, weight, bias, mean, variance, residual?; params: eps: f64, activation: activation; outputs: dx, dweight, dbias, dresidual? */
int32_t lt_batch_norm_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* batch_norm with given statistics, which get no gradient.
 * inputs: x, weight, bias, runningMean, runningVariance, residual?; params: eps: f64, activation: activation; outputs: y */
int32_t lt_batch_norm_eval(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradients of batch_norm_eval.
 * inputs: dy, x, weight, bias, runningMean, runningVariance, residual?; params: eps: f64, activation: activation; outputs: dx, dweight, dbias, dresidual? */
int32_t lt_batch_norm_eval_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* running = (1 - momentum) running + momentum batch, with the unbiased variance of `count` values; a batch that is not finite changes nothing.
 * inputs: runningMean, runningVariance, mean, variance; params: momentum: f64, count: u32; outputs: none; writes runningMean, runningVariance */
int32_t lt_update_running_stats(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* weight (x - mean) rstd + bias, x [n, .., c] having its own mean and rstd = 1 / sqrt(variance + eps), biased, in each sample and group of channels (Wu and He 2018).
 * inputs: x, weight?, bias?; params: groups: u32, eps: f64; outputs: y, mean, rstd */
int32_t lt_group_norm(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradients of group_norm.
 * inputs: dy, x, mean, rstd, weight?; params: groups: u32; outputs: dx, dweight, dbias */
int32_t lt_group_norm_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* end(x gate + residual), the gate being sigmoid(w2 activation(hidden) + b2), hidden = w1 pooled + b1, pooled the mean of x [n, h, w, c] over its pixels (Hu 2018).
 * inputs: x, w1, b1, w2, b2, residual?; params: activation: activation, end: activation; outputs: y, pooled, hidden, gate */
int32_t lt_squeeze_excitation(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradients of squeeze_excitation; the input of `end` is computed again.
 * inputs: dy, x, w1, w2, pooled, hidden, gate, residual?; params: activation: activation, end: activation; outputs: dx, dw1, db1, dw2, db2, dresidual? */
int32_t lt_squeeze_excitation_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The largest value of each window of x [n, h, w, c]; padding never wins.
 * inputs: x; params: kernelH: u32, kernelW: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, ceilMode: bool; outputs: y */
int32_t lt_max_pool2d(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy added at the first largest value of each window.
 * inputs: x, dy; params: kernelH: u32, kernelW: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, ceilMode: bool; outputs: dx */
int32_t lt_max_pool2d_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The mean of each window of x [n, h, w, c].
 * inputs: x; params: kernelH: u32, kernelW: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, ceilMode: bool, countIncludePad: bool; outputs: y */
int32_t lt_avg_pool2d(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy spread evenly over each window of an input of size height x width.
 * inputs: dy; params: height: u32, width: u32, kernelH: u32, kernelW: u32, strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, ceilMode: bool, countIncludePad: bool; outputs: dx */
int32_t lt_avg_pool2d_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x [n, h, w, c] filtered by the binomial filter of 2, 3 or 5 taps on both axes, then subsampled (Zhang 2019); (taps-1)/2 padding before, taps/2 after, by zeros or reflection.
 * inputs: x; params: taps: u32, stride: u32, reflect: bool; outputs: y */
int32_t lt_blur_pool(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of blur_pool for its input of size height x width.
 * inputs: dy; params: height: u32, width: u32, taps: u32, stride: u32, reflect: bool; outputs: dx */
int32_t lt_blur_pool_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Max pool (kernel x kernel, stride 1, no padding) then blur_pool, in one pass: kornia's MaxBlurPool2D.
 * inputs: x; params: kernel: u32, taps: u32, stride: u32, reflect: bool; outputs: y */
int32_t lt_max_blur_pool(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of max_blur_pool.
 * inputs: x, dy; params: kernel: u32, taps: u32, stride: u32, reflect: bool; outputs: dx */
int32_t lt_max_blur_pool_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x [n, h, w, c] at another size, by `rule` (0 mean of the pixels that a result overlaps, 1 nearest, 2 bilinear without aligned corners); scales 0 follow from the sizes.
 * inputs: x; params: height: u32, width: u32, rule: u32, scaleH: f64, scaleW: f64; outputs: y */
int32_t lt_resample2d(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of resample2d for its input of size height x width.
 * inputs: dy; params: height: u32, width: u32, rule: u32, scaleH: f64, scaleW: f64; outputs: dx */
int32_t lt_resample2d_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* exp(x) / sum exp(x) over the last axis.
 * inputs: x; params: none; outputs: y */
int32_t lt_softmax(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* y (dy - sum(y dy)) over the last axis.
 * inputs: y, dy; params: none; outputs: dx */
int32_t lt_softmax_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Softmax over the last axis of scores [.., queries, keys], where query i sees keys 0 to i and the others get 0.
 * inputs: x; params: none; outputs: y */
int32_t lt_causal_softmax(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* x - log sum exp(x) over the last axis.
 * inputs: x; params: none; outputs: y */
int32_t lt_log_softmax(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* dy - exp(y) sum(dy) over the last axis.
 * inputs: y, dy; params: none; outputs: dx */
int32_t lt_log_softmax_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The mean over rows of -sum q log softmax(logits), q = (1 - s) target + s / classes; target: [n] labels (i32) or [n, classes] weights of the logits' dtype.
 * inputs: logits, target; params: labelSmoothing: f64; outputs: loss */
int32_t lt_cross_entropy(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* The gradient of cross_entropy for the logits; dloss is a scalar.
 * inputs: logits, target, dloss; params: labelSmoothing: f64; outputs: dlogits */
int32_t lt_cross_entropy_backward(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Nothing; a late error where a value is infinite or not a number.
 * inputs: x; params: none; outputs: none */
int32_t lt_assert_finite(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* SGD with momentum and decoupled weight decay over all segments.
 * inputs: lr, steps, momentumBuffer, parameter..., gradient...; params: mom: f64, dampening: bool, nesterov: bool, segments: f64[]; outputs: none; writes steps, momentumBuffer, parameter... */
int32_t lt_sgd_step(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* AdamW (Loshchilov and Hutter 2019) over all segments.
 * inputs: lr, steps, average, averageSquare, parameter..., gradient...; params: mom: f64, sqrMom: f64, eps: f64, segments: f64[]; outputs: none; writes steps, average, averageSquare, parameter... */
int32_t lt_adamw_step(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

/* Ranger over all segments: RAdam (Liu 2020) inside Lookahead (Zhang 2019; k = 0 turns it off), with optional gradient centralisation (Yong 2020).
 * inputs: lr, steps, average, averageSquare, slow, parameter..., gradient...; params: mom: f64, sqrMom: f64, eps: f64, rectify: bool, k: u32, alpha: f64, centralise: bool, segments: f64[]; outputs: none; writes steps, average, averageSquare, slow, parameter... */
int32_t lt_ranger_step(uint32_t queue_slot, uint32_t queue_generation, const uint32_t *inputs, uint32_t inputs_bytes, const double *params, uint32_t params_bytes, uint32_t *out, uint32_t out_bytes);

#ifdef __cplusplus
}
#endif
#endif
