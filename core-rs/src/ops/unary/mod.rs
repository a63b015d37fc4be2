//! Element-wise ops: each is a [`Function`] in `functions.rs`, its definition beside its vectorised form.

mod cpu;
pub mod cuda;
mod functions;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::dtype::{Bf16, Dtype, Float, Stored};
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::Meta;
pub use functions::*;

/// A function of one element, or of an element and its upstream gradient.
pub trait Function: Sized + Send + Sync + 'static {
    /// Inputs: 1 (x), or 2 (x, dy).
    const INPUTS: usize;

    fn parse(params: &mut Params) -> Result<Self>;

    /// The op's parameters, for CUDA kernels, which all take two.
    fn numbers(&self) -> [f64; 2] {
        [0.0; 2]
    }

    /// The definition; `dy` is 1 where there is no second input.
    fn value<T: Float>(&self, x: T, dy: T) -> T;

    /// A whole slice, vectorised; `dy` is empty where there is no second input.
    fn slice<S: Stored>(&self, isa: Isa, x: &[S], dy: &[S], y: &mut [S]);
}

/// The op of a [`Function`].
pub struct Elementwise<F>(F);

impl<F: Function> Op for Elementwise<F> {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        F::parse(params).map(Elementwise)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        if F::INPUTS == 2 {
            inputs.exactly(1, x.dtype, x.shape)?;
        }
        Ok(vec![x])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        match io.meta(0).dtype {
            Dtype::F64 => reference::<F, f64>(&self.0, io),
            Dtype::Bf16 => cpu::run::<F, Bf16>(&self.0, io, context),
            _ => cpu::run::<F, f32>(&self.0, io, context),
        }
        Ok(())
    }
}

/// The definition, element by element.
fn reference<F: Function, T: Float>(function: &F, io: &Io) {
    let (x, y) = (io.input::<T>(0), io.output::<T>(0));
    match F::INPUTS {
        1 => y.iter_mut().zip(x).for_each(|(y, &x)| *y = function.value(x, T::ONE)),
        _ => y.iter_mut().zip(x.iter().zip(io.input::<T>(1))).for_each(|(y, (&x, &dy))| *y = function.value(x, dy)),
    }
}
