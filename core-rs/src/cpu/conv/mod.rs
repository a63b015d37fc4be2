//! Two-dimensional convolution over NHWC images as implicit matrix products: the kernels read
//! windows straight from (zero-padded copies of) the images; no patch matrix is built.
//!
//! Of f32 or of bf16, with sums in f32: the copies of a task are widened, or hold pairs of channels where the kernels
//! multiply these, and results are rounded once.

mod depthwise;
mod geometry;
mod grouped;
mod image;
mod weight_grad;
mod window;

use super::epilogue::Epilogue;
use super::gemm::microkernel::Kernels;
use super::gemm::{Mat, Product, multiply, multiply_then, pack::pack_b_panel, tiling::even_part};
use super::isa::Isa;
use super::pool::{SliceParts, ThreadPool, for_each_chunk_mut};
use super::scratch::Scratch;
use crate::dtype::Stored;
pub use crate::geometry::conv::ConvShape;
use geometry::{Geometry, Phase, phases};
use grouped::GroupedKernels;
use image::Image;
use window::Window;

impl ConvShape {
    /// One group's channels of the images `x`.
    fn images<'a, S>(&self, x: &'a [S], group: usize) -> Image<'a, S> {
        let channels = self.group_in();
        let (n, h, w, pixel) = (self.n, self.h, self.w, self.c);
        Image { data: x, n, h, w, pixel, first: group * channels, channels }
    }

    /// One group's channels of the results (or their gradient) `y`.
    fn results<'a, S>(&self, y: &'a [S], group: usize) -> Image<'a, S> {
        let channels = self.group_out();
        let (n, h, w, pixel) = (self.n, self.oh, self.ow, self.out);
        Image { data: y, n, h, w, pixel, first: group * channels, channels }
    }
}

/// `y = conv(x, w)`.
pub fn conv2d_forward<S: Stored>(isa: Isa, pool: &ThreadPool, shape: &ConvShape, x: &[S], w: &[S], y: &mut [S]) {
    conv2d_forward_then(isa, pool, shape, x, w, y, None);
}

/// [`conv2d_forward`], and what follows while the sums are at hand.
pub fn conv2d_forward_then<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    shape: &ConvShape,
    x: &[S],
    w: &[S],
    y: &mut [S],
    then: Option<&dyn Epilogue>,
) {
    shape.check(x, w, y);
    if depthwise::applies(shape) {
        return depthwise::forward(isa, pool, shape, (x, w, y), then);
    }
    if grouped::applies(shape) {
        return grouped::forward(GroupedKernels::of(isa), pool, shape, (x, w, y), then);
    }
    forward(Kernels::for_stored::<S>(isa), pool, shape, (x, w, y), then);
}

/// [`conv2d_forward_then`] with given kernels, for checked operands.
fn forward<S: Stored>(
    kernels: &'static Kernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    (x, w, y): (&[S], &[S], &mut [S]),
    then: Option<&dyn Epilogue>,
) {
    if shape.is_pointwise() {
        let (m, n, k) = (shape.pixels(), shape.out, shape.c);
        let (a, b) = (Mat::row_major(x, k), Mat::row_major(w, k).transposed());
        return multiply_then(pool, &Product { kernels, m, n, k, a, b, accumulate: false }, y, then);
    }
    let (patch, group_in, group_out) = (shape.patch(), shape.group_in(), shape.group_out());
    let kernels = kernels.for_windows(group_in);
    let y = SliceParts::new(y);
    for group in 0..shape.groups {
        let w = Mat::row_major(&w[group * group_out * patch..], patch).transposed();
        let weights = pack_weights(pool, kernels, kernels.words(patch), group_out, &|cols, panel| {
            pack_b_panel(kernels, &w, 0..patch, cols, panel);
        });
        let window = Window {
            kernels,
            source: shape.images(x, group),
            geometry: Geometry::forward(shape),
            weights: weights.as_slice(),
            channels: group_out,
            first: group * group_out,
            then,
        };
        window.run(pool, &y);
    }
}

/// Floats that one task sets to zero.
const ZERO_CHUNK: usize = 1 << 15;

/// `dx` = gradient with respect to the images, from the result gradient `dy`.
///
/// A strided convolution is done phase by phase, so no product with an inserted zero is
/// computed.
pub fn conv2d_backward_input<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    shape: &ConvShape,
    dy: &[S],
    w: &[S],
    dx: &mut [S],
) {
    shape.check(dx, w, dy);
    if depthwise::applies(shape) {
        return depthwise::backward_input(isa, pool, shape, dy, w, dx);
    }
    if grouped::applies(shape) {
        return grouped::backward_input(GroupedKernels::of(isa), pool, shape, (dy, w, dx));
    }
    backward_input(Kernels::for_stored::<S>(isa), pool, shape, (dy, w, dx));
}

/// [`conv2d_backward_input`] with given kernels, for checked operands.
fn backward_input<S: Stored>(
    kernels: &'static Kernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    (dy, w, dx): (&[S], &[S], &mut [S]),
) {
    if shape.is_pointwise() {
        let (m, n, k) = (shape.pixels(), shape.c, shape.out);
        let (a, b) = (Mat::row_major(dy, k), Mat::row_major(w, n));
        return multiply(pool, &Product { kernels, m, n, k, a, b, accumulate: false }, dx);
    }
    zero_gaps(pool, shape, dx);
    let kernels = kernels.for_windows(shape.group_out());
    let dx = SliceParts::new(dx);
    for group in 0..shape.groups {
        for (v, h) in phases(shape) {
            backward_phase(kernels, pool, shape, group, (&v, &h), (dy, w, &dx));
        }
    }
}

/// Zeroes an image gradient if some of its pixels are in no window.
fn zero_gaps<S: Stored>(pool: &ThreadPool, shape: &ConvShape, dx: &mut [S]) {
    if geometry::leaves_gaps(shape) {
        for_each_chunk_mut(pool, dx, ZERO_CHUNK, |_, dx| dx.fill(S::round(0.0)));
    }
}

/// The part of [`conv2d_backward_input`] for one group and the pixels of one phase per axis.
fn backward_phase<S: Stored>(
    kernels: &'static Kernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    group: usize,
    (v, h): (&Phase, &Phase),
    (dy, w, dx): (&[S], &[S], &SliceParts<S>),
) {
    let (patch, group_in, group_out) = (shape.patch(), shape.group_in(), shape.group_out());
    let words = kernels.words(group_out);
    let (nr, reduction) = (kernels.nr(), v.taps * h.taps * words);
    let weights = pack_weights(pool, kernels, reduction, group_in, &|cols, panel| {
        for (i, panel) in panel.chunks_exact_mut((words * nr).max(1)).enumerate() {
            let (ky, kx) = (v.weight_tap(i / h.taps), h.weight_tap(i % h.taps));
            let start = group * group_out * patch + (ky * shape.kw + kx) * group_in;
            let tap = Mat { data: &w[start..], row_stride: patch, col_stride: 1 };
            pack_b_panel(kernels, &tap, 0..group_out, cols.clone(), panel);
        }
    });
    let window = Window {
        kernels,
        source: shape.results(dy, group),
        geometry: Geometry::backward(shape, v, h),
        weights: weights.as_slice(),
        channels: group_in,
        first: group * group_in,
        then: None,
    };
    window.run(pool, dx);
}

/// Packs `channels` columns of `reduction` words of weights into panels `[reduction][nr]`; `pack` fills
/// the panel of some columns.
fn pack_weights(
    pool: &ThreadPool,
    kernels: &Kernels,
    reduction: usize,
    channels: usize,
    pack: &(dyn Fn(std::ops::Range<usize>, &mut [f32]) + Sync),
) -> Scratch {
    /// Floats that make handing out a task worthwhile.
    const TASK: usize = 1 << 14;
    let nr = kernels.nr();
    let (panels, size) = (channels.div_ceil(nr), reduction * nr);
    let mut packed = Scratch::take(panels * size);
    let parts = SliceParts::new(packed.as_mut_slice());
    let tasks = (panels * size / TASK).clamp(1, panels.max(1));
    pool.run(tasks, &|task| {
        for i in even_part(panels, tasks, task) {
            // SAFETY: each panel is in one task.
            let panel = unsafe { parts.part(i * size..(i + 1) * size) };
            pack(i * nr..channels.min((i + 1) * nr), panel);
        }
    });
    packed
}

/// `dw` = gradient with respect to the weights, from the images and the result gradient.
pub fn conv2d_backward_weight<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    shape: &ConvShape,
    x: &[S],
    dy: &[S],
    dw: &mut [S],
) {
    shape.check(x, dw, dy);
    if depthwise::applies(shape) {
        return depthwise::backward_weight(isa, pool, shape, x, dy, dw);
    }
    if grouped::applies(shape) {
        return grouped::backward_weight(GroupedKernels::of(isa), pool, shape, (x, dy, dw));
    }
    backward_weight(Kernels::for_stored::<S>(isa), pool, shape, (x, dy, dw));
}

/// [`conv2d_backward_weight`] with given kernels, for checked operands.
fn backward_weight<S: Stored>(
    kernels: &'static Kernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    (x, dy, dw): (&[S], &[S], &mut [S]),
) {
    let size = shape.group_out() * shape.patch();
    if size == 0 {
        return;
    }
    // Few pixels by many channels: the result outweighs the operands, so it should be written once rather than added to
    // for each unit of pixels.
    if shape.is_pointwise() && (kernels.pairs || shape.pixels() <= 2 * (shape.c + shape.out)) {
        let a = Mat::row_major(dy, shape.out).transposed();
        let (m, n, k, b) = (shape.out, shape.c, shape.pixels(), Mat::row_major(x, shape.c));
        return multiply(pool, &Product { kernels, m, n, k, a, b, accumulate: false }, dw);
    }
    let kernels = if shape.ow.is_multiple_of(2) { kernels.for_windows(shape.group_in()) } else { kernels.in_floats() };
    for (group, dw) in dw.chunks_exact_mut(size).enumerate() {
        weight_grad::run(kernels, pool, shape, group, (x, dy), dw);
    }
}

#[cfg(test)]
mod tests;
