//! `where`: y is a where the condition is not 0 (NaN is not), else b; all three broadcast by NumPy's rule. What is not
//! taken does not matter, be it NaN or infinite.

mod cuda;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Element;
use crate::error::Result;
use crate::geometry::strided::{Tile, Walk, for_dtype};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape, broadcast};

/// Elements a chunk: 64 KiB an operand of f32.
const CHUNK: usize = 16 * 1024;

pub struct Select;

impl Op for Select {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(Select)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (condition, a) = (inputs.get(0)?, inputs.get(1)?);
        let b = inputs.of(2, a.dtype)?;
        let values = broadcast(inputs.op, a.shape, b.shape)?;
        Ok(vec![Meta::new(broadcast(inputs.op, condition.shape, values)?, a.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let shapes = (io.output_meta(0).shape, [0, 1, 2].map(|input| io.meta(input).shape));
        for_dtype!(io.meta(0).dtype, C => for_dtype!(io.meta(1).dtype, T => {
            run::<C, T>(&context.pool, shapes, io.input(0), [io.input(1), io.input(2)], io.output(0));
        }));
        Ok(())
    }
}

/// Whether a condition holds.
#[inline(always)]
fn holds<C: Element>(condition: C) -> bool {
    condition != C::from_f64(0.0)
}

/// `shapes` are the output's and the inputs'.
fn run<C: Element, T: Element>(
    pool: &ThreadPool,
    shapes: (Shape, [Shape; 3]),
    condition: &[C],
    values: [&[T]; 2],
    y: &mut [T],
) {
    let walk = Walk::broadcast(shapes.0, shapes.1);
    for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
        walk.tiles(chunk * CHUNK, y, |tile, y| {
            for (row, y) in y.chunks_exact_mut(tile.cols).enumerate() {
                let at: [usize; 3] = std::array::from_fn(|n| tile.offset[n] + row * tile.row_stride[n]);
                one_row(&tile, &condition[at[0]..], &values[0][at[1]..], &values[1][at[2]..], y);
            }
        });
    });
}

/// A row of a tile; the usual strides have loops without them.
fn one_row<C: Element, T: Element>(tile: &Tile<3>, condition: &[C], a: &[T], b: &[T], y: &mut [T]) {
    let cols = tile.cols;
    match tile.col_stride {
        [0, stride, _] if holds(condition[0]) => spread(a, stride, y),
        [0, _, stride] => spread(b, stride, y),
        [1, 1, 1] => {
            for (y, ((&holding, &a), &b)) in y.iter_mut().zip(condition.iter().zip(&a[..cols]).zip(&b[..cols])) {
                *y = if holds(holding) { a } else { b };
            }
        }
        [1, 1, 0] => {
            let b = b[0];
            for (y, (&holding, &a)) in y.iter_mut().zip(condition.iter().zip(&a[..cols])) {
                *y = if holds(holding) { a } else { b };
            }
        }
        [1, 0, 1] => {
            let a = a[0];
            for (y, (&holding, &b)) in y.iter_mut().zip(condition.iter().zip(&b[..cols])) {
                *y = if holds(holding) { a } else { b };
            }
        }
        [along, along_a, along_b] => {
            for (i, y) in y.iter_mut().enumerate() {
                *y = if holds(condition[i * along]) { a[i * along_a] } else { b[i * along_b] };
            }
        }
    }
}

/// Values `stride` apart.
fn spread<T: Copy>(x: &[T], stride: usize, y: &mut [T]) {
    match stride {
        0 => y.fill(x[0]),
        _ => y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| *y = x),
    }
}
