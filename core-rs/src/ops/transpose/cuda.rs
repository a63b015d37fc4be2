//! Transposes on the GPU: tiles through shared memory where the last axis moves, else a strided copy.

use super::Transpose;
use crate::cuda::axes::{Axes, Divisor, Layout, MOST};
use crate::cuda::launch::{Argument, Grid};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::{Walk, strides};
use crate::ops::broadcast_to::cuda::copy;

pub const SOURCE: Source = Source { name: "transpose", text: include_str!("kernel.cu") };

/// Rows and columns of a tile.
const TILE: usize = 32;
/// Threads of a block along the columns of a tile, each of which takes four rows.
const ROWS: u32 = 8;
/// Below so many rows or columns a tile would idle, and the caches do as well.
const LEAST: usize = TILE / 2;
/// Blocks that a launch has at most; they go on with a stride.
const MOST_BLOCKS: usize = 1 << 16;

/// `Tiles` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Tiles {
    count: u32,
    across: Divisor,
    down: Divisor,
    width: u32,
    height: u32,
    x_stride: u64,
    y_stride: u64,
    outer: Axes,
}

impl Argument for Tiles {}

impl Tiles {
    /// For the merged axes of y, the last one first, with the strides of x and y; none where x has no last axis of its own
    /// that is long enough, or there are too many tiles.
    fn new(axes: &[(usize, [usize; 2])]) -> Option<Tiles> {
        let (&(height, [x_stride, _]), others) = axes.split_first()?;
        let last_of_x = others.iter().position(|&(_, [x_stride, _])| x_stride == 1)?;
        let (width, [_, y_stride]) = others[last_of_x];
        let outer = others.iter().enumerate().filter(|&(axis, _)| axis != last_of_x).map(|(_, &axis)| axis);
        let outer = Layout::new(outer);
        let (across, down) = (width.div_ceil(TILE), height.div_ceil(TILE));
        let count = across * down * outer.elements();
        (height.min(width) >= LEAST && count <= MOST && height.max(width) <= MOST).then(|| Tiles {
            count: count as u32,
            across: Divisor::new(across),
            down: Divisor::new(down),
            width: width as u32,
            height: height as u32,
            x_stride: x_stride as u64,
            y_stride: y_stride as u64,
            outer: outer.axes(),
        })
    }
}

pub fn forward(op: &Transpose, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (x, y) = (io.meta(0), io.output_meta(0));
    if y.shape.is_empty() {
        return Ok(());
    }
    let (from, to) = (strides(x.shape), strides(y.shape));
    let axes = (0..y.shape.rank()).rev().map(|axis| (y.shape.dims()[axis], [from[op.permutation[axis]], to[axis]]));
    let walk = Walk::new(axes);
    let Some(tiles) = Tiles::new(&walk.axes().collect::<Vec<_>>()) else {
        return copy(io, cuda, walk, [io.input(0), io.output(0)]);
    };
    let grid = Grid { threads: [TILE as u32, ROWS, 1], ..Grid::line((tiles.count as usize).min(MOST_BLOCKS), 1) };
    let kernel = format!("transpose_{}", x.dtype.size());
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), tiles])
}
