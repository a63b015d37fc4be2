//! The forward pass and the input gradient.

use super::blocks::Blocks;
use super::kernels::{GatherTile, GroupedKernels, MAX_RUNS, MAX_SPREAD_RUNS, RUN};
use crate::cpu::conv::geometry::Geometry;
use crate::cpu::conv::image::{Image, Part};
use crate::cpu::epilogue::Epilogue;
use crate::cpu::gemm::pack::round_rows;
use crate::cpu::gemm::tiling::{even_part, even_parts};
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Dtype, Stored};
use std::cell::Cell;
use std::ops::Range;

/// A convolution of all groups of `source` into a destination.
pub struct Gather<'a, S> {
    pub kernels: &'static GroupedKernels,
    pub blocks: Blocks,
    pub source: Image<'a, S>,
    pub geometry: Geometry,
    /// Every set's `[vector][taps][source word][lane]`.
    pub weights: &'a [f32],
    /// Destination channels.
    pub channels: usize,
    /// What follows while the sums are at hand.
    pub then: Option<&'a dyn Epilogue>,
}

/// Destination pixels per task, about: enough to make up for fetching all weights.
const TASK_PIXELS: usize = 128;
/// Floats of source and destination per task, about: half of a small L2 cache.
const TASK_FLOATS: usize = 1 << 16;
/// Floats of source and destination below which a task costs more to hand out than it gains.
const SMALL_TASK: usize = 1 << 14;

/// Adjacent destination pixels of one row.
#[derive(Clone, Copy)]
struct Run {
    /// Where the first one's window begins in the source part.
    source: usize,
    destination: usize,
    pixels: usize,
}

thread_local! {
    /// The list of runs of a task, kept for its capacity.
    static RUNS: Cell<Vec<Run>> = const { Cell::new(Vec::new()) };
}

impl<S: Stored> Gather<'_, S> {
    /// Computes the convolution into `destination`.
    pub fn run(&self, pool: &ThreadPool, destination: &SliceParts<S>) {
        let Geometry { rows, cols, .. } = self.geometry;
        let (images, pixels) = (self.source.n, rows * cols);
        if images * pixels == 0 {
            return;
        }
        let floats = self.geometry.rect(0..rows).area() * self.source.channels + pixels * self.channels;
        let together = (TASK_PIXELS / pixels).max(SMALL_TASK / floats).clamp(1, images);
        let bands = if together > 1 { 1 } else { (pixels / TASK_PIXELS).min(floats / TASK_FLOATS).clamp(1, rows) };
        let splits = (together * floats / bands).div_ceil(TASK_FLOATS).min(self.blocks.sets());
        let groups = images.div_ceil(together);
        pool.run(groups * bands * splits, &|task| {
            let images = even_part(images, groups, task / splits / bands);
            let rows = even_part(rows, bands, task / splits % bands);
            let sets = even_part(self.blocks.sets(), splits, task % splits);
            self.run_task(images, rows, sets, destination);
        });
    }

    fn run_task(&self, images: Range<usize>, rows: Range<usize>, sets: Range<usize>, to: &SliceParts<S>) {
        let (g, blocks) = (&self.geometry, &self.blocks);
        let source = self.source.some_channels(sets.start * blocks.set_source()..sets.end * blocks.set_source());
        // A run that goes beyond its row still reads whole windows, and the last channels a whole vector.
        let beyond = RUN * g.stride.1 * source.channels + blocks.lanes;
        let part = source.padded(blocks.words, images.start, images.len(), g.rect(rows.clone()), beyond);
        let mut runs = RUNS.take();
        runs.clear();
        for image in images.clone() {
            for row in rows.clone() {
                let (source, destination) = (image - images.start, (row - rows.start) * g.stride.0);
                let source = source * part.image_stride + destination * part.row_stride;
                let destination = g.first + image * g.image_stride + row * g.row_stride;
                runs.extend((0..g.cols).step_by(RUN).map(|col| Run {
                    source: source + col * g.stride.1 * part.pixel,
                    destination: destination + col * g.col_stride,
                    pixels: RUN.min(g.cols - col),
                }));
            }
        }
        self.run_tiles(&part, sets, &runs, to);
        RUNS.set(runs);
    }

    fn run_tiles(&self, part: &Part, sets: Range<usize>, runs: &[Run], to: &SliceParts<S>) {
        let (g, blocks, source) = (&self.geometry, &self.blocks, part.data());
        let first = sets.start * blocks.set_channels();
        let channels = self.channels.min(sets.end * blocks.set_channels()) - first;
        // What is rounded is held apart until then.
        let direct = S::DTYPE == Dtype::F32;
        let mut sums = Scratch::take(if direct { 0 } else { MAX_RUNS * RUN * channels });
        let mut tile = GatherTile {
            runs: [std::ptr::null(); MAX_RUNS],
            step: g.stride.1 * part.pixel,
            taps: g.taps,
            row: part.row_stride,
            pixel: part.pixel,
            weights: self.weights[sets.start * blocks.set_weights(g.taps.0 * g.taps.1)..].as_ptr(),
            sets: sets.len(),
            vectors: blocks.vectors(),
            from: blocks.group_words(),
            set_source: blocks.words.count(blocks.set_source()),
            set_channels: blocks.set_channels(),
            channels,
            to: [std::ptr::null_mut(); MAX_RUNS],
            to_pixel: if direct { g.col_stride } else { channels },
            pixels: [0; MAX_RUNS],
        };
        let width = blocks.width();
        let most = if width > 1 { MAX_SPREAD_RUNS } else { MAX_RUNS };
        for range in even_parts(0..runs.len(), most) {
            for (i, run) in runs[range.clone()].iter().enumerate() {
                tile.runs[i] = source[run.source..].as_ptr();
                tile.to[i] = if direct {
                    to.as_mut_ptr().cast::<f32>().wrapping_add(run.destination + first)
                } else {
                    sums.as_mut_slice().as_mut_ptr().wrapping_add(i * RUN * channels)
                };
                tile.pixels[i] = run.pixels;
            }
            // SAFETY: the part covers every window of its pixels and what whole runs and vectors read beyond; tasks
            // write disjoint pixels or channels, or sums of their own; and `GroupedKernels::of` checked the processor.
            unsafe { self.kernels.gather(blocks.words, range.len(), width)(&tile) };
            if direct {
                let Some(then) = self.then else { continue };
                let places = runs[range]
                    .iter()
                    .flat_map(|run| (0..run.pixels).map(|pixel| run.destination + first + pixel * g.col_stride));
                let c = to.as_mut_ptr().cast::<f32>();
                let mut sums = places.map(|at| {
                    // SAFETY: tasks write disjoint pixels or channels, and every pixel is taken once.
                    (at, unsafe { std::slice::from_raw_parts_mut(c.add(at), channels) })
                });
                then.apply(self.kernels.isa, first, &mut sums);
                continue;
            }
            for (run, sums) in runs[range].iter().zip(sums.as_mut_slice().chunks_exact_mut(RUN * channels)) {
                let sums = &mut sums[..run.pixels * channels];
                let at = |pixel: usize| run.destination + first + pixel * g.col_stride;
                if let Some(then) = self.then {
                    let sums = sums.chunks_exact_mut(channels).enumerate();
                    then.apply(self.kernels.isa, first, &mut sums.map(|(pixel, sums)| (at(pixel), sums)));
                }
                // SAFETY: tasks write disjoint pixels or channels.
                unsafe { round_rows(self.kernels.isa, sums, (channels, channels), to, at) };
            }
        }
    }
}
