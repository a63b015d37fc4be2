//! `dropout` and `stochastic_depth` on the GPU: what `kernel.cu` is launched with.

use super::{Dropout, Share, StochasticDepth};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "dropout", text: include_str!("kernel.cu") };

pub fn dropout(op: &Dropout, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let elements = io.meta(0).shape.len();
    launch(op.0, Grid::elements(elements.div_ceil(4)), 1, io, cuda)
}

pub fn stochastic_depth(op: &StochasticDepth, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let shape = io.meta(0).shape;
    launch(op.0, Grid::elements(shape.len()), shape.len() / shape.dims()[0].max(1), io, cuda)
}

/// `width`: elements that stand or fall together.
fn launch(share: Share, grid: Grid, width: usize, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let meta = io.meta(0);
    let kernel = format!("{}_{}", io.name(), meta.dtype);
    let (limit, scale) = (share.limit(), share.scale() as f32);
    let [x, draw, y] = [io.input(0), io.input(1), io.output(0)];
    let (n, width) = (meta.shape.len() as u64, width as u64);
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![x, draw, y, n, width, limit, scale])
}
