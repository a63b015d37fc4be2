//! Group normalisation (Wu and He 2018, <https://arxiv.org/abs/1803.08494>), x [n, .., c] taken as
//! [n, positions, groups, size]: `y = weight xhat + bias`, `xhat = (x - mean) rstd`, `rstd = 1 / sqrt(variance + eps)`,
//! mean and biased variance being those of the positions x size values of a sample and group, weight and bias having one
//! value a channel (1 and 0 where they are absent). With one position and one group, so rows [n, c], it is layer
//! normalisation (Ba, Kiros and Hinton 2016, <https://arxiv.org/abs/1607.06450>).
//!
//! Backward, the means being over a sample and group and the sums over samples and positions:
//! `dx = rstd (g - mean g - xhat mean (g xhat))` with `g = weight dy`, `dweight = sum dy xhat`, `dbias = sum dy`.

mod cpu;
mod cuda;
mod images;
mod reference;
mod rows;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype, Stored};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Sizes of x, taken as [n, positions, groups, size].
#[derive(Clone, Copy, Debug)]
struct Sizes {
    n: usize,
    positions: usize,
    groups: usize,
    size: usize,
}

impl Sizes {
    /// Of an x [n, .., c] whose channels the groups divide.
    fn new(x: Shape, groups: usize) -> Sizes {
        let dims = x.dims();
        let positions = dims[1..dims.len() - 1].iter().product();
        Sizes { n: dims[0], positions, groups, size: x.last() / groups }
    }

    fn channels(&self) -> usize {
        self.groups * self.size
    }

    /// Elements of a sample.
    fn sample(&self) -> usize {
        self.positions * self.channels()
    }

    /// Values that share a mean.
    fn count(&self) -> usize {
        self.positions * self.size
    }
}

/// Checks x, the input `index`, and gives the shapes [c] of vectors and [n, groups] of statistics.
fn check(inputs: &Inputs, index: usize, groups: usize) -> Result<(Meta, [Shape; 2])> {
    let (op, x) = (inputs.op, inputs.float(index)?);
    if x.shape.rank() < 2 {
        let message = format!("Expected `x` with at least 2 axes [n, .., c], got shape {}", x.shape);
        return Err(Error::shape(op, message));
    }
    if !x.shape.last().is_multiple_of(groups) {
        let message =
            format!("Expected channels that {groups} groups divide, got {} (shape {})", x.shape.last(), x.shape);
        return Err(Error::shape(op, message));
    }
    let s = Sizes::new(x.shape, groups);
    if s.count() == 0 {
        return Err(Error::shape(op, format!("Expected at least one value a group, got none (shape {})", x.shape)));
    }
    Ok((x, [Shape::new(op, &[s.channels()])?, Shape::new(op, &[s.n, s.groups])?]))
}

/// `group_norm`
pub struct GroupNorm {
    groups: usize,
    eps: f64,
}

impl Op for GroupNorm {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(GroupNorm { groups: params.at_least("groups", 1)?, eps: params.within("eps", 0.0, f64::MAX)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (x, [channels, statistics]) = check(inputs, 0, self.groups)?;
        let wide = x.dtype.wide();
        inputs.exactly_if_there(1, wide, channels)?;
        inputs.exactly_if_there(2, wide, channels)?;
        let statistics = Meta::new(statistics, wide);
        Ok(vec![x, statistics, statistics])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        fn run<S: Stored>(s: &Sizes, eps: f64, io: &Io, context: &CpuContext) {
            let (vectors, statistics) = ([io.optional(1), io.optional(2)], [io.output(1), io.output(2)]);
            cpu::forward::<S>(context, s, eps, io.input(0), vectors, io.output(0), statistics);
        }
        let s = Sizes::new(io.meta(0).shape, self.groups);
        match io.meta(0).dtype {
            Dtype::F64 => {
                let vectors = [io.optional::<f64>(1), io.optional(2)];
                reference::forward(&s, self.eps, io.input(0), vectors, io.output(0), [io.output(1), io.output(2)]);
            }
            Dtype::Bf16 => run::<Bf16>(&s, self.eps, io, context),
            _ => run::<f32>(&s, self.eps, io, context),
        }
        Ok(())
    }
}

/// `group_norm_backward`
pub struct GroupNormBackward {
    groups: usize,
}

impl Op for GroupNormBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(GroupNormBackward { groups: params.at_least("groups", 1)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (x, [channels, statistics]) = check(inputs, 1, self.groups)?;
        let wide = x.dtype.wide();
        inputs.exactly(0, x.dtype, x.shape)?;
        inputs.exactly(2, wide, statistics)?;
        inputs.exactly(3, wide, statistics)?;
        inputs.exactly_if_there(4, wide, channels)?;
        let vector = Meta::new(channels, wide);
        Ok(vec![x, vector, vector])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        fn run<S: Stored>(s: &Sizes, io: &Io, context: &CpuContext) {
            let (statistics, gradients) = ([io.input(2), io.input(3)], [io.output(1), io.output(2)]);
            let inputs = [io.input::<S>(0), io.input(1)];
            cpu::backward(context, s, inputs, statistics, io.optional(4), io.output(0), gradients);
        }
        let s = Sizes::new(io.meta(1).shape, self.groups);
        match io.meta(1).dtype {
            Dtype::F64 => {
                let inputs = [0, 1, 2, 3].map(|index| io.input::<f64>(index));
                reference::backward(&s, inputs, io.optional(4), [io.output(0), io.output(1), io.output(2)]);
            }
            Dtype::Bf16 => run::<Bf16>(&s, io, context),
            _ => run::<f32>(&s, io, context),
        }
        Ok(())
    }
}
