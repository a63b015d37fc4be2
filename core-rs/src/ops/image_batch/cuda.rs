//! `image_batch` on the GPU: what `kernel.cu` is launched with.

use super::ImageBatch;
use crate::cuda::images::below_2_31;
use crate::cuda::launch::{Argument, Grid, MOST_ROWS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::ops::gather_rows::cuda::describe;
use crate::random::below_share;

pub const SOURCE: Source = Source { name: "image_batch", text: include_str!("kernel.cu") };

/// As `Sizes` of `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Sizes {
    images: u32,
    h: u32,
    w: u32,
    c: u32,
    n: u32,
    key: [u32; 2],
    shift: u32,
    flip: u32,
}

impl Argument for Sizes {}

pub fn forward(op: &ImageBatch, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (shape, count) = (io.meta(0).shape, io.meta(1).shape.len());
    let [images, h, w, c]: [usize; 4] = shape.dims().try_into().expect("the rank was checked");
    let size = h * w * c;
    if count == 0 {
        return Ok(());
    }
    below_2_31(io.name(), [size])?;
    let [images, h, w, c, n, shift] = below_2_31(io.name(), [images, h, w, c, count, op.shift])?;
    let sizes = Sizes { images, h, w, c, n, key: op.key, shift, flip: below_share(op.flip) };
    let fault = cuda.faults.within(io.name(), images, describe);
    // The number of an image without values is looked at too.
    let grid = Grid::elements(size.max(1));
    let grid = Grid { blocks: [grid.blocks[0], count.min(MOST_ROWS) as u32, 1], ..grid };
    cuda.launch(io.name(), &SOURCE, "image_batch", grid, &args![io.input(0), io.input(1), io.output(0), sizes, fault])
}
