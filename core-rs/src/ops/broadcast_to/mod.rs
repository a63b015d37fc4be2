//! `broadcast_to`: y[i] = x[i'], where i' drops leading axes that x lacks and is 0 along its axes of size 1.

pub mod cuda;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::error::{Error, Result};
use crate::geometry::strided::{Walk, for_dtype};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape, broadcast};

/// Elements a chunk.
const CHUNK: usize = 32 * 1024;

pub struct BroadcastTo {
    shape: Shape,
}

impl Op for BroadcastTo {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(BroadcastTo { shape: params.rest_shape("shape")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        // The shape must not give way itself, as in a broadcast of two.
        if broadcast(inputs.op, x.shape, self.shape).ok() != Some(self.shape) {
            return Err(Error::shape(
                inputs.op,
                format!("Expected a shape that {} broadcasts to, got {}", x.shape, self.shape),
            ));
        }
        Ok(vec![Meta::new(self.shape, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let x = io.meta(0);
        for_dtype!(x.dtype, T => run::<T>(&context.pool, x.shape, io.input(0), self.shape, io.output(0)));
        Ok(())
    }
}

fn run<T: Copy + Send + Sync>(pool: &ThreadPool, from: Shape, x: &[T], to: Shape, y: &mut [T]) {
    let walk = Walk::broadcast(to, [from]);
    for_each_chunk_mut(pool, y, CHUNK, |chunk, y| walk.tiles(chunk * CHUNK, y, |tile, y| tile.copy(x, y)));
}
