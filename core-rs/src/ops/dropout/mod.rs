//! Noise that a network is trained with. `draw` is i32 [3]: seed, layer, and the draw's number d (`draw_counter`). Philox's
//! numbers u have the key (seed, layer); with keep(u) where unit(u) >= p and scale = 1 / (1 - p):
//! - `dropout`: y[4 g + i] = keep(u_i) ? scale x[4 g + i] : 0, u of counter (g low, d, 5, g high) (Srivastava 2014);
//! - `stochastic_depth`: y[r, …] = keep(u_0) ? scale x[r, …] : 0, u of counter (r, d, 6, 0) (Huang 2016).
//!
//! Both are linear in x, so the gradient is the op itself on dy with the same draw.

mod cpu;
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use super::draw_counter::DRAW;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::{Error, Result};
use crate::random::below_share;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// What tells the draws of the two ops from others of the same key.
const ELEMENTS: u32 = 5;
const ROWS: u32 = 6;

/// Which share is dropped.
#[derive(Clone, Copy, Debug)]
struct Share {
    p: f64,
}

impl Share {
    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Share { p: params.within("p", 0.0, 1.0)? })
    }

    /// Dropped where the upper 24 bits are below it.
    fn limit(self) -> u32 {
        below_share(self.p)
    }

    /// What is kept is multiplied by it; of p 1 nothing is.
    fn scale(self) -> f64 {
        if self.p < 1.0 { 1.0 / (1.0 - self.p) } else { 0.0 }
    }
}

/// One draw: key and number.
#[derive(Clone, Copy, Debug)]
struct Draw {
    key: [u32; 2],
    number: u32,
}

impl Draw {
    fn read(draw: &[i32]) -> Draw {
        Draw { key: [draw[0] as u32, draw[1] as u32], number: draw[2] as u32 }
    }
}

/// The shape rule of both.
fn outputs(inputs: &Inputs) -> Result<Vec<Meta>> {
    let x = inputs.float(0)?;
    inputs.exactly(1, Dtype::I32, Shape::new(inputs.op, &[DRAW])?)?;
    Ok(vec![x])
}

/// `dropout`
pub struct Dropout(Share);

impl Op for Dropout {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::dropout);

    fn parse(params: &mut Params) -> Result<Self> {
        Share::parse(params).map(Dropout)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        outputs(inputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let (isa, pool, draw) = (context.isa, &context.pool, Draw::read(io.input(1)));
        match io.meta(0).dtype {
            Dtype::F64 => reference::dropout::<f64>(self.0, draw, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::dropout::<Bf16>(isa, pool, self.0, draw, io.input(0), io.output(0)),
            _ => cpu::dropout::<f32>(isa, pool, self.0, draw, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `stochastic_depth`
pub struct StochasticDepth(Share);

impl Op for StochasticDepth {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::stochastic_depth);

    fn parse(params: &mut Params) -> Result<Self> {
        Share::parse(params).map(StochasticDepth)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        if inputs.get(0)?.shape.rank() == 0 {
            return Err(Error::shape(inputs.op, "Expected `x` with an axis of samples [n, …], got shape []"));
        }
        outputs(inputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let (rows, draw) = (io.meta(0).shape.dims()[0], Draw::read(io.input(1)));
        let (isa, pool) = (context.isa, &context.pool);
        match io.meta(0).dtype {
            Dtype::F64 => reference::stochastic_depth::<f64>(self.0, draw, rows, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::stochastic_depth::<Bf16>(isa, pool, self.0, draw, rows, io.input(0), io.output(0)),
            _ => cpu::stochastic_depth::<f32>(isa, pool, self.0, draw, rows, io.input(0), io.output(0)),
        }
        Ok(())
    }
}
