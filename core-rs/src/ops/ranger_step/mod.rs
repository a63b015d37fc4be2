//! Ranger as fastai has it: RAdam (Liu 2020, <https://arxiv.org/abs/1908.03265>) inside Lookahead (Zhang 2019,
//! <https://arxiv.org/abs/1907.08610>), with optional gradient centralisation (Yong 2020,
//! <https://arxiv.org/abs/2004.01461>). Step t with weight decay w, momenta m and s, in this order:
//! 1. centralise, for parameters of more than one axis: `g -= mean of g over all axes but the first`
//! 2. `p *= 1 - lr w`, `a = m a + (1 - m) g`, `v = s v + (1 - s) g^2`
//! 3. `r = r_inf - 2 t s^t / (1 - s^t)`, `r_inf = 2 / (1 - s) - 1`; where r > 5, or always without rectification,
//!    `p -= lr c / (1 - m^t) a / (sqrt(v / (1 - s^t)) + eps)` with
//!    `c = sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r))`, or 1 without rectification;
//!    else `p -= lr / (1 - m^t) a`
//! 4. in every k-th call, `slow += alpha (p - slow)`, `p = slow`; never if k is 0.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cuda::{CudaContext, CudaIo};
use crate::dtype::Float;
use crate::error::Result;
use crate::optimizer::cuda::Settings;
use crate::optimizer::{self, Counts, Piece, Rule, Table};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// `ranger_step`
pub struct RangerStep {
    rule: Ranger,
    table: Table,
}

struct Ranger {
    momentum: f64,
    square_momentum: f64,
    eps: f64,
    rectify: bool,
    /// Calls from one Lookahead to the next; 0: none.
    k: usize,
    alpha: f64,
    centralise: bool,
}

/// What step 2 to 4 need of a segment.
struct Scalars {
    /// 1 - lr w
    decay: f64,
    momentum: f64,
    square_momentum: f64,
    eps: f64,
    /// -lr c / (1 - m^t)
    factor: f64,
    /// 1 - s^t, where the average is divided by the root of the average square.
    adaptive: Option<f64>,
    /// alpha, in a call with Lookahead.
    lookahead: Option<f64>,
}

/// The states, in the order of the inputs.
const SLOW: usize = 2;

impl Rule<3> for Ranger {
    type Scalars = Scalars;

    fn scalars(&self, rate: f64, weight_decay: f64, counts: Counts) -> Scalars {
        let t = counts.segment;
        let (debias, power) = (1.0 - self.momentum.powi(t), self.square_momentum.powi(t));
        let limit = 2.0 / (1.0 - self.square_momentum) - 1.0;
        let r = limit - 2.0 * t as f64 * power / (1.0 - power);
        let rectification = match self.rectify {
            false => Some(1.0),
            true if r > 5.0 => Some(((r - 4.0) * (r - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * r)).sqrt()),
            true => None,
        };
        Scalars {
            decay: 1.0 - rate * weight_decay,
            momentum: self.momentum,
            square_momentum: self.square_momentum,
            eps: self.eps,
            factor: -rate * rectification.unwrap_or(1.0) / debias,
            adaptive: rectification.map(|_| 1.0 - power),
            // Calls count from 1, so that none is a multiple of k = 0.
            lookahead: (counts.calls as usize).is_multiple_of(self.k).then_some(self.alpha),
        }
    }

    fn together(&self, shape: Shape) -> usize {
        // The elements that step 1 takes the mean of.
        if self.centralise && shape.rank() > 1 { shape.dims()[1..].iter().product::<usize>().max(1) } else { 1 }
    }

    fn reference<T: Float>(&self, scalars: &Scalars, together: usize, piece: Piece<T, 3>) {
        reference::update(scalars, together, piece);
    }

    fn fast(&self, isa: Isa, scalars: &Scalars, together: usize, piece: Piece<f32, 3>) {
        cpu::update(isa, scalars, together, piece);
    }
}

impl RangerStep {
    fn cuda(&self, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
        let settings = Settings {
            momentum: self.rule.momentum,
            square_momentum: self.rule.square_momentum,
            eps: self.rule.eps,
            alpha: self.rule.alpha,
            k: self.rule.k as u32,
            rectify: u32::from(self.rule.rectify),
            ..Settings::default()
        };
        optimizer::cuda::step("ranger", &self.rule, settings, &self.table, io, cuda)
    }
}

impl Op for RangerStep {
    const CUDA: Option<CudaKernel<Self>> = Some(RangerStep::cuda);

    fn parse(params: &mut Params) -> Result<Self> {
        let rule = Ranger {
            momentum: optimizer::decay_rate(params, "mom")?,
            square_momentum: optimizer::decay_rate(params, "sqrMom")?,
            eps: params.within("eps", 0.0, f64::MAX)?,
            rectify: params.bool("rectify")?,
            k: params.u32("k")?,
            alpha: params.f64("alpha")?,
            centralise: params.bool("centralise")?,
        };
        Ok(RangerStep { rule, table: Table::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        self.table.check(inputs, 3, |state| state != SLOW || self.rule.k > 0)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        optimizer::step("ranger_step", &self.rule, &self.table, io, context)
    }
}
