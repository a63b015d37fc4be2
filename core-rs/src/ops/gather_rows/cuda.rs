//! `gather_rows` on the GPU: what `kernel.cu` is launched with.

use super::{GatherRows, outside};
use crate::cuda::axes::{Divisor, MOST};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::{Error, Result};

pub const SOURCE: Source = Source { name: "gather_rows", text: include_str!("kernel.cu") };

/// What a kernel reports of an index: its place and the number there.
pub fn describe(place: u32, what: u32, rows: u32) -> String {
    outside(rows as usize, what as i32, place as usize)
}

pub fn forward(_op: &GatherRows, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (table, count) = (io.meta(0), io.meta(1).shape.len());
    let rows = table.shape.dims()[0];
    let row_bytes = table.shape.dims()[1..].iter().product::<usize>() * table.dtype.size();
    if count == 0 {
        return Ok(());
    }
    let fault = cuda.faults.within(io.name(), rows as u32, describe);
    // Numbers above 2^31 - 1 do not occur, and a negative one must not pass for one.
    let limit = rows.min(1 << 31) as u32;
    if row_bytes == 0 {
        let grid = Grid::elements(count);
        return cuda.launch(
            io.name(),
            &SOURCE,
            "gather_rows_check",
            grid,
            &args![io.input(1), limit, count as u32, fault],
        );
    }
    let fits = |unit: usize| [row_bytes as u64, io.input(0), io.output(0)].iter().all(|at| at % unit as u64 == 0);
    let unit = [16, 8, 4, 2].into_iter().find(|&unit| fits(unit)).unwrap_or(1);
    let (kernel, width) = (format!("gather_rows_{unit}"), row_bytes / unit);
    if width > MOST {
        let message = format!("Expected rows of less than 2^31 times {unit} bytes on CUDA, got {row_bytes} bytes");
        return Err(Error::unsupported(io.name(), message));
    }
    for first in (0..count).step_by(MOST / width) {
        let units = (count - first).min(MOST / width) * width;
        let (index, y) = (io.input(1) + 4 * first as u64, io.output(0) + (first * row_bytes) as u64);
        cuda.launch(
            io.name(),
            &SOURCE,
            &kernel,
            Grid::elements(units),
            &args![io.input(0), index, y, limit, Divisor::new(width), units as u32, first as u32, fault],
        )?;
    }
    Ok(())
}
