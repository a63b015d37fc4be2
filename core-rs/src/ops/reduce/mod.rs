//! Reductions over any axes, `y[k] = fold over r of x[k, r]` ([`Reduce`] with [`Sum`], [`Mean`], [`Max`] or
//! [`Min`]), and [`Argmax`] along one axis. Totals are kept in f64.

mod argmax;
mod cpu;
mod cuda;
mod folds;
mod layout;
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::dtype::{Bf16, Dtype, Float, Stored};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{MAX_RANK, Meta, Shape};
pub use argmax::Argmax;
pub use folds::{Max, Mean, Min, Sum};
use layout::Layout;
use std::marker::PhantomData;
use std::ops::Range;

/// What a reduction does with its values.
pub trait Fold: Send + Sync + 'static {
    /// What changes no total.
    const IDENTITY: f64;

    /// Whether it has a value for no elements at all.
    const OF_NONE: bool;

    fn join<T: Float>(a: T, b: T) -> T;

    /// In the names of the kernels that fold on the GPU.
    const KERNEL: &'static str;

    /// What the total of `count` elements is divided by.
    fn divisor(count: usize) -> f64;

    /// The result, from the total of `count` elements.
    fn finish(total: f64, count: usize) -> f64 {
        total / Self::divisor(count)
    }

    /// The totals, over the `rows` of the reduced axis, of the outputs from `first` on, vectorised.
    fn totals<S: Stored>(isa: Isa, layout: &Layout, x: &[S], rows: Range<usize>, first: usize, totals: &mut [f64]);
}

/// The op of a [`Fold`].
pub struct Reduce<F> {
    keep_dims: bool,
    /// None: all of them.
    axes: Vec<usize>,
    fold: PhantomData<F>,
}

impl<F: Fold> Reduce<F> {
    /// Which axes are reduced.
    fn reduced(&self, rank: usize) -> [bool; MAX_RANK] {
        std::array::from_fn(|axis| axis < rank && (self.axes.is_empty() || self.axes.contains(&axis)))
    }
}

impl<F: Fold> Op for Reduce<F> {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::reduce);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Reduce { keep_dims: params.bool("keepDims")?, axes: params.rest_u32("axes")?, fold: PhantomData })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        let (op, rank) = (inputs.op, x.shape.rank());
        for (i, axis) in self.axes.iter().enumerate() {
            if *axis >= rank || self.axes[..i].contains(axis) {
                let message = format!("Expected `axes` as different axes of shape {}, got {:?}", x.shape, self.axes);
                return Err(Error::argument(op, message));
            }
        }
        let reduced = self.reduced(rank);
        let mut dims = Vec::with_capacity(rank);
        for (axis, &dim) in x.shape.dims().iter().enumerate() {
            match reduced[axis] {
                true if self.keep_dims => dims.push(1),
                true => {}
                false => dims.push(dim),
            }
        }
        let shape = Shape::new(op, &dims)?;
        if x.shape.is_empty() && !shape.is_empty() && !F::OF_NONE {
            return Err(Error::shape(op, format!("Expected at least one element to reduce, got shape {}", x.shape)));
        }
        Ok(vec![Meta::new(shape, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let Meta { shape, dtype } = io.meta(0);
        match dtype {
            Dtype::F64 => {
                let reduced = self.reduced(shape.rank());
                reference::run::<F, f64>(&context.pool, shape, reduced, io.input(0), io.output(0));
            }
            Dtype::Bf16 => self.run::<Bf16>(shape, io, context),
            _ => self.run::<f32>(shape, io, context),
        }
        Ok(())
    }
}

impl<F: Fold> Reduce<F> {
    fn run<S: Stored>(&self, shape: Shape, io: &Io, context: &CpuContext) {
        let reduced = self.reduced(shape.rank());
        match Layout::new(shape, reduced) {
            Some(layout) => cpu::run::<F, S>(context.isa, &context.pool, &layout, io.input(0), io.output(0)),
            None => reference::run::<F, S>(&context.pool, shape, reduced, io.input(0), io.output(0)),
        }
    }
}
