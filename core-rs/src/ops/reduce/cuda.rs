//! Reductions on the GPU: which way through x, and how it is cut.

use super::argmax::Argmax;
use super::layout::Layout;
use super::{Fold, Reduce};
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::{Argument, Grid, MOST_ROWS, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::strides;
use crate::shape::{MAX_RANK, Meta, Shape};

static SOURCE: Source = Source { name: "reduce", text: include_str!("kernel.cu") };

/// Blocks that are enough for a large GPU: with fewer, the reduced axis is cut.
const ENOUGH_BLOCKS: usize = 528;

/// The fewest elements that a part has for each thread.
const LEAST: usize = 16;

/// `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Sizes {
    outer: u64,
    count: u64,
    inner: u64,
    parts: u64,
    part: u64,
    divisor: f64,
    by_block: u32,
    wide: u32,
}

impl Argument for Sizes {}

impl Sizes {
    fn new(layout: &Layout, divisor: f64, by_block: bool, wide: bool) -> Sizes {
        let [outer, count, inner] = [layout.outer, layout.count, layout.inner].map(|size| size as u64);
        let (by_block, wide) = (u32::from(by_block), u32::from(wide));
        Sizes { outer, count, inner, parts: 1, part: count, divisor, by_block, wide }
    }

    /// Cuts `count` into parts, about `parts` at most, of a multiple of `unit` elements each.
    fn cut(&mut self, parts: usize, unit: usize) {
        let (count, parts) = (self.count as usize, parts.max(1));
        let part = count.div_ceil(parts).next_multiple_of(unit).max(1);
        (self.part, self.parts) = (part as u64, count.div_ceil(part).max(1) as u64);
    }
}

/// `Strides` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Strides {
    sizes: [u64; MAX_RANK],
    strides: [u64; MAX_RANK],
}

impl Argument for Strides {}

impl Strides {
    /// The axes of a shape that are reduced, or those that are not.
    fn of(shape: Shape, reduced: [bool; MAX_RANK], wanted: bool) -> Strides {
        let strides = strides(shape);
        let mut axes = Strides { sizes: [1; MAX_RANK], strides: [0; MAX_RANK] };
        for (axis, &size) in shape.dims().iter().enumerate().filter(|&(axis, _)| reduced[axis] == wanted) {
            (axes.sizes[axis], axes.strides[axis]) = (size as u64, strides[axis] as u64);
        }
        axes
    }

    fn count(&self) -> usize {
        self.sizes.iter().product::<u64>() as usize
    }
}

/// Teams of threads for outputs that are each folded from `count` elements, and how these are cut.
fn teams(layout: &Layout, divisor: f64, unit: usize) -> (Sizes, Grid) {
    let (_, by_block) = Grid::rows(layout.outputs(), layout.count);
    let mut sizes = Sizes::new(layout, divisor, by_block, false);
    if by_block {
        let enough = ENOUGH_BLOCKS.div_ceil(layout.outputs().max(1));
        sizes.cut(enough.min(layout.count / (LEAST * THREADS as usize)), unit);
    }
    (sizes, Grid::rows(layout.outputs() * sizes.parts as usize, layout.count).0)
}

/// Threads side by side on `inner` and below each other on `count`, and how this is cut.
fn columns(layout: &Layout, divisor: f64, size: usize, wide: bool) -> (Sizes, Grid) {
    let step = if wide { 16 / size } else { 1 };
    let across = layout.inner.div_ceil(step).next_power_of_two().min(32);
    let below = (THREADS as usize / across).min(layout.count.max(1).next_power_of_two());
    let tiles = layout.inner.div_ceil(across * step);
    let mut sizes = Sizes::new(layout, divisor, false, wide);
    let enough = ENOUGH_BLOCKS.div_ceil((tiles * layout.outer).max(1));
    sizes.cut(enough.min(layout.count / (LEAST * below)), 1);
    let outer = layout.outer.min(MOST_ROWS) as u32;
    let blocks = [(tiles * sizes.parts as usize) as u32, outer, 1];
    (sizes, Grid { blocks, threads: [across as u32, below as u32, 1], shared: 0 })
}

pub(super) fn reduce<F: Fold>(op: &Reduce<F>, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (Meta { shape, dtype }, y) = (io.meta(0), io.output(0));
    if io.output_meta(0).shape.is_empty() {
        return Ok(());
    }
    let (x, reduced) = (io.input(0), op.reduced(shape.rank()));
    let (kept, folded) = (Strides::of(shape, reduced, false), Strides::of(shape, reduced, true));
    let apart = Layout { outer: kept.count(), count: folded.count(), inner: 1 };
    let divisor = F::divisor(apart.count);
    let (layout, is_apart) = Layout::new(shape, reduced).map_or((apart, true), |layout| (layout, false));
    let (way, (sizes, grid)) = match layout.inner {
        _ if is_apart => ("apart", teams(&layout, divisor, 1)),
        1 => ("rows", teams(&layout, divisor, 16 / dtype.size())),
        inner => {
            let wide = inner * dtype.size() % 16 == 0 && x % 16 == 0;
            ("columns", columns(&layout, divisor, dtype.size(), wide))
        }
    };
    let name = |part: &str| format!("reduce_{}_{part}_{dtype}", F::KERNEL);
    let bytes = if sizes.parts > 1 { sizes.parts as usize * layout.outputs() * size_of::<f64>() } else { 0 };
    let partial: DevicePointer = if bytes > 0 { cuda.scratch(io.name(), bytes)? } else { 0 };
    let launch = |kernel: &str, grid, args: &[_]| cuda.launch(io.name(), &SOURCE, kernel, grid, args);
    match is_apart {
        true => launch(&name(way), grid, &args![x, y, partial, sizes, kept, folded])?,
        false => launch(&name(way), grid, &args![x, y, partial, sizes])?,
    }
    if sizes.parts == 1 {
        return Ok(());
    }
    let grid = Grid { threads: [32, 32, 1], ..Grid::line(layout.outputs().div_ceil(32), 1) };
    launch(&name("together"), grid, &args![partial, y, sizes])
}

pub(super) fn argmax(op: &Argmax, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let Meta { shape, dtype } = io.meta(0);
    let layout = op.layout(shape);
    if layout.outputs() == 0 {
        return Ok(());
    }
    let (rows, by_block) = Grid::rows(layout.outer, layout.count);
    let grid = if layout.inner > 1 { Grid::elements(layout.outputs()) } else { rows };
    let sizes = Sizes::new(&layout, 1.0, by_block, false);
    let kernel = format!("argmax_{dtype}");
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), sizes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_element_and_keep_packs_whole() {
        for (count, parts, unit) in [(1, 0, 4), (0, 3, 1), (10_000_019, 528, 8), (100, 7, 1), (4096, 1, 4)] {
            let mut sizes = Sizes::new(&Layout { outer: 1, count, inner: 1 }, 1.0, true, false);
            sizes.cut(parts, unit);
            let Sizes { part, parts: got, .. } = sizes;
            assert!(part * got >= count as u64 && part * (got - 1) <= count as u64, "{count}: {part} x {got}");
            assert!(got as usize <= parts.max(1) && part.is_multiple_of(unit as u64), "{count}: {part} x {got}");
        }
    }
}
