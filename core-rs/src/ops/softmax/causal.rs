//! `causal_softmax`: x [.., L, S] as scores of L queries for S keys, of which query i sees keys 0 to i:
//! `y[i, j] = exp(x[i, j]) / sum over k up to i of exp(x[i, k])` for j up to i, else 0. Its gradient is that of softmax, as
//! what a query does not see has y = 0.

use super::cpu::chunk;
use super::{cuda, reference, row};
use crate::cpu::CpuContext;
use crate::cpu::convert::in_f32;
use crate::cpu::math;
use crate::cpu::pool::for_each_chunk_mut;
use crate::dtype::{Bf16, Dtype, Float, Stored};
use crate::error::{Error, Result};
use crate::ops::{CudaKernel, Inputs, Op, Params};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// `causal_softmax`
pub struct CausalSoftmax;

impl Op for CausalSoftmax {
    const CUDA: Option<CudaKernel<Self>> = Some(|_, io, cuda| cuda::launch(io, cuda));

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(CausalSoftmax)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        if x.shape.rank() < 2 {
            let message = format!("Expected `x` with at least 2 axes [.., queries, keys], got shape {}", x.shape);
            return Err(Error::shape(inputs.op, message));
        }
        Ok(vec![x])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let Meta { shape, dtype } = io.meta(0);
        if shape.is_empty() {
            return Ok(());
        }
        let (size, queries) = (shape.last(), shape.dims()[shape.rank() - 2]);
        match dtype {
            Dtype::F64 => define::<f64>(size, queries, io.input(0), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(context, size, queries, io.input(0), io.output(0)),
            _ => run::<f32>(context, size, queries, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// How many keys the query of a row sees.
fn seen(row: usize, queries: usize, size: usize) -> usize {
    (row % queries + 1).min(size)
}

/// The definition.
pub(super) fn define<T: Float>(size: usize, queries: usize, x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for (i, (x, y)) in x.chunks(size).zip(y.chunks_mut(size)).enumerate() {
        let seen = seen(i, queries, size);
        reference::softmax(seen, &x[..seen], &mut y[..seen]);
    }
}

pub(super) fn run<S: Stored>(context: &CpuContext, size: usize, queries: usize, x: &[S], y: &mut [S]) {
    let chunk = chunk(size);
    for_each_chunk_mut(&context.pool, y, chunk, |i, y| {
        in_f32(context.isa, [&x[i * chunk..][..y.len()]], y, |[x], y| {
            rows(context.isa, size, queries, i * (chunk / size), x, y);
        });
    });
}

multiversion! {
    fn rows<A>(size: usize, queries: usize, first: usize, x: &[f32], y: &mut [f32]) {
        for (i, (x, y)) in x.chunks(size).zip(y.chunks_mut(size)).enumerate() {
            let seen = seen(first + i, queries, size);
            let (x, (y, unseen)) = (&x[..seen], y.split_at_mut(seen));
            let max = row::max(x);
            row::map(x, y, |x| math::exp::<A>(x - max));
            let scale = (1.0 / row::sum(y, 0.0, |e| e)) as f32;
            y.iter_mut().for_each(|y| *y *= scale);
            unseen.fill(0.0);
        }
    }
}
