//! `arange`: y[i] = start + i step, computed in f64 and rounded once.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements a chunk.
const CHUNK: usize = 16 * 1024;

pub struct Arange {
    dtype: Dtype,
    start: f64,
    step: f64,
    count: usize,
}

impl Op for Arange {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        let (dtype, start, step) = (params.dtype("dtype")?, params.f64("start")?, params.f64("step")?);
        let op = Arange { dtype, start, step, count: params.u32("count")? };
        op.check(params.op())?;
        Ok(op)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(Shape::new(inputs.op, &[self.count])?, self.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.dtype, T => self.run::<T>(&context.pool, io.output(0)));
        Ok(())
    }
}

impl Arange {
    fn value(&self, i: usize) -> f64 {
        self.start + i as f64 * self.step
    }

    /// Fails if the dtype cannot hold the first or the last number, or, of integers, those between.
    fn check(&self, op: &'static str) -> Result<()> {
        let whole = self.dtype.is_float() || self.step.fract() == 0.0 || self.count <= 1;
        let ends = [0, self.count.saturating_sub(1)].map(|i| self.value(i));
        let held = |value: f64| {
            let held = for_dtype!(self.dtype, T => T::from_f64(value).to_f64());
            held.is_finite() && (self.dtype.is_float() || held == value)
        };
        if self.count > 0 && !(whole && ends.into_iter().all(held)) {
            let (dtype, [first, last]) = (self.dtype, ends);
            let message =
                format!("Expected numbers that {dtype} can hold, got {first} to {last} in steps of {}", self.step);
            return Err(Error::argument(op, message));
        }
        Ok(())
    }

    fn run<T: Element>(&self, pool: &ThreadPool, y: &mut [T]) {
        for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
            y.iter_mut().enumerate().for_each(|(i, y)| *y = T::from_f64(self.value(chunk * CHUNK + i)));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dtype: Dtype, start: f64, step: f64, count: usize) -> Result<Arange> {
        Arange::parse(&mut Params::new("arange", &[dtype as u32 as f64, start, step, count as f64]))
    }

    #[test]
    fn numbers_follow_in_equal_steps() {
        let mut y = vec![0i32; 2 * CHUNK + 3];
        let count = y.len();
        parse(Dtype::I32, 5.0, -3.0, count).unwrap().run(&ThreadPool::new(2), &mut y);
        assert!(y.iter().enumerate().all(|(i, &y)| y == 5 - 3 * i as i32));
        let mut y = [0.0f32; 11];
        parse(Dtype::F32, 0.0, 0.1, 11).unwrap().run(&ThreadPool::new(1), &mut y);
        assert_eq!((y[3], y[10]), (0.3, 1.0));
    }

    #[test]
    fn numbers_must_fit_the_dtype() {
        for (dtype, start, step, count) in [
            (Dtype::U8, 0.0, 1.0, 257),
            (Dtype::I32, 0.5, 1.0, 1),
            (Dtype::I32, 0.0, 0.5, 3),
            (Dtype::U8, 1.0, -1.0, 3),
            (Dtype::F32, 0.0, 1e38, 9),
        ] {
            let message = parse(dtype, start, step, count).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.starts_with("arange(): Expected numbers that "), "{dtype} {start} {step}: {message:?}");
        }
        assert!(parse(Dtype::U8, 0.0, 1.0, 256).is_ok() && parse(Dtype::U8, -5.0, 0.5, 0).is_ok());
    }
}
