//! Random tensors on the GPU: a thread for each four numbers.

use super::{Normal, Stream, Uniform};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "random", text: include_str!("kernel.cu") };

pub fn uniform(op: &Uniform, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let [low, high] = op.0.range;
    draw(&op.0, [low, high - low], io, cuda)
}

pub fn normal(op: &Normal, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    draw(&op.0, op.0.range, io, cuda)
}

fn draw(stream: &Stream, [p, q]: [f64; 2], io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let elements = stream.meta.shape.len();
    let kernel = format!("{}_{}", io.name(), stream.meta.dtype);
    let [seed, key] = stream.key;
    cuda.launch(
        io.name(),
        &SOURCE,
        &kernel,
        Grid::elements(elements.div_ceil(4)),
        &args![io.output(0), elements as u64, seed, key, p, q],
    )
}
