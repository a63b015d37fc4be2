//! `crop_batch` on the GPU: what `kernel.cu` is launched with.

use super::{ASPECT, CropBatch, RATIOS, apart};
use crate::cuda::images::below_2_31;
use crate::cuda::launch::{Argument, Grid, MOST_ROWS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::ops::gather_rows::cuda::describe;
use crate::random::below_share;

pub const SOURCE: Source = Source { name: "crop_batch", text: include_str!("kernel.cu") };

/// Bytes of `Plan` in `kernel.cu`.
const PLAN: usize = 304;

/// Pixels that a block makes, across and down.
const TILE: [usize; 2] = [32, 8];

/// As `Sizes` of `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Sizes {
    pixel_bytes: u64,
    min_scale: f64,
    ratios: [f64; 2],
    aspects: [f64; 2],
    images: u32,
    n: u32,
    size: u32,
    mode: u32,
    key: [u32; 2],
    flip: u32,
    erase: u32,
    most_boxes: u32,
    unused: u32,
}

impl Argument for Sizes {}

/// The logarithm of the first, and how far it is to that of the second.
fn logarithms([low, high]: [f64; 2]) -> [f64; 2] {
    [low.ln(), high.ln() - low.ln()]
}

pub fn forward(op: &CropBatch, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let count = io.meta(2).shape.len();
    if count == 0 {
        return Ok(());
    }
    let [images, n] = below_2_31(io.name(), [io.meta(1).shape.dims()[0], count])?;
    let sizes = Sizes {
        pixel_bytes: io.meta(0).bytes() as u64,
        min_scale: op.min_scale,
        ratios: logarithms(RATIOS),
        aspects: logarithms([ASPECT, 1.0 / ASPECT]),
        images,
        n,
        size: op.size as u32,
        mode: op.mode as u32,
        key: op.key,
        flip: below_share(op.flip),
        erase: below_share(op.erase),
        most_boxes: op.erase_count as u32,
        unused: 0,
    };
    let plans = cuda.scratch(io.name(), count * PLAN)?;
    let outside = cuda.faults.within(io.name(), images, describe);
    let apart = cuda.faults.of(io.name(), |number, sides| apart(number, [sides >> 16, sides & 0xffff].map(u64::from)));
    let grid = Grid::elements(count);
    let (table, index) = (io.input(1), io.input(2));
    cuda.launch(io.name(), &SOURCE, "crop_batch_plan", grid, &args![table, index, plans, sizes, outside, apart])?;
    let [across, down] = TILE.map(|pixels| op.size.div_ceil(pixels) as u32);
    let grid = Grid {
        blocks: [across, down, count.min(MOST_ROWS) as u32],
        threads: [TILE[0] as u32, TILE[1] as u32, 1],
        shared: 0,
    };
    cuda.launch(io.name(), &SOURCE, "crop_batch", grid, &args![io.input(0), plans, io.output(0), sizes])
}
