//! Bias, residual and activation, in one pass over what the convolution has written.

use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::for_each_chunk_mut;
use crate::dtype::Stored;
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};
use crate::ops::batch_norm::rows::Rows;

/// Elements a chunk: tens of microseconds of work, and two operands fit in the L2 cache.
const CHUNK: usize = 32 * 1024;

/// `y = activation(y + bias + residual)` for y [.., channels] and what is there of the others.
pub(super) fn run<S: Stored>(
    context: &CpuContext,
    channels: usize,
    activation: Activation,
    bias: Option<&[f32]>,
    residual: Option<&[S]>,
    y: &mut [S],
) {
    let changes = bias.is_some() || residual.is_some() || activation != Activation::None;
    if y.is_empty() || !changes {
        return;
    }
    let rows = Rows::new(channels, y.len());
    let bias = rows.widen(|channel| bias.map_or(0.0, |bias| bias[channel]));
    let chunk = CHUNK.next_multiple_of(rows.width);
    for_each_chunk_mut(&context.pool, y, chunk, |i, y| {
        let residual = residual.map_or(&[][..], |residual| &residual[i * chunk..][..y.len()]);
        activate(context.isa, activation, &bias, residual, y);
    });
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
