//! Softmax and its kin on the GPU: what `kernel.cu` is launched with.

use crate::cuda::launch::{Argument, Grid};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

static SOURCE: Source = Source { name: "softmax", text: include_str!("kernel.cu") };

/// `Rows` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Rows {
    count: u64,
    size: u64,
    by_block: u64,
    queries: u64,
}

impl Argument for Rows {}

/// Launches the kernel with the op's name, over the rows of its inputs.
pub(super) fn launch(io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let meta = io.meta(0);
    if meta.shape.is_empty() {
        return Ok(());
    }
    let size = meta.shape.last();
    let count = meta.shape.len() / size;
    let (grid, by_block) = Grid::rows(count, size);
    let queries = meta.shape.dims().iter().rev().nth(1).map_or(1, |&queries| queries as u64);
    let rows = Rows { count: count as u64, size: size as u64, by_block: u64::from(by_block), queries };
    let (op, kernel) = (io.name(), format!("{}_{}", io.name(), meta.dtype));
    match io.inputs() {
        1 => cuda.launch(op, &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), rows]),
        _ => cuda.launch(op, &SOURCE, &kernel, grid, &args![io.input(0), io.input(1), io.output(0), rows]),
    }
}
