//! The weight gradient: sums over the pixels of fixed parts of the batch, added up in order.

use super::blocks::Blocks;
use super::kernels::{GroupedKernels, MAX_COLUMNS, MAX_ROWS, OuterTile};
use crate::cpu::conv::ConvShape;
use crate::cpu::conv::geometry::Geometry;
use crate::cpu::conv::image::{Image, Part, Rect, Words};
use crate::cpu::convert::in_f32;
use crate::cpu::gemm::tiling::{even_part, even_parts};
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;
use std::ops::Range;

/// Floats in all partial results together (4 MiB).
const MAX_PARTIAL: usize = 1 << 20;
/// Multiply-adds below which a task costs more to hand out than it gains.
const TASK_WORK: usize = 1 << 18;
/// Tasks are cut no finer once there are this many.
const ENOUGH_TASKS: usize = 32;
/// Floats of source and gradient at a time, about: half of a small L2 cache.
const BAND_FLOATS: usize = 1 << 16;
/// Weights that make a task of adding up worthwhile.
const ADD_UP_FLOATS: usize = 1 << 12;

/// What all tasks share.
pub struct WeightGrad<'a, S> {
    pub kernels: &'static GroupedKernels,
    pub blocks: Blocks,
    pub shape: &'a ConvShape,
    pub source: Image<'a, S>,
    pub gradient: Image<'a, S>,
}

impl<S: Stored> WeightGrad<'_, S> {
    /// Taps by source channels.
    fn rows(&self) -> usize {
        self.shape.kh * self.shape.kw * self.blocks.from
    }

    /// Computes `dw`, of `[out][taps][source channel]`.
    pub fn run(&self, pool: &ThreadPool, dw: &mut [S]) {
        let (s, sets) = (self.shape, self.blocks.sets());
        let set = self.blocks.set_weights(s.kh * s.kw);
        let size = sets * set;
        let wanted = (s.pixels() * dw.len() / TASK_WORK).clamp(1, ENOUGH_TASKS);
        let partials = wanted.min(s.n).min(MAX_PARTIAL / size).max(1);
        let splits = wanted.div_ceil(partials).min(sets);
        let mut sums = Scratch::take(partials * size);
        let parts = SliceParts::new(sums.as_mut_slice());
        pool.run(partials * splits, &|task| {
            let (partial, split) = (task / splits, task % splits);
            let sets = even_part(sets, splits, split);
            // SAFETY: each partial sum of each set is in one task.
            let sums = unsafe { parts.part(partial * size + sets.start * set..partial * size + sets.end * set) };
            self.add_images(even_part(s.n, partials, partial), sets, sums);
        });
        self.add_up(pool, sums.as_slice(), dw);
    }

    /// Writes the gradient of some sets over some images.
    fn add_images(&self, images: Range<usize>, sets: Range<usize>, sums: &mut [f32]) {
        let (s, geometry) = (self.shape, Geometry::forward(self.shape));
        let source = geometry.rect(0..s.oh).area() * self.blocks.set_source();
        let floats = sets.len() * (source + s.oh * s.ow * self.blocks.set_channels());
        let bands = floats.div_ceil(BAND_FLOATS).min(s.oh);
        let together = (BAND_FLOATS / floats).clamp(1, images.len());
        let groups = images.len().div_ceil(together);
        for unit in 0..groups * bands {
            let group = even_part(images.len(), groups, unit / bands);
            let group = images.start + group.start..images.start + group.end;
            let rows = even_part(s.oh, bands, unit % bands);
            self.add_rows(group, rows, sets.clone(), unit > 0, sums);
        }
    }

    /// Adds some rows of some images, or writes them.
    fn add_rows(&self, images: Range<usize>, rows: Range<usize>, sets: Range<usize>, add: bool, sums: &mut [f32]) {
        let (s, blocks) = (self.shape, &self.blocks);
        let some = |set: usize| sets.start * set..sets.end * set;
        let (source, gradient) = (some(blocks.set_source()), some(blocks.set_channels()));
        let rect = Geometry::forward(s).rect(rows.clone());
        let (count, slack) = (images.len(), blocks.lanes);
        let source = self.source.some_channels(source).padded(Words::Floats, images.start, count, rect, slack);
        let rect = Rect { top: rows.start as isize, left: 0, rows: rows.len(), cols: s.ow };
        let gradient = self.gradient.some_channels(gradient).padded(Words::Floats, images.start, count, rect, slack);
        let counts = [s.ow, rows.len(), images.len()];
        let size = self.rows() * blocks.lanes;
        for (i, sums) in sums.chunks_exact_mut(size).enumerate() {
            let (set, vector) = (i / blocks.vectors(), i % blocks.vectors());
            let at = (set * blocks.set_source(), set * blocks.set_channels() + vector * blocks.lanes);
            self.add_vector((&source, &gradient), at, counts, add, sums);
        }
    }

    /// Adds to one vector's `[taps][source channel][lane]`; `at` is where its channels begin.
    fn add_vector(
        &self,
        (source, gradient): (&Part, &Part),
        at: (usize, usize),
        counts: [usize; 3],
        accumulate: bool,
        sums: &mut [f32],
    ) {
        let (s, blocks) = (self.shape, &self.blocks);
        let mut tile = OuterTile {
            source: std::ptr::null(),
            source_strides: [s.stride_w * source.pixel, s.stride_h * source.row_stride, source.image_stride],
            pixel: source.pixel,
            gradient: gradient.data()[at.1..].as_ptr(),
            gradient_strides: [gradient.pixel, gradient.row_stride, gradient.image_stride],
            counts,
            to: std::ptr::null_mut(),
            accumulate,
        };
        let source_at =
            |ky: usize, kx: usize| source.data()[at.0 + ky * source.row_stride + kx * source.pixel..].as_ptr();
        for ky in 0..s.kh {
            if blocks.width() > 1 {
                for columns in even_parts(0..s.kw, MAX_COLUMNS) {
                    tile.source = source_at(ky, columns.start);
                    tile.to = sums[(ky * s.kw + columns.start) * blocks.from * blocks.lanes..].as_mut_ptr();
                    // SAFETY: the parts hold every window of these pixels, and a vector more; `sums` holds the rows of
                    // these columns; and `GroupedKernels::of` checked the processor.
                    unsafe { self.kernels.outer_spread(columns.len(), blocks.width())(&tile) };
                }
                continue;
            }
            for kx in 0..s.kw {
                for rows in even_parts(0..blocks.from, MAX_ROWS) {
                    tile.source = source_at(ky, kx).wrapping_add(rows.start);
                    let row = (ky * s.kw + kx) * blocks.from + rows.start;
                    tile.to = sums[row * blocks.lanes..].as_mut_ptr();
                    // SAFETY: as above.
                    unsafe { self.kernels.outer(rows.len())(&tile) };
                }
            }
        }
    }

    /// Adds the partial sums in order and puts them in the order of the weights.
    fn add_up(&self, pool: &ThreadPool, sums: &[f32], dw: &mut [S]) {
        let (blocks, rows) = (&self.blocks, self.rows());
        let size = rows * blocks.lanes;
        let vectors = blocks.sets() * blocks.vectors();
        let tasks = (dw.len() / ADD_UP_FLOATS).clamp(1, vectors);
        let dw = SliceParts::new(dw);
        pool.run(tasks, &|task| {
            for index in even_part(vectors, tasks, task) {
                let (first, channels) = blocks.channels(index / blocks.vectors(), index % blocks.vectors());
                // SAFETY: each result channel is in one vector, and each vector in one task.
                let dw = unsafe { dw.part(first * rows..(first + channels) * rows) };
                in_f32(self.kernels.isa, [], dw, |[], dw| {
                    for (p, partial) in sums.chunks_exact(vectors * size).enumerate() {
                        let partial = &partial[index * size..][..size];
                        for (lane, dw) in dw.chunks_exact_mut(rows).enumerate() {
                            let lanes = dw.iter_mut().zip(partial[lane..].iter().step_by(blocks.lanes));
                            if p == 0 {
                                lanes.for_each(|(dw, x)| *dw = *x);
                            } else {
                                lanes.for_each(|(dw, x)| *dw += x);
                            }
                        }
                    }
                });
            }
        });
    }
}
