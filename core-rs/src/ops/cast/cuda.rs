//! `cast` on the GPU: one launch over all elements, a plain copy where the dtype stays.

use super::Cast;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::Walk;
use crate::ops::broadcast_to::cuda::copy;

pub const SOURCE: Source = Source { name: "cast", text: include_str!("kernel.cu") };

pub fn forward(op: &Cast, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let x = io.meta(0);
    let elements = x.shape.len();
    if x.dtype == op.dtype {
        return copy(io, cuda, Walk::new([(elements, [1, 1])]), [io.input(0), io.output(0)]);
    }
    let kernel = format!("cast_{}_{}", x.dtype, op.dtype);
    let grid = Grid::packs(elements, x.dtype.size().max(op.dtype.size()));
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), elements as u64])
}
