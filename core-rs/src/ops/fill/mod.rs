//! `fill` (in place) and `full` (a new tensor): one value everywhere.

pub mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements a chunk.
const CHUNK: usize = 64 * 1024;

/// `fill`
pub struct Fill {
    value: f64,
}

impl Op for Fill {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::fill);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Fill { value: params.f64("value")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        check_value(inputs.op, self.value, inputs.get(0)?.dtype)?;
        Ok(vec![])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(io.meta(0).dtype, T => run::<T>(&context.pool, self.value, io.in_place(0)));
        Ok(())
    }
}

/// `full`
pub struct Full {
    meta: Meta,
    value: f64,
}

impl Op for Full {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::full);

    fn parse(params: &mut Params) -> Result<Self> {
        let (dtype, value) = (params.dtype("dtype")?, params.f64("value")?);
        check_value(params.op(), value, dtype)?;
        let shape: Shape = params.rest_shape("shape")?;
        Ok(Full { meta: Meta::new(shape, dtype), value })
    }

    fn outputs(&self, _inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![self.meta])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.meta.dtype, T => run::<T>(&context.pool, self.value, io.output(0)));
        Ok(())
    }
}

/// Fails if a dtype cannot hold the value: a fraction or too large a number in integers, an overflow in f32.
pub fn check_value(op: &'static str, value: f64, dtype: Dtype) -> Result<()> {
    let held = for_dtype!(dtype, T => T::from_f64(value).to_f64());
    if !held.is_finite() || !dtype.is_float() && held != value {
        return Err(Error::argument(op, format!("Expected `value` as a number that {dtype} can hold, got {value}")));
    }
    Ok(())
}

fn run<T: Element>(pool: &ThreadPool, value: f64, y: &mut [T]) {
    let value = T::from_f64(value);
    for_each_chunk_mut(pool, y, CHUNK, |_, y| y.fill(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_must_fit_the_dtype() {
        for (value, dtype) in [(0.1, Dtype::F32), (1e300, Dtype::F64), (-12.0, Dtype::I32), (255.0, Dtype::U8)] {
            assert!(check_value("op", value, dtype).is_ok());
        }
        for (value, dtype) in [(1e300, Dtype::F32), (0.5, Dtype::I32), (-1.0, Dtype::U8), (256.0, Dtype::U8)] {
            assert!(check_value("op", value, dtype).is_err());
        }
    }

    #[test]
    fn every_element_is_written() {
        let mut y = vec![0u8; 2 * CHUNK + 3];
        run(&ThreadPool::new(2), 9.0, &mut y);
        assert!(y.iter().all(|&y| y == 9));
    }
}
