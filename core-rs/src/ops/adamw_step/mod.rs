//! AdamW (Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>), step t with weight decay w:
//! `p *= 1 - lr w`, `a = m a + (1 - m) g`, `v = s v + (1 - s) g^2`,
//! `p -= lr / (1 - m^t) a / (sqrt v / sqrt(1 - s^t) + eps)`.

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

/// `adamw_step`
pub struct AdamwStep {
    rule: Adamw,
    table: Table,
}

struct Adamw {
    momentum: f64,
    square_momentum: f64,
    eps: f64,
}

struct Scalars {
    decay: f64,
    /// 1 - m
    gradient: f64,
    square_momentum: f64,
    /// 1 - s
    square: f64,
    /// -lr / (1 - m^t)
    factor: f64,
    /// sqrt(1 - s^t)
    debias: f64,
    eps: f64,
}

impl Scalars {
    fn all(&self) -> [f64; 7] {
        [self.decay, self.gradient, self.square_momentum, self.square, self.factor, self.debias, self.eps]
    }
}

impl Rule<2> for Adamw {
    type Scalars = Scalars;

    fn scalars(&self, rate: f64, weight_decay: f64, counts: Counts) -> Scalars {
        Scalars {
            decay: 1.0 - rate * weight_decay,
            gradient: 1.0 - self.momentum,
            square_momentum: self.square_momentum,
            square: 1.0 - self.square_momentum,
            factor: -rate / (1.0 - self.momentum.powi(counts.segment)),
            debias: (1.0 - self.square_momentum.powi(counts.segment)).sqrt(),
            eps: self.eps,
        }
    }

    fn reference<T: Float>(&self, scalars: &Scalars, _together: usize, piece: Piece<T, 2>) {
        let [decay, gradient, square_momentum, square, factor, debias, eps] = scalars.all().map(T::from_f64);
        let [average, average_square] = piece.states;
        let states = average.iter_mut().zip(average_square);
        for ((p, &g), (a, v)) in piece.parameter.iter_mut().zip(piece.gradient).zip(states) {
            *a += (g - *a) * gradient;
            *v = *v * square_momentum + square * g * g;
            *p = *p * decay + optimizer::quotient(factor * *a, v.sqrt() / debias + eps);
        }
    }

    fn fast(&self, isa: Isa, scalars: &Scalars, _together: usize, piece: Piece<f32, 2>) {
        let [average, average_square] = piece.states;
        update(isa, scalars, piece.parameter, piece.gradient, average, average_square);
    }
}

multiversion! {
    fn update<A>(scalars: &Scalars, p: &mut [f32], g: &[f32], average: &mut [f32], average_square: &mut [f32]) {
        let [decay, gradient, square_momentum, square, factor, debias, eps] = scalars.all().map(|x| x as f32);
        let states = average.iter_mut().zip(average_square);
        for ((p, &g), (a, v)) in p.iter_mut().zip(g).zip(states) {
            *a = A::madd(g - *a, gradient, *a);
            *v = A::madd(*v, square_momentum, square * g * g);
            let spread = v.sqrt() / debias + eps;
            *p = A::madd(*p, decay, if spread == 0.0 { 0.0 } else { factor * *a / spread });
        }
    }
}

impl AdamwStep {
    fn cuda(&self, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
        let settings = Settings {
            momentum: self.rule.momentum,
            square_momentum: self.rule.square_momentum,
            eps: self.rule.eps,
            ..Settings::default()
        };
        optimizer::cuda::step("adamw", &self.rule, settings, &self.table, io, cuda)
    }
}

impl Op for AdamwStep {
    const CUDA: Option<CudaKernel<Self>> = Some(AdamwStep::cuda);

    fn parse(params: &mut Params) -> Result<Self> {
        let rule = Adamw {
            momentum: optimizer::decay_rate(params, "mom")?,
            square_momentum: optimizer::decay_rate(params, "sqrMom")?,
            eps: params.within("eps", 0.0, f64::MAX)?,
        };
        Ok(AdamwStep { rule, table: Table::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        self.table.check(inputs, 2, |_| true)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        optimizer::step("adamw_step", &self.rule, &self.table, io, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_reference() {
        optimizer::testing::check(&Adamw { momentum: 0.9, square_momentum: 0.99, eps: 1e-5 }, 4);
    }
}
