//! `gather_rows_backward` on the GPU: what `kernel.cu` is launched with.

use super::backward::GatherRowsBackward;
use super::cuda::{SOURCE, describe};
use crate::cuda::launch::{Grid, MOST_ROWS};
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

/// Columns of a block, one a thread, and the most rows; `COLUMNS` and `MOST_ROWS` of `kernel.cu`.
const COLUMNS: usize = 128;
const ROWS: usize = 16;

/// Blocks that are enough for a large GPU: with fewer, a block has fewer rows.
const ENOUGH_BLOCKS: usize = 1056;

pub fn forward(op: &GatherRowsBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (count, dtable) = (io.meta(0).shape.len(), io.output_meta(0));
    if dtable.shape.is_empty() {
        return Ok(());
    }
    let width = dtable.shape.len() / op.rows;
    let tiles = width.div_ceil(COLUMNS).min(MOST_ROWS);
    let each = (op.rows * tiles / ENOUGH_BLOCKS).clamp(1, ROWS);
    let blocks = Grid::line(op.rows.div_ceil(each), COLUMNS as u32).blocks[0];
    let grid = Grid { blocks: [blocks, tiles as u32, 1], threads: [COLUMNS as u32, 1, 1], shared: 0 };
    // Numbers above 2^31 - 1 do not occur, and a negative one must not pass for one.
    let limit = op.rows.min(1 << 31) as u32;
    let fault = cuda.faults.within(io.name(), op.rows as u32, describe);
    let kernel = format!("gather_rows_backward_{}", dtable.dtype);
    let (rows, each, count, width) = (op.rows as u64, each as u32, count as u64, width as u64);
    let (index, dy, dtable) = (io.input(0), io.input(1), io.output(0));
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![index, dy, dtable, rows, limit, each, count, width, fault])
}
