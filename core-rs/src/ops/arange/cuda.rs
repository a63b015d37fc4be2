//! `arange` on the GPU: one launch over all elements.

use super::Arange;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "arange", text: include_str!("kernel.cu") };

pub fn forward(op: &Arange, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (kernel, grid) = (format!("arange_{}", op.dtype), Grid::elements(op.count));
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.output(0), op.count as u64, op.start, op.step])
}
