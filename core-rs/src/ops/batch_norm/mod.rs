//! Batch normalisation with the activation and residual that follow it, x [.., c] taken as M rows of c channels:
//! `y = activation(z)`, `z = weight (x - mean) rstd + bias + residual`, `rstd = 1 / sqrt(variance + eps)`
//! (Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>), the variance being the biased one.
//!
//! Backward computes z again: `dz = dy activation'(z)`, `dresidual = dz`, `dbias = sum dz`, `dweight = sum dz xhat` and
//! `dx = weight rstd (dz - dbias / M - xhat dweight / M)`, where `xhat = (x - mean) rstd`; with given statistics
//! `dx = weight rstd dz`.

mod backward;
mod cuda;
mod forward;
mod reference;
pub(in crate::ops) mod rows;
mod running;
pub(in crate::ops) mod statistics;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype, Element, Float, Stored};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
pub use running::UpdateRunningStats;

/// The parameters of all four ops.
#[derive(Clone, Copy)]
struct Settings {
    eps: f64,
    activation: Activation,
}

impl Settings {
    fn parse(params: &mut Params) -> Result<Settings> {
        Ok(Settings { eps: params.within("eps", 0.0, f64::MAX)?, activation: params.activation("activation")? })
    }
}

/// x at `index`; checks the inputs `vectors`, one value a channel and f32 beside a bf16 x, and the residual like x.
fn check(inputs: &Inputs, index: usize, vectors: std::ops::Range<usize>, residual: usize) -> Result<Meta> {
    let x = inputs.float(index)?;
    if x.shape.rank() < 2 {
        return Err(Error::shape(
            inputs.op,
            format!("Expected `{}` with at least 2 axes [.., c], got shape {}", inputs.name(index), x.shape),
        ));
    }
    let per_channel = channels(inputs.op, x)?;
    for vector in vectors {
        inputs.exactly(vector, x.dtype.wide(), per_channel)?;
    }
    inputs.exactly_if_there(residual, x.dtype, x.shape)?;
    Ok(x)
}

/// One value a channel.
fn vector(op: &'static str, x: Meta) -> Result<Meta> {
    Ok(Meta::new(channels(op, x)?, x.dtype.wide()))
}

/// The shape [c].
fn channels(op: &'static str, x: Meta) -> Result<Shape> {
    Shape::new(op, &[x.shape.last()])
}

/// Statistics of one value say nothing: every output would be the bias.
fn check_count(op: &'static str, x: Meta) -> Result<()> {
    let count: usize = x.shape.dims()[..x.shape.rank() - 1].iter().product();
    if count < 2 {
        return Err(Error::shape(
            op,
            format!(
                "Expected at least 2 values a channel for statistics of the batch, got {count} (shape {}): use a larger batch, or evaluation mode",
                x.shape
            ),
        ));
    }
    Ok(())
}

/// The outputs of both backward ops: dx, dweight, dbias and, where there is a residual, its gradient.
fn gradients(inputs: &Inputs) -> Result<Vec<Meta>> {
    let x = check(inputs, 1, 2..6, 6)?;
    inputs.exactly(0, x.dtype, x.shape)?;
    let vector = vector(inputs.op, x)?;
    let mut outputs = vec![x, vector, vector];
    outputs.extend(inputs.optional(6));
    Ok(outputs)
}

/// Runs a backward op; `batch` says that the statistics are those of x itself.
fn run_backward(settings: Settings, batch: bool, io: &Io, context: &CpuContext) {
    fn operands<'a, T: Element, V: Element>(io: &Io<'a>) -> reference::Backward<'a, T, V> {
        reference::Backward {
            dy: io.input(0),
            x: io.input(1),
            weight: io.input(2),
            bias: io.input(3),
            mean: io.input(4),
            variance: io.input(5),
            residual: io.optional(6),
            dx: io.output(0),
            dweight: io.output(1),
            dbias: io.output(2),
            dresidual: io.has(6).then(|| io.output(3)),
        }
    }
    match io.meta(1).dtype {
        Dtype::F64 => reference::backward(settings, batch, operands::<f64, f64>(io)),
        Dtype::Bf16 => backward::backward(context, settings, batch, operands::<Bf16, f32>(io)),
        _ => backward::backward(context, settings, batch, operands::<f32, f32>(io)),
    }
}

/// `batch_norm`
pub struct BatchNorm(Settings);

impl Op for BatchNorm {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(BatchNorm)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = check(inputs, 0, 1..3, 3)?;
        check_count(inputs.op, x)?;
        let vector = vector(inputs.op, x)?;
        Ok(vec![x, vector, vector])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        fn run<S: Stored>(settings: Settings, io: &Io, context: &CpuContext) {
            let (x, mean, variance) = (io.input::<S>(0), io.output(1), io.output(2));
            statistics::statistics(context, x, mean, variance);
            let vectors = [io.input(1), io.input(2), mean, variance];
            forward::forward(context, settings, x, vectors, io.optional(3), io.output(0));
        }
        match io.meta(0).dtype {
            Dtype::F64 => {
                let (x, mean, variance) = (io.input::<f64>(0), io.output(1), io.output(2));
                reference::statistics(x, mean, variance);
                reference::forward(self.0, x, [io.input(1), io.input(2), mean, variance], io.optional(3), io.output(0));
            }
            Dtype::Bf16 => run::<Bf16>(self.0, io, context),
            _ => run::<f32>(self.0, io, context),
        }
        Ok(())
    }
}

/// `batch_norm_backward`
pub struct BatchNormBackward(Settings);

impl Op for BatchNormBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(BatchNormBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let outputs = gradients(inputs)?;
        check_count(inputs.op, outputs[0])?;
        Ok(outputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        run_backward(self.0, true, io, context);
        Ok(())
    }
}

/// `batch_norm_eval`
pub struct BatchNormEval(Settings);

impl Op for BatchNormEval {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::eval);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(BatchNormEval)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![check(inputs, 0, 1..5, 5)?])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        fn vectors<'a, T: Float>(io: &Io<'a>) -> [&'a [T]; 4] {
            [io.input(1), io.input(2), io.input(3), io.input(4)]
        }
        match io.meta(0).dtype {
            Dtype::F64 => {
                reference::forward::<f64>(self.0, io.input(0), vectors(io), io.optional(5), io.output(0));
            }
            Dtype::Bf16 => {
                forward::forward::<Bf16>(context, self.0, io.input(0), vectors(io), io.optional(5), io.output(0));
            }
            _ => forward::forward::<f32>(context, self.0, io.input(0), vectors(io), io.optional(5), io.output(0)),
        }
        Ok(())
    }
}

/// `batch_norm_eval_backward`
pub struct BatchNormEvalBackward(Settings);

impl Op for BatchNormEvalBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::eval_backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(BatchNormEvalBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        gradients(inputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        run_backward(self.0, false, io, context);
        Ok(())
    }
}
