//! `pad`: y[i, j, …] = x[i - before0, j - before1, …] where that is inside x, else the value.

mod cuda;
#[cfg(test)]
mod tests;

use super::fill::check_value;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements a chunk.
const CHUNK: usize = 32 * 1024;

pub struct Pad {
    value: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Op for Pad {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        let value = params.f64("value")?;
        let mut before = params.rest_u32("beforeAndAfter")?;
        if before.len() % 2 != 0 {
            return Err(Error::argument(
                params.op(),
                format!("Expected `beforeAndAfter` as two counts for every axis, got {} numbers", before.len()),
            ));
        }
        let after = before.split_off(before.len() / 2);
        Ok(Pad { value, before, after })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        check_value(inputs.op, self.value, x.dtype)?;
        if x.shape.rank() != self.before.len() {
            return Err(Error::shape(
                inputs.op,
                format!(
                    "Expected `x` with {} axes, as there are counts before, got shape {}",
                    self.before.len(),
                    x.shape
                ),
            ));
        }
        let counts = self.before.iter().zip(&self.after);
        let dims: Vec<usize> = x.shape.dims().iter().zip(counts).map(|(x, (b, a))| x.saturating_add(b + a)).collect();
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let (x, y) = (io.meta(0), io.output_meta(0));
        for_dtype!(x.dtype, T => {
            self.run::<T>(&context.pool, x.shape, io.input(0), y.shape, io.output(0));
        });
        Ok(())
    }
}

impl Pad {
    fn run<T: Element>(&self, pool: &ThreadPool, from: Shape, x: &[T], to: Shape, y: &mut [T]) {
        let (value, cols) = (T::from_f64(self.value), to.last());
        let (x_cols, left) = (from.last(), self.before.last().copied().unwrap_or(0));
        for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
            y.fill(value);
            let range = chunk * CHUNK..chunk * CHUNK + y.len();
            for row in range.start / cols..range.end.div_ceil(cols) {
                let Some(x_row) = self.row(from, to, row) else { continue };
                // The row's part inside x, in elements of the whole of y.
                let inside = row * cols + left..row * cols + left + x_cols;
                let (start, end) = (inside.start.max(range.start), inside.end.min(range.end));
                if start < end {
                    let source = x_row * x_cols + start - inside.start;
                    y[start - range.start..end - range.start].copy_from_slice(&x[source..source + end - start]);
                }
            }
        });
    }

    /// The row of x (all axes but the last) that a row of y comes from.
    fn row(&self, from: Shape, to: Shape, mut row: usize) -> Option<usize> {
        let (mut x_row, mut size) = (0, 1);
        for axis in (0..to.rank().saturating_sub(1)).rev() {
            let dim = from.dims()[axis];
            let index = (row % to.dims()[axis]).checked_sub(self.before[axis]).filter(|&index| index < dim)?;
            row /= to.dims()[axis];
            x_row += index * size;
            size *= dim;
        }
        Some(x_row)
    }
}
