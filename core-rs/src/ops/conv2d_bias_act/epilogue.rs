//! Bias, residual and activation, in one pass over what the convolution has written.

use crate::cpu::CpuContext;
use crate::cpu::isa::{Arch, Isa};
use crate::cpu::pool::for_each_chunk_mut;
use crate::dtype::Stored;
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};
use crate::ops::batch_norm::rows::Rows;

/// Elements a chunk: tens of microseconds of work, and two operands fit in the L2 cache.
const CHUNK: usize = 32 * 1024;

/// `y = activation(y + bias + residual)`, for y [.., channels] and what is there of the others.
pub(super) struct Epilogue<'a, S> {
    activation: Activation,
    /// Repeated over a wide row.
    bias: Vec<f32>,
    residual: Option<&'a [S]>,
    /// Whether it changes anything.
    changes: bool,
}

impl<'a, S: Stored> Epilogue<'a, S> {
    /// For a y of `len` elements.
    pub fn new(
        channels: usize,
        len: usize,
        activation: Activation,
        bias: Option<&[f32]>,
        residual: Option<&'a [S]>,
    ) -> Self {
        let changes = len > 0 && (bias.is_some() || residual.is_some() || activation != Activation::None);
        let value = |channel: usize| bias.map_or(0.0, |bias| bias[channel]);
        let bias = if changes { Rows::new(channels, len).widen(value) } else { Vec::new() };
        Epilogue { activation, bias, residual, changes }
    }

    /// Over the part of y from element `start` on, the first channel of a pixel.
    pub fn apply(&self, isa: Isa, start: usize, y: &mut [S]) {
        if self.changes {
            let residual = self.residual.map_or(&[][..], |residual| &residual[start..][..y.len()]);
            activate(isa, self.activation, &self.bias, residual, y);
        }
    }

    /// Over all of y.
    pub fn run(&self, context: &CpuContext, y: &mut [S]) {
        if self.changes {
            let chunk = CHUNK.next_multiple_of(self.bias.len());
            for_each_chunk_mut(&context.pool, y, chunk, |i, y| self.apply(context.isa, i * chunk, y));
        }
    }
}

for_each_curve!(fn activate<S: Stored> = activate_rows(bias: &[f32], residual: &[S], y: &mut [S]));

/// `bias` is as wide as the rows that y is taken in; `residual` is empty where there is none.
#[inline(always)]
fn activate_rows<A: Arch, F: Curve, S: Stored>(bias: &[f32], residual: &[S], y: &mut [S]) {
    let mut residuals = residual.chunks(bias.len());
    for y in y.chunks_mut(bias.len()) {
        match residuals.next() {
            None => {
                for (y, &bias) in y.iter_mut().zip(bias) {
                    *y = S::round(F::value::<A>(y.widen() + bias));
                }
            }
            Some(residual) => {
                for ((y, &bias), &residual) in y.iter_mut().zip(bias).zip(residual) {
                    *y = S::round(F::value::<A>(y.widen() + bias + residual.widen()));
                }
            }
        }
    }
}
