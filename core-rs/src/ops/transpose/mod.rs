//! `transpose`: axis i of y is axis permutation[i] of x.

pub mod cuda;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::error::{Error, Result};
use crate::geometry::strided::{Walk, for_dtype, strides};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements a chunk; or more, up to `MAX_CHUNK`, so that a chunk holds whole blocks of `ROWS` rows.
const CHUNK: usize = 16 * 1024;
const MAX_CHUNK: usize = 512 * 1024;
const ROWS: usize = 16;

pub struct Transpose {
    permutation: Vec<usize>,
}

impl Op for Transpose {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Transpose { permutation: params.rest_u32("permutation")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        let rank = x.shape.rank();
        if self.permutation.len() != rank || (0..rank).any(|axis| !self.permutation.contains(&axis)) {
            return Err(Error::argument(
                inputs.op,
                format!("Expected each axis of shape {} once in `permutation`, got {:?}", x.shape, self.permutation),
            ));
        }
        let dims: Vec<usize> = self.permutation.iter().map(|&axis| x.shape.dims()[axis]).collect();
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let x = io.meta(0);
        for_dtype!(x.dtype, T => self.run::<T>(&context.pool, x.shape, io.input(0), io.output(0)));
        Ok(())
    }
}

impl Transpose {
    fn run<T: Copy + Send + Sync>(&self, pool: &ThreadPool, shape: Shape, x: &[T], y: &mut [T]) {
        let strides = strides(shape);
        let walk = Walk::new(self.permutation.iter().rev().map(|&axis| (shape.dims()[axis], [strides[axis]])));
        let chunk = CHUNK.next_multiple_of(walk.cols().clamp(1, MAX_CHUNK / ROWS) * ROWS);
        for_each_chunk_mut(pool, y, chunk, |at, y| walk.tiles(at * chunk, y, |tile, y| tile.copy(x, y)));
    }
}
