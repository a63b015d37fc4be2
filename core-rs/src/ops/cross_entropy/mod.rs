//! Cross entropy of logits, the mean over n rows of `-sum q log softmax(logits)` with smoothed targets
//! `q = (1 - s) target + s / classes` (Szegedy 2016, <https://arxiv.org/abs/1512.00567>); a label stands for the target
//! that is 1 there and 0 elsewhere.
//!
//! Target weights, the loss and its gradient are f32 where the logits are bf16.
//!
//! Backward: `dlogits = dloss / n (softmax(logits) sum q - q)`.

mod cpu;
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype, Float, Stored};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// What each row of logits should be.
#[derive(Clone, Copy)]
enum Target<'a, T> {
    /// [n], each a class
    Labels(&'a [i32]),
    /// [n, classes]
    Weights(&'a [T]),
}

impl<'a, T: Float> Target<'a, T> {
    /// The target of an op; a label that is no class is an error.
    fn of(op: &'static str, io: &Io<'a>, classes: usize) -> Result<Target<'a, T>> {
        if io.meta(1).dtype != Dtype::I32 {
            return Ok(Target::Weights(io.input(1)));
        }
        let labels = io.input::<i32>(1);
        check_labels(op, labels, classes)?;
        Ok(Target::Labels(labels))
    }
}

fn check_labels(op: &'static str, labels: &[i32], classes: usize) -> Result<()> {
    let bad =
        labels.iter().enumerate().find(|(_, label)| usize::try_from(**label).map_or(true, |label| label >= classes));
    bad.map_or(Ok(()), |(row, label)| Err(Error::argument(op, describe_label(*label, row, classes))))
}

/// A label that is no class.
fn describe_label(label: i32, row: usize, classes: usize) -> String {
    format!("Expected labels from 0 to {} ({classes} classes), got {label} in row {row}", classes - 1)
}

/// Checks logits and target; gives the logits.
fn check(inputs: &Inputs) -> Result<Meta> {
    let logits = inputs.float(0)?;
    inputs.rank(0, 2, "[n, classes]")?;
    if logits.shape.is_empty() {
        return Err(Error::shape(
            inputs.op,
            format!("Expected `logits` with at least one row and one class, got shape {}", logits.shape),
        ));
    }
    let rows = Shape::new(inputs.op, &logits.shape.dims()[..1])?;
    match inputs.get(1)?.dtype {
        Dtype::I32 => inputs.exactly(1, Dtype::I32, rows)?,
        dtype if dtype == logits.dtype.wide() => inputs.exactly(1, dtype, logits.shape)?,
        dtype => {
            return Err(Error::dtype(
                inputs.op,
                format!(
                    "Expected `target` as labels of dtype i32 or weights of dtype {}, got {dtype}",
                    logits.dtype.wide()
                ),
            ));
        }
    }
    Ok(logits)
}

fn parse_smoothing(params: &mut Params) -> Result<f64> {
    params.within("labelSmoothing", 0.0, 1.0)
}

/// `cross_entropy`
pub struct CrossEntropy {
    smoothing: f64,
}

impl Op for CrossEntropy {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(CrossEntropy { smoothing: parse_smoothing(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let logits = check(inputs)?;
        Ok(vec![Meta::new(Shape::scalar(), logits.dtype.wide())])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let op = "cross_entropy";
        let Meta { shape, dtype } = io.meta(0);
        let classes = shape.last();
        match dtype {
            Dtype::F64 => {
                let target = Target::<f64>::of(op, io, classes)?;
                io.output(0)[0] = reference::forward(self.smoothing, classes, io.input(0), target);
            }
            Dtype::Bf16 => self.run::<Bf16>(op, io, context)?,
            _ => self.run::<f32>(op, io, context)?,
        }
        Ok(())
    }
}

impl CrossEntropy {
    fn run<S: Stored>(&self, op: &'static str, io: &Io, context: &CpuContext) -> Result<()> {
        let classes = io.meta(0).shape.last();
        let target = Target::of(op, io, classes)?;
        io.output(0)[0] = cpu::forward::<S>(context, self.smoothing, classes, io.input(0), target);
        Ok(())
    }
}

/// `cross_entropy_backward`
pub struct CrossEntropyBackward {
    smoothing: f64,
}

impl Op for CrossEntropyBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(CrossEntropyBackward { smoothing: parse_smoothing(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let logits = check(inputs)?;
        inputs.exactly(2, logits.dtype.wide(), Shape::scalar())?;
        Ok(vec![logits])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let op = "cross_entropy_backward";
        let Meta { shape, dtype } = io.meta(0);
        let classes = shape.last();
        match dtype {
            Dtype::F64 => {
                let target = Target::<f64>::of(op, io, classes)?;
                let dloss = io.input::<f64>(2)[0];
                reference::backward(self.smoothing, classes, io.input(0), target, dloss, io.output(0));
            }
            Dtype::Bf16 => self.run::<Bf16>(op, io, context)?,
            _ => self.run::<f32>(op, io, context)?,
        }
        Ok(())
    }
}

impl CrossEntropyBackward {
    fn run<S: Stored>(&self, op: &'static str, io: &Io, context: &CpuContext) -> Result<()> {
        let classes = io.meta(0).shape.last();
        let (target, dloss) = (Target::of(op, io, classes)?, io.input(2)[0]);
        cpu::backward::<S>(context, self.smoothing, classes, io.input(0), target, dloss, io.output(0));
        Ok(())
    }
}
