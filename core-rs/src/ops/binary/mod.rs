//! Element-wise ops with two inputs, which broadcast by NumPy's rule: arithmetic ([`Binary`]) and comparisons
//! ([`Compare`], 1 where it holds and 0 elsewhere). Each is a line in `functions.rs`.

mod cpu;
pub mod cuda;
mod functions;
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::dtype::{Bf16, Dtype, Element, Float, Stored};
use crate::error::{Error, Result};
use crate::geometry::strided::Tile;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape, broadcast};
pub use functions::*;
use std::marker::PhantomData;

/// A function of two numbers.
pub trait Function: Send + Sync + 'static {
    /// The definition.
    fn value<T: Float>(a: T, b: T) -> T;

    /// A tile of the output, vectorised.
    fn tile<S: Stored>(isa: Isa, tile: &Tile<2>, a: &[S], b: &[S], y: &mut [S]);
}

/// A statement about two values.
pub trait Predicate: Send + Sync + 'static {
    /// The definition.
    fn holds<T: Element>(a: T, b: T) -> bool;

    /// A tile of the output, vectorised.
    fn tile<S: Stored>(isa: Isa, tile: &Tile<2>, a: &[S], b: &[S], y: &mut [f32]);
}

/// The op of a [`Function`].
pub struct Binary<F>(PhantomData<F>);

impl<F: Function> Op for Binary<F> {
    const CUDA: Option<CudaKernel<Self>> = Some(|_, io, context| cuda::forward(io, context));

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(Binary(PhantomData))
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let a = inputs.float(0)?;
        let b = inputs.of(1, a.dtype)?;
        Ok(vec![Meta::new(broadcast(inputs.op, a.shape, b.shape)?, a.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let shapes = (io.output_meta(0).shape, [io.meta(0).shape, io.meta(1).shape]);
        match io.meta(0).dtype {
            Dtype::F64 => reference::run::<f64, f64>(shapes, io.input(0), io.input(1), io.output(0), F::value),
            Dtype::Bf16 => Self::run::<Bf16>(shapes, io, context),
            _ => Self::run::<f32>(shapes, io, context),
        }
        Ok(())
    }
}

impl<F: Function> Binary<F> {
    fn run<S: Stored>(shapes: (Shape, [Shape; 2]), io: &Io, context: &CpuContext) {
        cpu::run::<S, S>(&context.pool, shapes, io.input(0), io.input(1), io.output(0), |tile, a, b, y| {
            F::tile(context.isa, tile, a, b, y);
        });
    }
}

/// The op of a [`Predicate`].
pub struct Compare<P>(PhantomData<P>);

impl<P: Predicate> Op for Compare<P> {
    const CUDA: Option<CudaKernel<Self>> = Some(|_, io, context| cuda::forward(io, context));

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(Compare(PhantomData))
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let a = inputs.get(0)?;
        if a.dtype == Dtype::U8 {
            let message = format!("Expected `a` of dtype f32, bf16, f64 or i32, got {}: to() converts", a.dtype);
            return Err(Error::dtype(inputs.op, message));
        }
        let b = inputs.of(1, a.dtype)?;
        let dtype = if a.dtype == Dtype::F64 { Dtype::F64 } else { Dtype::F32 };
        Ok(vec![Meta::new(broadcast(inputs.op, a.shape, b.shape)?, dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let shapes = (io.output_meta(0).shape, [io.meta(0).shape, io.meta(1).shape]);
        match io.meta(0).dtype {
            Dtype::F64 => reference::run(shapes, io.input(0), io.input(1), io.output(0), truth::<P, f64, f64>),
            Dtype::I32 => cpu::run(&context.pool, shapes, io.input(0), io.input(1), io.output(0), |tile, a, b, y| {
                cpu::tile(tile, a, b, y, truth::<P, i32, f32>);
            }),
            Dtype::Bf16 => Self::run::<Bf16>(shapes, io, context),
            _ => Self::run::<f32>(shapes, io, context),
        }
        Ok(())
    }
}

impl<P: Predicate> Compare<P> {
    fn run<S: Stored>(shapes: (Shape, [Shape; 2]), io: &Io, context: &CpuContext) {
        cpu::run::<S, f32>(&context.pool, shapes, io.input(0), io.input(1), io.output(0), |tile, a, b, y| {
            P::tile(context.isa, tile, a, b, y);
        });
    }
}

/// 1 where the predicate holds, else 0.
#[inline(always)]
fn truth<P: Predicate, T: Element, U: Float>(a: T, b: T) -> U {
    if P::holds(a, b) { U::ONE } else { U::ZERO }
}
