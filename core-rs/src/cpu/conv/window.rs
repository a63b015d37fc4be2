//! The gathering convolution that serves both the forward pass and the input gradient: every
//! destination pixel is a weighted sum over a window of source pixels.

use super::geometry::Geometry;
use super::image::{Image, Part, Words};
use crate::cpu::epilogue::Epilogue;
use crate::cpu::gemm::microkernel::{Kernels, Tile};
use crate::cpu::gemm::pack::round_rows;
use crate::cpu::gemm::tiling::{even_part, even_parts};
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Dtype, Stored};
use std::cell::Cell;
use std::ops::Range;

/// A convolution of `source` into a strided destination.
pub struct Window<'a, S> {
    pub kernels: &'static Kernels,
    pub source: Image<'a, S>,
    pub geometry: Geometry,
    /// Panels of `[taps_h * taps_w * words of source channels][nr]`.
    pub weights: &'a [f32],
    /// Destination channels.
    pub channels: usize,
    /// The first destination channel.
    pub first: usize,
    /// What follows while the sums are at hand.
    pub then: Option<&'a dyn Epilogue>,
}

/// Destination pixels per task, about: enough to reuse each weight panel in the L1 cache.
const TASK_PIXELS: usize = 240;
/// Floats of source per task, about: half of a small L2 cache.
const TASK_SOURCE: usize = 1 << 16;

/// A destination pixel: where its window begins in the source part, and its own place.
#[derive(Clone, Copy, Default)]
struct Pixel {
    source: usize,
    destination: usize,
}

thread_local! {
    /// The list of pixels of a task, kept for its capacity.
    static PIXELS: Cell<Vec<Pixel>> = const { Cell::new(Vec::new()) };
}

/// A range of segments by a range of their steps that is reduced at one time.
struct ReductionBlock {
    segments: Range<usize>,
    steps: Range<usize>,
}

impl<S: Stored> Window<'_, S> {
    /// Computes the convolution into `destination`.
    pub fn run(&self, pool: &ThreadPool, destination: &SliceParts<S>) {
        let images = self.source.n;
        let pixels = self.geometry.rows * self.geometry.cols;
        if images * pixels * self.channels == 0 {
            return;
        }
        let source = self.geometry.rect(0..self.geometry.rows).area() * self.source.channels;
        let by_pixels = pixels.div_ceil(TASK_PIXELS);
        let bands = by_pixels.max(source.div_ceil(2 * TASK_SOURCE)).min(self.geometry.rows);
        let together = (TASK_PIXELS / pixels).min(TASK_SOURCE / source.max(1)).max(1);
        let groups = images.div_ceil(together);
        pool.run(groups * bands, &|task| {
            let images = even_part(images, groups, task / bands);
            let rows = even_part(self.geometry.rows, bands, task % bands);
            self.run_task(images, rows, destination);
        });
    }

    fn run_task(&self, images: Range<usize>, rows: Range<usize>, to: &SliceParts<S>) {
        let (rect, words) = (self.geometry.rect(rows.clone()), self.words());
        let in_place = self.source.in_place(words, images.start, rect, self.geometry.taps.1);
        let part = in_place.unwrap_or_else(|| self.source.padded(words, images.start, images.len(), rect, 0));
        let mut pixels = PIXELS.take();
        pixels.clear();
        for image in images.clone() {
            for row in rows.clone() {
                let source = (image - images.start) * part.image_stride
                    + (row - rows.start) * self.geometry.stride.0 * part.row_stride;
                let destination = self.geometry.first
                    + self.first
                    + image * self.geometry.image_stride
                    + row * self.geometry.row_stride;
                pixels.extend((0..self.geometry.cols).map(|col| Pixel {
                    source: source + col * self.geometry.stride.1 * part.pixel,
                    destination: destination + col * self.geometry.col_stride,
                }));
            }
        }
        let nr = self.kernels.nr();
        let panels = self.channels.div_ceil(nr);
        let channels_of = |panel: usize| panel * nr..self.channels.min((panel + 1) * nr);
        if S::DTYPE == Dtype::F32 {
            let c = to.as_mut_ptr().cast::<f32>();
            for block in self.reduction_blocks() {
                for channels in (0..panels).map(channels_of) {
                    let at = |i: usize| c.wrapping_add(pixels[i].destination + channels.start);
                    self.run_panel(&part, &pixels, &block, channels.clone(), at);
                }
            }
            let Some(then) = self.then else { return PIXELS.set(pixels) };
            let mut sums = pixels.iter().map(|pixel| {
                // SAFETY: tasks have disjoint pixels, and every one is taken once.
                let sums = unsafe { std::slice::from_raw_parts_mut(c.add(pixel.destination), self.channels) };
                (pixel.destination, sums)
            });
            then.apply(self.kernels.isa, self.first, &mut sums);
        } else {
            let mut sums = Scratch::take(pixels.len() * nr);
            for channels in (0..panels).map(channels_of) {
                let c = sums.as_mut_slice().as_mut_ptr();
                for block in self.reduction_blocks() {
                    self.run_panel(&part, &pixels, &block, channels.clone(), |i| c.wrapping_add(i * nr));
                }
                let at = |i: usize| pixels[i].destination + channels.start;
                if let Some(then) = self.then {
                    let sums = sums.as_mut_slice().chunks_exact_mut(nr).enumerate();
                    let first = self.first + channels.start;
                    let mut sums = sums.map(|(i, sums)| (at(i), &mut sums[..channels.len()]));
                    then.apply(self.kernels.isa, first, &mut sums);
                }
                // SAFETY: tasks write disjoint pixels.
                unsafe { round_rows(self.kernels.isa, sums.as_slice(), (nr, channels.len()), to, at) };
            }
        }
        PIXELS.set(pixels);
    }

    fn words(&self) -> Words {
        Words::of(self.kernels)
    }

    /// Words in one segment: a row of the window.
    fn steps(&self) -> usize {
        self.geometry.taps.1 * self.words().count(self.source.channels)
    }

    /// Cuts the reduction so that each block of a weight panel fits the L1 cache. There is
    /// always a block, which for an empty window writes zeros.
    fn reduction_blocks(&self) -> impl Iterator<Item = ReductionBlock> {
        let (segments, steps, limit) = (self.geometry.taps.0, self.steps(), self.kernels.kc);
        let (cuts, step_cuts) = if segments * steps <= limit + limit / 2 {
            (1, 1)
        } else {
            (segments.div_ceil((limit / steps).max(1)), steps.div_ceil(limit))
        };
        (0..cuts * step_cuts).map(move |i| ReductionBlock {
            segments: even_part(segments, cuts, i / step_cuts),
            steps: even_part(steps, step_cuts, i % step_cuts),
        })
    }

    /// Adds one block of the reduction to some channels of all pixels; `to` says where those of a pixel go.
    fn run_panel(
        &self,
        part: &Part,
        pixels: &[Pixel],
        block: &ReductionBlock,
        channels: Range<usize>,
        to: impl Fn(usize) -> *mut f32,
    ) {
        let (nr, steps) = (self.kernels.nr(), self.steps());
        let reduction = self.geometry.taps.0 * steps;
        let panel = &self.weights[channels.start / nr * nr * reduction..];
        let panel = &panel[(block.segments.start * steps + block.steps.start) * nr..];
        let source = part.data().as_ptr();
        let offset = block.segments.start * part.row_stride + block.steps.start;
        let mut tile = Tile {
            segments: block.segments.len(),
            steps: block.steps.len(),
            a_segment: part.row_stride,
            b: panel.as_ptr(),
            b_step: nr,
            b_segment: steps * nr,
            cols: channels.len(),
            accumulate: block.segments.start + block.steps.start > 0,
            ..Tile::EMPTY
        };
        for range in even_parts(0..pixels.len(), self.kernels.mr) {
            for (i, pixel) in range.clone().enumerate() {
                tile.a[i] = source.wrapping_add(pixels[pixel].source + offset);
                tile.c[i] = to(pixel);
            }
            // SAFETY: the part covers every window of its pixels, tasks have disjoint pixels
            // within the destination or sums of their own, and `Kernels::of` checked the processor.
            unsafe { self.kernels.by_rows(range.len(), channels.len())(&tile) };
        }
    }
}
