//! Bias, residual and activation, while the convolution's sums are at hand.

use crate::cpu::epilogue::{Epilogue, SumsRow};
use crate::cpu::isa::{Arch, Isa};
use crate::dtype::Stored;
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};

/// `activation(sum + bias + residual)`, with what is there of these.
pub(super) struct BiasAct<'a, S> {
    pub activation: Activation,
    /// One a channel.
    pub bias: Option<&'a [f32]>,
    /// As large as the result.
    pub residual: Option<&'a [S]>,
}

impl<S: Stored> BiasAct<'_, S> {
    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        self.bias.is_some() || self.residual.is_some() || self.activation != Activation::None
    }
}

impl<S: Stored> Epilogue for BiasAct<'_, S> {
    fn apply(&self, isa: Isa, first: usize, rows: &mut dyn Iterator<Item = SumsRow>) {
        let bias = self.bias.map_or(&[][..], |bias| &bias[first..]);
        activate(isa, self.activation, bias, self.residual.unwrap_or(&[]), rows);
    }
}

for_each_curve!(
    fn activate<S: Stored> = activate_rows(bias: &[f32], residual: &[S], rows: &mut dyn Iterator<Item = SumsRow>)
);

/// `bias` and `residual` are empty where there is none.
#[inline(always)]
fn activate_rows<A: Arch, F: Curve, S: Stored>(bias: &[f32], residual: &[S], rows: &mut dyn Iterator<Item = SumsRow>) {
    for (at, sums) in rows {
        if !bias.is_empty() {
            sums.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
        }
        if !residual.is_empty() {
            sums.iter_mut().zip(&residual[at..]).for_each(|(sum, residual)| *sum += residual.widen());
        }
        sums.iter_mut().for_each(|sum| *sum = F::value::<A>(*sum));
    }
}
