//! The kernels for 3x3 windows and groups of few channels in bf16: how pixels are cut into tiles, and the launches.

use super::{SOURCE, Sizes};
use crate::cuda::cudnn::Tensors;
use crate::cuda::launch::{Argument, Grid};
use crate::cuda::plan::{Arithmetic, Convolution, Pass};
use crate::cuda::{CudaContext, args};
use crate::error::Result;
use crate::geometry::conv::ConvShape;

/// Threads a block.
const THREADS: u32 = 128;
/// Pixels of a tile, as a power of two.
const LOG_PIXELS: u32 = 7;
/// The most columns of a tile, as a power of two.
const LOG_COLUMNS: u32 = 4;
/// Blocks for each multiprocessor: enough to hide what each waits for, few enough that each keeps its weights for long.
const BLOCKS_PER_PROCESSOR: usize = 8;
/// Blocks that share the sum of a weight's gradient. Not a matter of the GPU, so that the sum has the same order on all.
const BLOCKS_OF_SUM: usize = 512;

/// `Tiling` of `kernel.cu`: the first three as powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Tiling {
    columns: u32,
    rows: u32,
    images: u32,
    across: u32,
    down: u32,
    tiles: u32,
}

impl Argument for Tiling {}

impl Tiling {
    /// For results of a shape: wide tiles, then high ones, then of several images.
    fn new(s: &ConvShape) -> Tiling {
        let columns = log2_up(s.ow).min(LOG_COLUMNS);
        let rows = log2_up(s.oh).min(LOG_PIXELS - columns);
        let images = LOG_PIXELS - columns - rows;
        let [across, down, deep] =
            [(s.ow, columns), (s.oh, rows), (s.n, images)].map(|(size, log)| size.div_ceil(1 << log) as u32);
        Tiling { columns, rows, images, across, down, tiles: across * down * deep }
    }

    /// Pixels that a tile reads where its results are `stride` apart and see `around` more.
    fn staged(&self, stride: u32, around: u32) -> u32 {
        let along = |log: u32| ((1 << log) - 1) * stride + 1 + around;
        (along(self.rows) * along(self.columns)) << self.images
    }
}

/// The power of two that is at least `size`.
fn log2_up(size: usize) -> u32 {
    size.next_power_of_two().trailing_zeros()
}

/// Channels that are computed together: groups are merged to 16, and 32 are a tile of their own.
fn tile_channels(group: usize) -> usize {
    group.max(16)
}

/// Whether the kernels can compute a convolution.
pub fn suits(convolution: &Convolution) -> bool {
    let s = &convolution.shape;
    let group = s.c / s.groups;
    convolution.arithmetic == Arithmetic::Bf16
        && s.c == s.out
        && [4, 8, 16, 32].contains(&group)
        && s.c.is_multiple_of(tile_channels(group))
        && [s.kh, s.kw] == [3; 2]
        && [s.pad_h, s.pad_w] == [1; 2]
        && s.stride_h == s.stride_w
        && [1, 2].contains(&s.stride_h)
        // Tiles of channels are blocks along the grid's second axis.
        && s.c <= 1 << 20
        && s.n * s.oh * s.ow < 1 << 31
}

pub fn run(op: &'static str, convolution: &Convolution, at: Tensors, cuda: &CudaContext) -> Result<()> {
    let s = &convolution.shape;
    let (sizes, tiling, group) = (Sizes::new(op, s)?, Tiling::new(s), s.c / s.groups);
    let (channels, stride) = (tile_channels(group), s.stride_h as u32);
    let parts = s.c / channels;
    let wanted = match convolution.pass {
        Pass::Weight => BLOCKS_OF_SUM,
        _ => BLOCKS_PER_PROCESSOR * cuda.processors(),
    };
    let blocks = wanted.div_ceil(parts).min(tiling.tiles as usize);
    // 16 bytes more than the channels, as `Staged` has it.
    let bytes_per_pixel = (channels as u32 + 8) * 2;
    let launch = |name: &str, pixels: u32, [first, second, to]: [u64; 3]| {
        let shared = pixels * bytes_per_pixel;
        let grid = Grid { blocks: [blocks as u32, parts as u32, 1], threads: [THREADS, 1, 1], shared };
        let kernel = format!("conv2d_grouped_{name}_{channels}_{stride}_bf16");
        cuda.launch(op, &SOURCE, &kernel, grid, &args![first, second, to, sizes, tiling])
    };
    match convolution.pass {
        Pass::Forward => launch("forward", tiling.staged(stride, 2), [at.image, at.weight, at.result]),
        // With stride 2 the four pixels behind a result see it, and the next one on either axis.
        Pass::Input => {
            let pixels = if stride == 1 { tiling.staged(1, 2) } else { tiling.staged(1, 1) };
            launch("input", pixels, [at.result, at.weight, at.image])
        }
        Pass::Weight => {
            let weights = s.out * 9 * group;
            let partial = cuda.scratch(op, blocks * weights * size_of::<f32>())?;
            launch("weight", tiling.staged(stride, 2) + (1 << LOG_PIXELS), [at.image, at.result, partial])?;
            let (count, slabs, grid) = (weights as u64, blocks as u32, Grid::elements(weights));
            cuda.launch(op, &SOURCE, "conv2d_grouped_sum_bf16", grid, &args![partial, at.weight, count, slabs])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(n: usize, size: usize, c: usize, groups: usize, stride: usize) -> ConvShape {
        let o = (size - 1) / stride + 1;
        let (h, w, oh, ow, out) = (size, size, o, o, c);
        let (kh, kw, stride_h, stride_w, pad_h, pad_w) = (3, 3, stride, stride, 1, 1);
        ConvShape { n, h, w, c, out, kh, kw, stride_h, stride_w, pad_h, pad_w, groups, oh, ow }
    }

    #[test]
    fn tiles_cover_all_pixels() {
        let tiling = |size, stride| Tiling::new(&shape(64, size, 128, 32, stride));
        let [across, down, images] = [2, 4, 64];
        assert_eq!(
            tiling(32, 1),
            Tiling { columns: 4, rows: 3, images: 0, across, down, tiles: across * down * images }
        );
        assert_eq!(tiling(4, 1), Tiling { columns: 2, rows: 2, images: 3, across: 1, down: 1, tiles: 8 });
        assert_eq!(tiling(14, 2), Tiling { columns: 3, rows: 3, images: 1, across: 1, down: 1, tiles: 32 });
        assert_eq!(tiling(1, 1), Tiling { columns: 0, rows: 0, images: 7, across: 1, down: 1, tiles: 1 });
        assert_eq!(tiling(32, 1).staged(1, 2), 10 * 18);
        assert_eq!(tiling(14, 2).staged(2, 2), 17 * 17 * 2);
    }

    #[test]
    fn groups_that_are_merged() {
        let suits = |arithmetic, shape| suits(&Convolution { pass: Pass::Input, arithmetic, shape });
        for (c, groups) in [(128, 32), (256, 32), (512, 32), (1024, 32), (32, 1)] {
            assert!(suits(Arithmetic::Bf16, shape(2, 9, c, groups, 2)), "{c} channels in {groups} groups");
            assert!(!suits(Arithmetic::F32, shape(2, 9, c, groups, 2)));
            assert!(!suits(Arithmetic::Bf16, shape(2, 9, c, groups, 3)));
        }
        for (c, groups) in [(8, 2), (64, 1), (128, 64), (48, 8)] {
            assert!(!suits(Arithmetic::Bf16, shape(2, 9, c, groups, 1)), "{c} channels in {groups} groups");
        }
    }
}
