//! Max-blur pooling on the GPU, by the kernels of blur pooling: one launch each way, and no image of maxima in memory.

use super::{MaxBlurPool, MaxBlurPoolBackward};
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::image::four;
use crate::ops::blur_pool::cuda::{SOURCE, Sizes};

pub fn forward(op: &MaxBlurPool, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let s = op.0.sizes(io.name(), four(io.meta(0)))?;
    let sizes = Sizes::new(&s.blur, s.kernel, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.output(0), sizes])
}

pub fn backward(op: &MaxBlurPoolBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let s = op.0.sizes(io.name(), four(io.meta(0)))?;
    let sizes = Sizes::new(&s.blur, s.kernel, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.input(1), io.output(0), sizes])
}
