//! Random tensors on the GPU: a thread for each four numbers.

use super::{Normal, Stream, Uniform};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "random", text: include_str!("kernel.cu") };

pub fn uniform<const DRAWN: bool>(op: &Uniform<DRAWN>, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let [low, high] = op.0.range;
    draw("uniform", &op.0, [low, high - low], io, cuda)
}

pub fn normal<const DRAWN: bool>(op: &Normal<DRAWN>, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    draw("normal", &op.0, op.0.range, io, cuda)
}

fn draw(kind: &str, stream: &Stream, [p, q]: [f64; 2], io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let elements = stream.meta.shape.len();
    let kernel = format!("{kind}_{}", stream.meta.dtype);
    // Of a draw the kernel takes key and number from the device.
    let draw = if stream.key.is_none() { io.input(0) } else { 0 };
    let [seed, key] = stream.key.unwrap_or_default();
    cuda.launch(
        io.name(),
        &SOURCE,
        &kernel,
        Grid::elements(elements.div_ceil(4)),
        &args![io.output(0), elements as u64, draw, seed, key, p, q],
    )
}
