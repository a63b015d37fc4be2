//! Cross entropy on the GPU: what `kernel.cu` is launched with.

use super::{CrossEntropy, CrossEntropyBackward, describe_label};
use crate::cuda::fault::Fault;
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::{Argument, Grid, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::dtype::Dtype;
use crate::error::Result;

static SOURCE: Source = Source { name: "cross_entropy", text: include_str!("kernel.cu") };

/// `Rows` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Rows {
    count: u64,
    classes: u64,
    smoothing: f64,
    by_block: u64,
}

impl Argument for Rows {}

/// `Target` of `kernel.cu`: one of the two is 0.
#[derive(Clone, Copy)]
#[repr(C)]
struct Target {
    labels: DevicePointer,
    weights: DevicePointer,
}

impl Argument for Target {}

/// What both ops are launched with.
fn operands(io: &CudaIo, cuda: &CudaContext, smoothing: f64) -> (Grid, Rows, Target, Fault) {
    let shape = io.meta(0).shape;
    let classes = shape.last();
    let count = shape.len() / classes;
    let (grid, by_block) = Grid::rows(count, classes);
    let rows = Rows { count: count as u64, classes: classes as u64, smoothing, by_block: u64::from(by_block) };
    let target = match io.meta(1).dtype {
        Dtype::I32 => Target { labels: io.input(1), weights: 0 },
        _ => Target { labels: 0, weights: io.input(1) },
    };
    (grid, rows, target, cuda.faults.within(io.name(), classes as u32, describe))
}

fn describe(row: u32, label: u32, classes: u32) -> String {
    describe_label(label as i32, row as usize, classes as usize)
}

pub(super) fn forward(op: &CrossEntropy, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (grid, rows, target, fault) = operands(io, cuda, op.smoothing);
    let losses = cuda.scratch(io.name(), rows.count as usize * size_of::<f32>())?;
    let kernel = format!("cross_entropy_{}", io.meta(0).dtype);
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), target, losses, rows, fault])?;
    let loss = io.output(0);
    cuda.launch(io.name(), &SOURCE, "cross_entropy_mean", Grid::line(1, THREADS), &args![losses, loss, rows.count])
}

pub(super) fn backward(op: &CrossEntropyBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (grid, rows, target, fault) = operands(io, cuda, op.smoothing);
    let kernel = format!("cross_entropy_backward_{}", io.meta(0).dtype);
    let (logits, dloss, dlogits) = (io.input(0), io.input(2), io.output(0));
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![logits, target, dloss, dlogits, rows, fault])
}
