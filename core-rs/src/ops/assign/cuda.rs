//! `assign` on the GPU: one launch over all elements.

use super::Assign;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "assign", text: include_str!("kernel.cu") };

pub fn forward(_op: &Assign, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let target = io.meta(0);
    let (elements, bytes) = (target.shape.len(), target.dtype.size());
    cuda.launch(
        io.name(),
        &SOURCE,
        &format!("assign_{bytes}"),
        Grid::packs(elements, bytes),
        &args![io.in_place(0), io.input(1), elements as u64, cuda.faults.seen()],
    )
}
