//! `concat`: the parts one after the other along an axis.

mod cuda;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Bytes a chunk.
const CHUNK: usize = 128 * 1024;

pub struct Concat {
    axis: usize,
}

/// A part of the output, in bytes.
struct Part<'a> {
    bytes: &'a [u8],
    /// Its share of every row, a row being the axis and those after it.
    width: usize,
}

impl Op for Concat {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Concat { axis: params.u32("axis")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (first, axis) = (inputs.get(0)?, self.axis);
        let mut dims = first.shape.dims().to_vec();
        if axis >= dims.len() {
            let message = format!("Expected `axis` as an axis of shape {}, got {axis}", first.shape);
            return Err(Error::argument(inputs.op, message));
        }
        for index in 1..inputs.count() {
            let part = inputs.of(index, first.dtype)?.shape;
            let mut like = first.shape.dims().to_vec();
            if part.rank() == like.len() {
                like[axis] = part.dims()[axis];
            }
            if part.dims() != like {
                return Err(Error::shape(
                    inputs.op,
                    format!(
                        "Expected `{}` of shape {} but for axis {axis}, got {part}",
                        inputs.name(index),
                        first.shape
                    ),
                ));
            }
            dims[axis] = dims[axis].saturating_add(like[axis]);
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, first.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let y = io.output_bytes(0);
        if y.is_empty() {
            return Ok(());
        }
        let rows = io.output_meta(0).shape.dims()[..self.axis].iter().product::<usize>();
        let parts: Vec<Part> = (0..io.inputs())
            .map(|index| io.input_bytes(index))
            .map(|bytes| Part { bytes, width: bytes.len() / rows })
            .collect();
        run(&context.pool, &parts, y);
        Ok(())
    }
}

fn run(pool: &ThreadPool, parts: &[Part], y: &mut [u8]) {
    let width = parts.iter().map(|part| part.width).sum::<usize>();
    for_each_chunk_mut(pool, y, CHUNK, |chunk, mut y| {
        let (mut row, mut skip) = (chunk * CHUNK / width, chunk * CHUNK % width);
        loop {
            for part in parts {
                if skip >= part.width {
                    skip -= part.width;
                    continue;
                }
                let count = y.len().min(part.width - skip);
                let (here, rest) = y.split_at_mut(count);
                here.copy_from_slice(&part.bytes[row * part.width + skip..][..count]);
                (y, skip) = (rest, 0);
                if y.is_empty() {
                    return;
                }
            }
            row += 1;
        }
    });
}
