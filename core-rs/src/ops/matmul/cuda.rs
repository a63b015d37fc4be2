//! Matrix products on the GPU, by cuBLASLt.

use super::Matmul;
use crate::cuda::cublaslt::Matrices;
use crate::cuda::plan::{Arithmetic, Product};
use crate::cuda::{CudaContext, CudaIo};
use crate::error::Result;

pub fn run(op: &Matmul, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let shape = op.sizes(io.name(), io.meta(0).shape, io.meta(1).shape)?;
    let matrices = Matrices { a: io.input(0), b: io.input(1), y: io.output(0) };
    let arithmetic = Arithmetic::of(io.name(), io.meta(0).dtype, cuda)?;
    cuda.multiply(io.name(), &Product { arithmetic, shape, alignment: matrices.alignment() }, matrices)
}
