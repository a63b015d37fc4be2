//! Stochastic gradient descent with momentum m and decoupled weight decay w:
//! `p *= 1 - lr w`, `b = m b + d g`, `p -= lr b`, or with Nesterov's momentum `p -= lr (g + m b)`
//! (Sutskever 2013, <https://proceedings.mlr.press/v28/sutskever13.html>); d is 1 - m with dampening, else 1.

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cuda::{CudaContext, CudaIo};
use crate::dtype::Float;
use crate::error::Result;
use crate::optimizer::cuda::Settings;
use crate::optimizer::{self, Counts, Piece, Rule, Table};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// `sgd_step`
pub struct SgdStep {
    rule: Sgd,
    table: Table,
}

struct Sgd {
    momentum: f64,
    dampening: bool,
    nesterov: bool,
}

/// `b = momentum b + gradient g`, `p = decay p - rate direction`
struct Scalars {
    momentum: f64,
    gradient: f64,
    decay: f64,
    rate: f64,
}

impl Rule<1> for Sgd {
    type Scalars = Scalars;

    fn scalars(&self, rate: f64, weight_decay: f64, _counts: Counts) -> Scalars {
        let gradient = if self.dampening { 1.0 - self.momentum } else { 1.0 };
        Scalars { momentum: self.momentum, gradient, decay: 1.0 - rate * weight_decay, rate }
    }

    fn reference<T: Float>(&self, s: &Scalars, _together: usize, piece: Piece<T, 1>) {
        let [momentum, gradient, decay, rate] = [s.momentum, s.gradient, s.decay, s.rate].map(T::from_f64);
        let [buffer] = piece.states;
        for ((p, &g), b) in piece.parameter.iter_mut().zip(piece.gradient).zip(buffer) {
            *b = momentum * *b + gradient * g;
            let direction = if self.nesterov { g + momentum * *b } else { *b };
            *p = *p * decay - rate * direction;
        }
    }

    fn fast(&self, isa: Isa, s: &Scalars, _together: usize, piece: Piece<f32, 1>) {
        let [buffer] = piece.states;
        update(isa, s, self.nesterov, piece.parameter, piece.gradient, buffer);
    }
}

multiversion! {
    fn update<A>(s: &Scalars, nesterov: bool, p: &mut [f32], g: &[f32], b: &mut [f32]) {
        let [momentum, gradient, decay, rate] = [s.momentum, s.gradient, s.decay, s.rate].map(|x| x as f32);
        for ((p, &g), b) in p.iter_mut().zip(g).zip(b) {
            *b = A::madd(*b, momentum, gradient * g);
            let direction = if nesterov { A::madd(*b, momentum, g) } else { *b };
            *p = A::madd(*p, decay, -rate * direction);
        }
    }
}

impl SgdStep {
    fn cuda(&self, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
        let settings = Settings {
            momentum: self.rule.momentum,
            dampening: u32::from(self.rule.dampening),
            nesterov: u32::from(self.rule.nesterov),
            ..Settings::default()
        };
        optimizer::cuda::step("sgd", &self.rule, settings, &self.table, io, cuda)
    }
}

impl Op for SgdStep {
    const CUDA: Option<CudaKernel<Self>> = Some(SgdStep::cuda);

    fn parse(params: &mut Params) -> Result<Self> {
        let momentum = params.within("mom", 0.0, 1.0)?;
        let rule = Sgd { momentum, dampening: params.bool("dampening")?, nesterov: params.bool("nesterov")? };
        Ok(SgdStep { rule, table: Table::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        self.table.check(inputs, 1, |_| true)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        optimizer::step("sgd_step", &self.rule, &self.table, io, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_reference() {
        for (dampening, nesterov) in [(false, false), (true, false), (false, true)] {
            optimizer::testing::check(&Sgd { momentum: 0.9, dampening, nesterov }, 3);
        }
        optimizer::testing::check(&Sgd { momentum: 0.0, dampening: true, nesterov: false }, 1);
    }
}
