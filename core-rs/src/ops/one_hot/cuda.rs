//! `one_hot` on the GPU: what `kernel.cu` is launched with.

use super::{OneHot, outside};
use crate::cuda::launch::{Grid, MOST_BLOCKS, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "one_hot", text: include_str!("kernel.cu") };

/// What the kernel reports of a label: its place and the label.
fn describe(place: u32, what: u32, classes: u32) -> String {
    outside(classes as usize, what as i32, place as usize)
}

pub fn forward(op: &OneHot, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let rows = io.meta(0).shape.len();
    if rows == 0 {
        return Ok(());
    }
    let across = op.classes.next_power_of_two().min(THREADS as usize) as u32;
    let down = THREADS / across;
    let grid =
        Grid { threads: [across, down, 1], ..Grid::line(rows.div_ceil(down as usize).min(MOST_BLOCKS), THREADS) };
    let fault = cuda.faults.within(io.name(), op.classes as u32, describe);
    cuda.launch(
        io.name(),
        &SOURCE,
        &format!("one_hot_{}", op.dtype),
        grid,
        &args![io.input(0), io.output(0), rows as u64, op.classes as u32, fault],
    )
}
