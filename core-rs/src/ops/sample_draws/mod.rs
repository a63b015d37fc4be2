//! `sample_draws`: random numbers that belong to samples: y[i, j] follows from the seed, the epoch, index[i] and j alone,
//! whatever batch the sample is in. Draw d = first + j takes Philox's numbers u of key (seed, epoch) and counters
//! (index[i], block, 4, d).
//! - uniform: unit(u0) of block 0, in 0..1;
//! - beta: 1 / (1 + exp(ln h - ln g)) with g, h gamma numbers of shapes `a` and `b`, by Marsaglia and
//!   Tsang, "A simple method for generating gamma variables", 2000: attempt t takes block 2 t for g and 2 t + 1 for h. In
//!   logarithms, as both gamma numbers of small shapes are below what f64 holds.

mod cuda;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::random::{normal_pair, philox, unit};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// What tells these draws from others of the same key.
const PURPOSE: u32 = 4;

/// Numbers a chunk.
const CHUNK: usize = 256;

/// The most attempts at a gamma number. One in twenty fails at worst, so the last is never reached.
const ATTEMPTS: u32 = 64;

/// The least `a` and `b` of a beta number: below it the logarithms of both gamma numbers may be -infinity.
const LEAST_SHAPE: f64 = 1e-300;

enum Distribution {
    Uniform,
    Beta([f64; 2]),
}

pub struct SampleDraws {
    seed: u32,
    count: usize,
    first: u32,
    distribution: Distribution,
}

impl Op for SampleDraws {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        let seed = params.u32("seed")? as u32;
        let (count, first) = (params.at_least("count", 1)?, params.u32("first")?);
        if first + count > u32::MAX as usize {
            let message = format!("Expected `first` + `count` below 2^32, got {first} and {count}");
            return Err(Error::argument(params.op(), message));
        }
        let beta = params.bool("beta")?;
        let shapes = [params.f64("a")?, params.f64("b")?];
        if beta && shapes.iter().any(|&shape| shape < LEAST_SHAPE) {
            let message = format!("Expected `a` and `b` from {LEAST_SHAPE:e}, got {} and {}", shapes[0], shapes[1]);
            return Err(Error::argument(params.op(), message));
        }
        let distribution = if beta { Distribution::Beta(shapes) } else { Distribution::Uniform };
        Ok(SampleDraws { seed, count, first: first as u32, distribution })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let index = inputs.ranked(0, Dtype::I32, 1, "[n]")?;
        inputs.exactly(1, Dtype::I32, Shape::scalar())?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[index.shape.len(), self.count])?, Dtype::F32)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        self.run(&context.pool, io.input(0), io.input::<i32>(1)[0], io.output(0));
        Ok(())
    }
}

impl SampleDraws {
    fn run(&self, pool: &ThreadPool, index: &[i32], epoch: i32, y: &mut [f32]) {
        let key = [self.seed, epoch as u32];
        for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
            for (at, y) in y.iter_mut().enumerate() {
                let place = chunk * CHUNK + at;
                let draw = self.first + (place % self.count) as u32;
                let block = |block| philox(key, [index[place / self.count] as u32, block, PURPOSE, draw]);
                *y = match self.distribution {
                    Distribution::Uniform => unit(block(0)[0]),
                    Distribution::Beta([a, b]) => {
                        let (g, h) = (log_gamma(a, |t| block(2 * t)), log_gamma(b, |t| block(2 * t + 1)));
                        1.0 / (1.0 + (h - g).exp())
                    }
                } as f32;
            }
        });
    }
}

/// All 32 bits as a number between 0 and 1, neither of which it is.
fn open_unit(u: u32) -> f64 {
    (f64::from(u) + 0.5) / 4_294_967_296.0
}

/// The logarithm of a gamma number of a shape and scale 1. A shape below 1 is made of the next one: g(a) = g(a + 1) u^(1/a).
fn log_gamma(shape: f64, block: impl Fn(u32) -> [u32; 4]) -> f64 {
    let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    for attempt in 0..ATTEMPTS {
        let [u0, u1, u2, u3] = block(attempt);
        let x = normal_pair(u0, u1)[0];
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        if open_unit(u2).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            let scale = if shape < 1.0 { open_unit(u3).ln() / shape } else { 0.0 };
            return d.ln() + v.ln() + scale;
        }
    }
    d.ln()
}
