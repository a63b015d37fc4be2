//! Convolution in groups of few channels, too thin for a matrix product each: all groups at once, in vectors of
//! destination channels that cover several groups where one is narrower.

mod blocks;
mod gather;
mod kernels;
mod lanes;
mod weight_grad;

use super::ConvShape;
use super::geometry::{Geometry, phases};
use super::image::{Image, Words};
use crate::cpu::epilogue::Epilogue;
use crate::cpu::gemm::tiling::even_part;
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;
use blocks::{Blocks, Weights};
use gather::Gather;
pub use kernels::GroupedKernels;
#[cfg(test)]
pub use kernels::all_kernels;
use weight_grad::WeightGrad;

/// The most channels of a group; wider groups are worth a matrix product each.
const MAX_CHANNELS: usize = 64;

/// Whether the functions here apply.
pub fn applies(s: &ConvShape) -> bool {
    let fits = |channels: usize| (1..=MAX_CHANNELS).contains(&channels);
    s.groups > 1 && fits(s.group_in()) && fits(s.group_out()) && s.pixels() > 0
}

impl ConvShape {
    fn all_images<'a, S>(&self, x: &'a [S]) -> Image<'a, S> {
        Image { data: x, n: self.n, h: self.h, w: self.w, pixel: self.c, first: 0, channels: self.c }
    }

    fn all_results<'a, S>(&self, y: &'a [S]) -> Image<'a, S> {
        Image { data: y, n: self.n, h: self.oh, w: self.ow, pixel: self.out, first: 0, channels: self.out }
    }
}

/// See [`super::conv2d_forward`].
pub fn forward<S: Stored>(
    kernels: &'static GroupedKernels,
    pool: &ThreadPool,
    s: &ConvShape,
    (x, w, y): (&[S], &[S], &mut [S]),
    then: Option<&dyn Epilogue>,
) {
    let (patch, from, to) = (s.patch(), s.group_in(), s.group_out());
    let blocks = Blocks::new(kernels, kernels.words::<S>(from), s.groups, from, to);
    let weights = Weights { data: w, group: to * patch, to: patch, from: 1, tap: &|tap| tap * from };
    let weights = pack(pool, &blocks, s.kh * s.kw, &weights);
    let gather = Gather {
        kernels,
        blocks,
        source: s.all_images(x),
        geometry: Geometry::forward(s),
        weights: weights.as_slice(),
        channels: s.out,
        then,
    };
    gather.run(pool, &SliceParts::new(y));
}

/// See [`super::conv2d_backward_input`].
pub fn backward_input<S: Stored>(
    kernels: &'static GroupedKernels,
    pool: &ThreadPool,
    s: &ConvShape,
    (dy, w, dx): (&[S], &[S], &mut [S]),
) {
    super::zero_gaps(pool, s, dx);
    let dx = SliceParts::new(dx);
    let (patch, from, to) = (s.patch(), s.group_out(), s.group_in());
    let blocks = Blocks::new(kernels, kernels.words::<S>(from), s.groups, from, to);
    for (v, h) in phases(s) {
        let tap = |tap: usize| (v.weight_tap(tap / h.taps) * s.kw + h.weight_tap(tap % h.taps)) * to;
        let weights = Weights { data: w, group: from * patch, to: 1, from: patch, tap: &tap };
        let weights = pack(pool, &blocks, v.taps * h.taps, &weights);
        let gather = Gather {
            kernels,
            blocks,
            source: s.all_results(dy),
            geometry: Geometry::backward(s, &v, &h),
            weights: weights.as_slice(),
            channels: s.c,
            then: None,
        };
        gather.run(pool, &dx);
    }
}

/// Packs the weights of all sets.
fn pack<S: Stored>(pool: &ThreadPool, blocks: &Blocks, taps: usize, weights: &Weights<S>) -> Scratch {
    /// Floats that make handing out a task worthwhile.
    const TASK: usize = 1 << 14;
    let size = blocks.set_weights(taps);
    let mut packed = Scratch::take(blocks.sets() * size);
    let parts = SliceParts::new(packed.as_mut_slice());
    let tasks = (blocks.sets() * size / TASK).clamp(1, blocks.sets());
    pool.run(tasks, &|task| {
        for set in even_part(blocks.sets(), tasks, task) {
            // SAFETY: each set is in one task.
            let to = unsafe { parts.part(set * size..(set + 1) * size) };
            blocks.pack_weights(set, weights, to);
        }
    });
    packed
}

/// See [`super::conv2d_backward_weight`].
pub fn backward_weight<S: Stored>(
    kernels: &'static GroupedKernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    (x, dy, dw): (&[S], &[S], &mut [S]),
) {
    let blocks = Blocks::new(kernels, Words::Floats, shape.groups, shape.group_in(), shape.group_out());
    WeightGrad { kernels, blocks, shape, source: shape.all_images(x), gradient: shape.all_results(dy) }.run(pool, dw);
}
