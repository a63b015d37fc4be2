//! Softmax and its logarithm over the last axis: `softmax(x) = exp(x - max x) / sum exp(x - max x)`; subtracting the
//! largest value changes nothing but keeps every exponential at most 1.
//!
//! Backward works from the results: `dx = y (dy - sum y dy)`, and `dx = dy - exp(y) sum dy` for the logarithm.

mod causal;
pub(in crate::ops) mod cpu;
mod cuda;
pub(in crate::ops) mod reference;
pub(in crate::ops) mod row;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::Meta;
pub use causal::CausalSoftmax;

/// One op: its row in the table, its definition and its kernel. The rows of x have `size` elements.
macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident($($input:ident),+) = $function:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Op for $name {
            const CUDA: Option<CudaKernel<Self>> = Some(|_, io, cuda| cuda::launch(io, cuda));

            fn parse(_params: &mut Params) -> Result<Self> {
                Ok($name)
            }

            fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
                let first = inputs.float(0)?;
                for index in 1..[$(stringify!($input)),+].len() {
                    inputs.exactly(index, first.dtype, first.shape)?;
                }
                Ok(vec![first])
            }

            fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
                let Meta { shape, dtype } = io.meta(0);
                if shape.is_empty() {
                    return Ok(());
                }
                let mut index = 0..;
                let mut next = || index.next().expect("as many as the op has inputs");
                match dtype {
                    Dtype::F64 => {
                        $(let $input = io.input::<f64>(next());)+
                        reference::$function(shape.last(), $($input,)+ io.output(0));
                    }
                    Dtype::Bf16 => {
                        $(let $input = io.input::<Bf16>(next());)+
                        cpu::$function(context, shape.last(), $($input,)+ io.output(0));
                    }
                    _ => {
                        $(let $input = io.input::<f32>(next());)+
                        cpu::$function(context, shape.last(), $($input,)+ io.output(0));
                    }
                }
                Ok(())
            }
        }
    )*};
}

ops! {
    /// `softmax`
    Softmax(x) = softmax;
    /// `softmax_backward`
    SoftmaxBackward(y, dy) = softmax_backward;
    /// `log_softmax`
    LogSoftmax(x) = log_softmax;
    /// `log_softmax_backward`
    LogSoftmaxBackward(y, dy) = log_softmax_backward;
}
