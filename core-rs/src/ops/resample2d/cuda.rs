//! Resampling on the GPU: what `kernel.cu` is launched with. The sums of both axes are a table that is uploaded once.

use super::cpu::axis;
use super::rule::Line;
use super::{Plan, Resample2d, Resample2dBackward};
use crate::cpu::separable::Axis;
use crate::cuda::images::{below_2_31, in_packs};
use crate::cuda::launch::Argument;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

static SOURCE: Source = Source { name: "resample2d", text: include_str!("kernel.cu") };

/// As `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Sizes {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    columns: u32,
    wide: u32,
}

impl Argument for Sizes {}

pub(super) fn forward(op: &Resample2d, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let plan = op.0.forward(io.name(), io.meta(0))?;
    launch(&plan, axis, io, cuda)
}

pub(super) fn backward(op: &Resample2dBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let plan = op.0.backward(io.name(), io.meta(0))?;
    launch(&plan, |line| axis(line).transposed(), io, cuda)
}

fn launch(plan: &Plan, axis: impl Fn(&Line) -> Axis, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    if io.output_meta(0).shape.is_empty() {
        return Ok(());
    }
    let (rows, columns) = (axis(&plan.rows), axis(&plan.columns));
    let mut table = words(&rows);
    let start = table.len();
    table.extend(words(&columns));
    let sizes = [plan.n, rows.sources(), columns.sources(), plan.c, rows.results(), columns.results(), start];
    let [n, h, w, c, oh, ow, start] = below_2_31(io.name(), sizes)?;
    let bytes: Vec<u8> = table.into_iter().flat_map(u32::to_ne_bytes).collect();
    let table = cuda.table(io.name(), &bytes)?;
    let wide = u32::from(in_packs(io, plan.c));
    let sizes = Sizes { n, h, w, c, oh, ow, columns: start, wide };
    cuda.launch_pixels(&SOURCE, io, wide != 0, &args![io.input(0), io.output(0), table, sizes])
}

/// Where the terms of each result start, and the end of the last; then the terms, source and weight each.
fn words(axis: &Axis) -> Vec<u32> {
    let terms = (0..axis.results()).map(|result| axis.terms(result));
    let ends = terms.clone().scan(0, |end, terms| {
        *end += terms.len() as u32;
        Some(*end)
    });
    let pairs = terms.flatten().flat_map(|term| [term.source as u32, term.weight.to_bits()]);
    std::iter::once(0).chain(ends).chain(pairs).collect()
}
