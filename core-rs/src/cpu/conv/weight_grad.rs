//! The weight gradient: a product of the result gradient's transpose with the windows of the
//! images, reduced over all pixels in units that fit the caches.

use super::ConvShape;
use super::image::{Image, Part, Rect, Words};
use crate::cpu::gemm::microkernel::{Kernels, Tile};
use crate::cpu::gemm::pack::{copy_strided, pack_a};
use crate::cpu::gemm::tiling::{even_part, even_parts};
use crate::cpu::gemm::{Mat, pairs, sum_in_order};
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Dtype, Stored};
use std::ops::Range;

/// Floats in all partial results together (8 MiB).
const MAX_PARTIAL: usize = 1 << 21;
/// Multiply-adds below which a task costs more to hand out than it gains.
const TASK_WORK: usize = 1 << 18;
/// Tasks are cut no finer once there are this many.
const ENOUGH_TASKS: usize = 32;

/// Computes one group's `dw` of `[group out][patch]`. Kernels of pairs take pairs of pixels, of which none may go from one
/// row to the next.
pub fn run<S: Stored>(
    kernels: &'static Kernels,
    pool: &ThreadPool,
    shape: &ConvShape,
    group: usize,
    (x, dy): (&[S], &[S]),
    dw: &mut [S],
) {
    let size = dw.len();
    if shape.pixels() == 0 {
        return dw.fill(S::round(0.0));
    }
    let grad = WeightGrad::new(kernels, shape, shape.images(x, group), shape.results(dy, group));
    let units = grad.groups * grad.bands;
    let wanted = (shape.pixels() * size / TASK_WORK).clamp(1, ENOUGH_TASKS);
    let partials = wanted.min(units).min(MAX_PARTIAL / size).max(1);
    let panels = grad.panels();
    let splits = (wanted / partials).min(panels / 4).max(1);
    let task = |task: usize, dw: &SliceParts<f32>, start: usize| {
        let units = even_part(units, partials, task / splits);
        let panels = even_part(panels, splits, task % splits);
        for (i, unit) in units.enumerate() {
            let to = Target { dw, start, panels: panels.clone(), accumulate: i > 0 };
            grad.add_unit(unit, &to);
        }
    };
    if partials == 1
        && let Some(dw) = S::as_f32_mut(dw)
    {
        let dw = SliceParts::new(dw);
        return pool.run(splits, &|i| task(i, &dw, 0));
    }
    let mut sums = Scratch::take(partials * size);
    let parts = SliceParts::new(sums.as_mut_slice());
    pool.run(partials * splits, &|i| task(i, &parts, i / splits * size));
    sum_in_order(pool, sums.as_slice(), dw, false);
}

/// What all tasks of a weight gradient share. A unit of work is a band of result rows in a
/// group of images; if there are several bands, each group is one image.
struct WeightGrad<'a, S> {
    kernels: &'static Kernels,
    shape: &'a ConvShape,
    x: Image<'a, S>,
    dy: Image<'a, S>,
    groups: usize,
    bands: usize,
    packed: bool,
}

/// Where a unit's contribution goes: some panels of patch columns of a partial result.
struct Target<'a, 'b> {
    dw: &'a SliceParts<'b, f32>,
    /// Where the partial result begins.
    start: usize,
    panels: Range<usize>,
    /// Whether to add to what is there.
    accumulate: bool,
}

/// A unit's images and rows.
struct Unit {
    images: Range<usize>,
    band: Range<usize>,
}

impl<'a, S: Stored> WeightGrad<'a, S> {
    fn new(kernels: &'static Kernels, shape: &'a ConvShape, x: Image<'a, S>, dy: Image<'a, S>) -> WeightGrad<'a, S> {
        let pixels = shape.oh * shape.ow;
        // Reading in place saves copies, but pixels of many channels crowd into few sets of
        // the L1 cache, small images make short reductions, and narrow windows waste vectors. bf16 is widened as it is packed.
        let narrow = shape.kw * x.channels < kernels.nr() || S::DTYPE != Dtype::F32;
        let packed = x.pixel >= 48 || narrow || (pixels < 100 && dy.channels >= 32);
        let target = if packed { ((1 << 16) / (x.channels + dy.channels)).clamp(96, 256) } else { 128 };
        let bands = pixels.div_ceil(target).min(shape.oh);
        let together = if packed && bands == 1 { target.div_ceil(pixels) } else { 1 };
        let groups = shape.n.div_ceil(together);
        WeightGrad { kernels, shape, x, dy, groups, bands, packed }
    }

    /// Adds the contribution of one unit.
    fn add_unit(&self, unit: usize, to: &Target) {
        let s = self.shape;
        let images = even_part(s.n, self.groups, unit / self.bands);
        let band = even_part(s.oh, self.bands, unit % self.bands);
        let rect = Rect {
            top: (band.start * s.stride_h) as isize - s.pad_h as isize,
            left: -(s.pad_w as isize),
            rows: (band.len() - 1) * s.stride_h + s.kh,
            cols: (s.ow - 1) * s.stride_w + s.kw,
        };
        // In place, kernels load whole vectors, which must not reach beyond the last image.
        let exact = self.packed || self.width().is_multiple_of(self.kernels.lanes);
        let words = Words::of(self.kernels);
        let in_place = if exact { self.x.in_place(words, images.start, rect, s.kw) } else { None };
        let part =
            in_place.unwrap_or_else(|| self.x.padded(words, images.start, images.len(), rect, self.kernels.nr()));
        let dy = (images.start * s.oh + band.start) * s.ow * self.dy.pixel + self.dy.first;
        let dy = &self.dy.data[dy..];
        let unit = Unit { images, band };
        if self.packed {
            self.add_packed(&unit, &part, dy, to);
        } else {
            self.add_in_place(&unit, &part, S::as_f32(dy).expect("what is not f32 is packed"), to);
        }
    }

    /// Floats in a row of the window.
    fn width(&self) -> usize {
        self.shape.kw * self.x.channels
    }

    /// Into how many panels of at most `nr` the patch columns are cut: in place, a panel
    /// cannot go on from one row of the window to the next.
    fn panels(&self) -> usize {
        let nr = self.kernels.nr();
        if self.packed { self.shape.patch().div_ceil(nr) } else { self.shape.kh * self.width().div_ceil(nr) }
    }

    /// Walks along rows of result pixels (segments), broadcasting gradient channels and
    /// loading adjacent floats of the window, both from where they are.
    fn add_in_place(&self, unit: &Unit, part: &Part, dy: &[f32], to: &Target) {
        let (s, nr, width) = (self.shape, self.kernels.nr(), self.width());
        let mut tile = Tile {
            segments: unit.band.len(),
            steps: s.ow,
            a_step: self.dy.pixel,
            a_segment: s.ow * self.dy.pixel,
            b_step: s.stride_w * part.pixel,
            b_segment: s.stride_h * part.row_stride,
            accumulate: to.accumulate,
            ..Tile::EMPTY
        };
        for panel in to.panels.clone() {
            let (tap, col) = (panel / width.div_ceil(nr), panel % width.div_ceil(nr) * nr);
            tile.b = part.data()[tap * part.row_stride + col..].as_ptr();
            let cols = tap * width + col..tap * width + width.min(col + nr);
            for channels in even_parts(0..self.dy.channels, self.kernels.mr) {
                tile.a[0] = dy[channels.start..].as_ptr();
                self.multiply(&mut tile, channels, cols.clone(), to);
            }
        }
    }

    /// Packs the gradient, and one panel of patch columns after the other, for all pixels of
    /// the unit.
    fn add_packed(&self, unit: &Unit, part: &Part, dy: &[S], to: &Target) {
        let (s, nr) = (self.shape, self.kernels.nr());
        let pixels = unit.images.len() * unit.band.len() * s.ow;
        let steps = self.kernels.words(pixels);
        let mut gradient = Scratch::take(steps * self.dy.channels);
        let dy = Mat { data: dy, row_stride: 1, col_stride: self.dy.pixel };
        pack_a(self.kernels, &dy, 0..self.dy.channels, 0..pixels, gradient.as_mut_slice());
        let mut panel = Scratch::take(steps * nr);
        for i in to.panels.clone() {
            let cols = i * nr..s.patch().min((i + 1) * nr);
            self.pack_columns(unit, part, cols.clone(), panel.as_mut_slice());
            let mut tile =
                Tile { steps, b: panel.as_slice().as_ptr(), b_step: nr, accumulate: to.accumulate, ..Tile::EMPTY };
            let mut gradient = gradient.as_slice();
            for channels in even_parts(0..self.dy.channels, self.kernels.mr) {
                tile.a[0] = gradient.as_ptr();
                tile.a_step = channels.len();
                gradient = &gradient[steps * channels.len()..];
                self.multiply(&mut tile, channels, cols.clone(), to);
            }
        }
    }

    /// Copies patch columns `cols` of every pixel of the unit, or of every pair of pixels, as `[word][nr]`.
    fn pack_columns(&self, unit: &Unit, part: &Part, cols: Range<usize>, panel: &mut [f32]) {
        let (s, nr, width) = (self.shape, self.kernels.nr(), self.width());
        let mut col = cols.start;
        while col < cols.end {
            // The columns that lie in one row of the window are adjacent.
            let (tap, offset) = (col / width, col % width);
            let run = (cols.end - col).min(width - offset);
            let mut to = &mut panel[col - cols.start..];
            for image in 0..unit.images.len() {
                for row in 0..unit.band.len() {
                    let row = (row * s.stride_h + tap) * part.row_stride;
                    let (start, step) = (image * part.image_stride + row, s.stride_w * part.pixel);
                    if self.kernels.pairs {
                        // Words of the part are pairs of channels, so that its elements lie as the images'.
                        let from = (pairs::elements(part.data()), 2 * start + offset);
                        pairs::copy(from, (s.ow, 2 * step), (run, 1), to, nr);
                    } else {
                        copy_strided((part.data(), start + offset), |x| x, (s.ow, step), (run, 1), to, nr);
                    }
                    // The last row ends before a whole stride.
                    let done = (self.kernels.words(s.ow) * nr).min(to.len());
                    to = &mut to[done..];
                }
            }
            col += run;
        }
    }

    /// Runs a tile whose operands are set, into result channels `channels` by patch columns
    /// `cols`.
    fn multiply(&self, tile: &mut Tile, channels: Range<usize>, cols: Range<usize>, to: &Target) {
        tile.cols = cols.len();
        let kernel = self.kernels.by_panel(channels.len(), cols.len());
        for (c, channel) in tile.c.iter_mut().zip(channels) {
            let at = to.start + channel * self.shape.patch() + cols.start;
            *c = to.dw.as_mut_ptr().wrapping_add(at);
        }
        // SAFETY: the operands cover the unit's pixels, in whole vectors; tasks have disjoint
        // columns or partial results; and `Kernels::of` checked the processor.
        unsafe { kernel(tile) };
    }
}
