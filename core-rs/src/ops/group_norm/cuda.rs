//! Group normalisation on the GPU: what `kernel.cu` is launched with. Forward takes one launch, backward three: dx, then the
//! sums of weight and bias in parts and together.

use super::{GroupNorm, GroupNormBackward, Sizes};
use crate::cuda::axes::Divisor;
use crate::cuda::images::below_2_31;
use crate::cuda::launch::{Argument, Grid};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

static SOURCE: Source = Source { name: "group_norm", text: include_str!("kernel.cu") };

/// `ACROSS` and `DEEP` of `kernel.cu`: threads of a block that sums over rows.
const SUMS: [u32; 3] = [32, 8, 1];
/// Blocks that sum: a few for each processor of a large GPU. A constant, as the order of the sums follows from it.
const SUM_BLOCKS: usize = 528;
/// Rows that a thread of them should have at least.
const LEAST_ROWS: usize = 8;

/// As `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Given {
    units: u64,
    positions: u32,
    groups: u32,
    count: u32,
    by_block: u32,
    size: Divisor,
    eps: f32,
}

impl Argument for Given {}

impl Given {
    fn new(op: &'static str, s: &Sizes, eps: f64, by_block: bool) -> Result<Given> {
        let [positions, groups, count, _] = below_2_31(op, [s.positions, s.groups, s.count(), s.channels()])?;
        let units = (s.n * s.groups) as u64;
        let (by_block, size) = (u32::from(by_block), Divisor::new(s.size));
        Ok(Given { units, positions, groups, count, by_block, size, eps: eps as f32 })
    }
}

/// As `Rows` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Rows {
    rows: u64,
    positions: u32,
    channels: u32,
    size: u32,
    blocks: u32,
}

impl Argument for Rows {}

pub(super) fn forward(op: &GroupNorm, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (x, name) = (io.meta(0), io.name());
    if x.shape.is_empty() {
        return Ok(());
    }
    let s = Sizes::new(x.shape, op.groups);
    let (grid, by_block) = Grid::rows(s.n * s.groups, s.count());
    let given = Given::new(name, &s, op.eps, by_block)?;
    let (kernel, weight, bias) = (format!("group_norm_{}", x.dtype), io.optional(1), io.optional(2));
    let [y, mean, rstd] = [0, 1, 2].map(|index| io.output(index));
    cuda.launch(name, &SOURCE, &kernel, grid, &args![io.input(0), weight, bias, y, mean, rstd, given])
}

pub(super) fn backward(op: &GroupNormBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (meta, name) = (io.meta(1), io.name());
    let s = Sizes::new(meta.shape, op.groups);
    let ([dy, x, mean, rstd], weight) = ([0, 1, 2, 3].map(|index| io.input(index)), io.optional(4));
    let [dx, dweight, dbias] = [0, 1, 2].map(|index| io.output(index));
    if s.n > 0 {
        let (grid, by_block) = Grid::rows(s.n * s.groups, s.count());
        let given = Given::new(name, &s, 0.0, by_block)?;
        let arguments = args![dy, x, mean, rstd, weight, dx, given];
        cuda.launch(name, &SOURCE, &format!("group_norm_backward_{}", meta.dtype), grid, &arguments)?;
    }
    let [positions, channels, size] = below_2_31(name, [s.positions, s.channels(), s.size])?;
    let (rows, tiles) = (s.n * s.positions, s.channels().div_ceil(SUMS[0] as usize));
    let blocks = rows.div_ceil(SUMS[1] as usize * LEAST_ROWS).min(SUM_BLOCKS / tiles).max(1);
    let partial = cuda.scratch(name, blocks * 2 * s.channels() * size_of::<f64>())?;
    let sizes = Rows { rows: rows as u64, positions, channels, size, blocks: blocks as u32 };
    let grid = Grid { blocks: [tiles as u32, blocks as u32, 1], threads: SUMS, shared: 0 };
    let kernel = format!("group_norm_sums_{}", meta.dtype);
    cuda.launch(name, &SOURCE, &kernel, grid, &args![dy, x, mean, rstd, partial, sizes])?;
    let grid = Grid::elements(s.channels());
    cuda.launch(name, &SOURCE, "group_norm_together", grid, &args![partial, dweight, dbias, sizes])
}
