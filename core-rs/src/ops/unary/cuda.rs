//! Element-wise ops on the GPU: one launch over all elements of the kernel that has the op's name.

use super::{Elementwise, Function};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "unary", text: include_str!("kernel.cu") };

pub fn forward<F: Function>(op: &Elementwise<F>, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let x = io.meta(0);
    let elements = x.shape.len();
    let kernel = format!("{}_{}", io.name(), x.dtype);
    let (grid, n) = (Grid::packs(elements, x.dtype.size()), elements as u64);
    let [p, q] = op.0.numbers().map(|number| number as f32);
    match F::INPUTS {
        1 => cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), n, p, q]),
        _ => cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.input(1), io.output(0), n, p, q]),
    }
}
