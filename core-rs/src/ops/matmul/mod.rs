//! Matrix products of the last two axes: `y[b, i, j] = sum over l of A[b, i, l] B[b, l, j]`, where A is a, or with
//! `transposeA` its last two axes exchanged, and B likewise; without b for ranks 2 and 2.

mod cpu;
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{MatmulShape, Meta, Shape};

/// `matmul`
pub struct Matmul {
    transpose_a: bool,
    transpose_b: bool,
}

impl Matmul {
    fn sizes(&self, op: &'static str, a: Shape, b: Shape) -> Result<MatmulShape> {
        let (batch_a, a_rows, a_cols) = matrices(a);
        let (batch_b, b_rows, b_cols) = matrices(b);
        if a.rank() != b.rank() || batch_a != batch_b {
            return Err(Error::shape(
                op,
                format!("Expected `a` and `b` of one rank and batch, got shapes {a} and {b}"),
            ));
        }
        let (transpose_a, transpose_b) = (self.transpose_a, self.transpose_b);
        let (m, k) = if transpose_a { (a_cols, a_rows) } else { (a_rows, a_cols) };
        let (k_of_b, n) = if transpose_b { (b_cols, b_rows) } else { (b_rows, b_cols) };
        if k != k_of_b {
            let stored = |transposed| if transposed { " transposed" } else { "" };
            return Err(Error::shape(
                op,
                format!(
                    "Expected `b`{} with {k} rows, the columns of `a`{}, got {k_of_b}: shapes {a} and {b}",
                    stored(transpose_b),
                    stored(transpose_a)
                ),
            ));
        }
        Ok(MatmulShape { batch: batch_a, m, n, k, transpose_a, transpose_b })
    }
}

/// Batch, rows and columns as they are stored, of a shape of rank 2 or 3.
fn matrices(shape: Shape) -> (usize, usize, usize) {
    match *shape.dims() {
        [batch, rows, cols] => (batch, rows, cols),
        [rows, cols] => (1, rows, cols),
        _ => unreachable!("the rank was checked"),
    }
}

impl Op for Matmul {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::run);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Matmul { transpose_a: params.bool("transposeA")?, transpose_b: params.bool("transposeB")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let a = inputs.float(0)?;
        let b = inputs.of(1, a.dtype)?;
        for (index, meta) in [a, b].iter().enumerate() {
            if ![2, 3].contains(&meta.shape.rank()) {
                return Err(Error::shape(
                    inputs.op,
                    format!(
                        "Expected `{}` with 2 axes [rows, cols] or 3 [batch, rows, cols], got shape {}",
                        inputs.name(index),
                        meta.shape
                    ),
                ));
            }
        }
        let s = self.sizes(inputs.op, a.shape, b.shape)?;
        let dims = [s.batch, s.m, s.n];
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims[3 - a.shape.rank()..])?, a.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("matmul", io.meta(0).shape, io.meta(1).shape)?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::run::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => {
                cpu::run::<Bf16>(context.isa, &context.pool, &sizes, io.input(0), io.input(1), io.output(0));
            }
            _ => cpu::run::<f32>(context.isa, &context.pool, &sizes, io.input(0), io.input(1), io.output(0)),
        }
        Ok(())
    }
}
