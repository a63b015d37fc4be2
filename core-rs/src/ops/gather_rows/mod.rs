//! `gather_rows`: y[i, …] = table[index[i], …], and its backward.

mod backward;
pub mod cuda;
mod cuda_backward;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
pub use backward::GatherRowsBackward;

/// Bytes a chunk.
const CHUNK: usize = 128 * 1024;

pub struct GatherRows;

impl Op for GatherRows {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(GatherRows)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let table = inputs.get(0)?;
        let index = inputs.ranked(1, Dtype::I32, 1, "[n]")?;
        let mut dims = table.shape.dims().to_vec();
        match dims.first_mut() {
            Some(rows) => *rows = index.shape.len(),
            None => return Err(Error::shape(inputs.op, "Expected `table` with at least one axis, got shape []")),
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, table.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let (rows, index) = (io.meta(0).shape.dims()[0], io.input::<i32>(1));
        check_index("gather_rows", index, rows)?;
        run(&context.pool, io.input_bytes(0), rows, index, io.output_bytes(0));
        Ok(())
    }
}

/// Fails at the first number that is no row of a table of so many.
pub fn check_index(op: &'static str, index: &[i32], rows: usize) -> Result<()> {
    let inside = |row: i32| usize::try_from(row).is_ok_and(|row| row < rows);
    match index.iter().position(|&row| !inside(row)) {
        None => Ok(()),
        Some(position) => Err(Error::argument(op, outside(rows, index[position], position))),
    }
}

/// What is said of a number that is no row.
pub fn outside(rows: usize, number: i32, position: usize) -> String {
    format!("Expected `index` within the {rows} rows of the first axis, got {number} at position {position}")
}

/// On bytes; the index was checked.
fn run(pool: &ThreadPool, table: &[u8], rows: usize, index: &[i32], y: &mut [u8]) {
    let width = table.len() / rows.max(1);
    for_each_chunk_mut(pool, y, CHUNK, |chunk, mut y| {
        let (mut at, mut skip) = (chunk * CHUNK / width, chunk * CHUNK % width);
        while !y.is_empty() {
            let (here, rest) = y.split_at_mut(y.len().min(width - skip));
            here.copy_from_slice(&table[index[at] as usize * width + skip..][..here.len()]);
            (y, at, skip) = (rest, at + 1, 0);
        }
    });
}
