//! `slice`: y[i, j, …] = x[start0 + i, start1 + j, …], of the given sizes.

mod cuda;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::error::{Error, Result};
use crate::geometry::strided::{Walk, strides};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Bytes a chunk.
const CHUNK: usize = 128 * 1024;

pub struct Slice {
    starts: Vec<usize>,
    sizes: Vec<usize>,
}

impl Op for Slice {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        let mut starts = params.rest_u32("startsAndSizes")?;
        if starts.len() % 2 != 0 {
            return Err(Error::argument(
                params.op(),
                format!("Expected `startsAndSizes` as a start and a size for every axis, got {} numbers", starts.len()),
            ));
        }
        let sizes = starts.split_off(starts.len() / 2);
        Ok(Slice { starts, sizes })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        let inside = |((&dim, start), size): ((&usize, &usize), &usize)| start + size <= dim;
        if x.shape.rank() != self.starts.len() || !x.shape.dims().iter().zip(&self.starts).zip(&self.sizes).all(inside)
        {
            return Err(Error::shape(
                inputs.op,
                format!("Expected a box inside shape {}, got sizes {:?} from {:?}", x.shape, self.sizes, self.starts),
            ));
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &self.sizes)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let x = io.meta(0);
        self.run(&context.pool, x.shape, x.dtype.size(), io.input_bytes(0), io.output_bytes(0));
        Ok(())
    }
}

impl Slice {
    /// On bytes, of which an element has `width`.
    fn run(&self, pool: &ThreadPool, shape: Shape, width: usize, x: &[u8], y: &mut [u8]) {
        if y.is_empty() {
            return;
        }
        let strides = strides(shape);
        let first = self.starts.iter().zip(strides).map(|(start, stride)| start * stride).sum::<usize>() * width;
        let axes = self.sizes.iter().zip(strides).rev().map(|(&size, stride)| (size, [stride * width]));
        let walk = Walk::new([(width, [1])].into_iter().chain(axes));
        let x = &x[first..];
        for_each_chunk_mut(pool, y, CHUNK, |chunk, y| walk.tiles(chunk * CHUNK, y, |tile, y| tile.copy(x, y)));
    }
}
