//! `sample_draws` on the GPU: a thread for each number.

use super::{Distribution, SampleDraws};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "sample_draws", text: include_str!("kernel.cu") };

pub fn forward(op: &SampleDraws, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let elements = io.output_meta(0).shape.len();
    let (kernel, [a, b]) = match op.distribution {
        Distribution::Uniform => ("sample_draws_uniform", [0.0; 2]),
        Distribution::Beta(shapes) => ("sample_draws_beta", shapes),
    };
    let [index, epoch] = [io.input(0), io.input(1)];
    cuda.launch(
        io.name(),
        &SOURCE,
        kernel,
        Grid::elements(elements),
        &args![index, epoch, io.output(0), elements as u64, op.count as u32, op.seed, op.first, a, b],
    )
}
