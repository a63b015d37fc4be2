//! Average pooling on the GPU, by the kernels over pooling windows.

use super::{AvgPool2d, AvgPool2dBackward};
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::image::four;
use crate::ops::max_pool2d::cuda::{SOURCE, Sizes};
use crate::ops::window::PoolShape;

pub fn forward(op: &AvgPool2d, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    launch(&op.window.sizes(io.name(), four(io.meta(0)))?, op.count_pad, io, cuda)
}

pub fn backward(op: &AvgPool2dBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    launch(&op.sizes(io.name(), io.meta(0))?, op.count_pad, io, cuda)
}

fn launch(s: &PoolShape, count_pad: bool, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(s, count_pad, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.output(0), sizes])
}
