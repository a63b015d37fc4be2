//! What `kernel.cu` is launched with; the host waits for nothing.

use super::{AssertFinite, describe};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

static SOURCE: Source = Source { name: "assert_finite", text: include_str!("kernel.cu") };

pub(super) fn launch(_op: &AssertFinite, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let meta = io.meta(0);
    let fault = cuda.faults.of(io.name(), |place, what| describe(f32::from_bits(what), place as usize));
    let (kernel, len) = (format!("assert_finite_{}", meta.dtype), meta.shape.len() as u64);
    let grid = Grid::packs(meta.shape.len(), meta.dtype.size());
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), len, fault])
}
