//! Nothing to compute: a late error where a value is not finite, so that what follows is skipped.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype, Element};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// `assert_finite`
pub struct AssertFinite;

impl Op for AssertFinite {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::launch);

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(AssertFinite)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        inputs.float(0)?;
        Ok(Vec::new())
    }

    fn cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        match io.meta(0).dtype {
            Dtype::F64 => check(io.input::<f64>(0)),
            Dtype::Bf16 => check(io.input::<Bf16>(0)),
            _ => check(io.input::<f32>(0)),
        }
    }
}

fn check<T: Element>(values: &[T]) -> Result<()> {
    match values.iter().position(|value| !value.to_f64().is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::argument("assert_finite", describe(values[index], index))),
    }
}

/// A value that is not finite.
fn describe<T: Element>(value: T, index: usize) -> String {
    format!("Expected finite values, got {value:?} as value {index}: lower the learning rate, or look at the data")
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_infinite_values_and_nan_are_refused() {
        assert!(check(&[0.0f32, -1e38, f32::MIN_POSITIVE]).is_ok());
        assert!(check::<f64>(&[]).is_ok());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let message = check(&[1.0, bad]).unwrap_err().to_string();
            assert!(message.contains("as value 1"), "{message}");
        }
    }
}
