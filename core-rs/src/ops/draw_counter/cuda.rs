//! `next_draw` and `keep_draws` on the GPU: one thread.

use super::{KeepDraws, NextDraw};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "draw_counter", text: include_str!("kernel.cu") };

pub fn next_draw(_op: &NextDraw, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (counter, draw, fault) = (io.in_place(0), io.output(0), cuda.faults.seen());
    cuda.launch(io.name(), &SOURCE, "next_draw", Grid::line(1, 1), &args![counter, draw, fault])
}

pub fn keep_draws(op: &KeepDraws, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (from, to) = op.places();
    let (counter, fault) = (io.in_place(0), cuda.faults.seen());
    cuda.launch(io.name(), &SOURCE, "keep_draws", Grid::line(1, 1), &args![counter, from as u32, to as u32, fault])
}
