//! Normalisation, residual and activation in one pass.

use super::Settings;
use super::rows::{Coefficients, Rows};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::dtype::Stored;
use crate::ops::activation::curve::{Curve, for_each_curve};

/// `vectors`: weight, bias, mean, variance.
pub(super) fn forward<S: Stored>(
    context: &CpuContext,
    settings: Settings,
    x: &[S],
    vectors: [&[f32]; 4],
    residual: Option<&[S]>,
    y: &mut [S],
) {
    let [weight, bias, mean, variance] = vectors;
    if mean.is_empty() {
        return;
    }
    let rows = Rows::new(mean.len(), x.len());
    let k = Coefficients::new(&rows, settings.eps, weight, bias, mean, variance);
    rows.for_each_chunk(&context.pool, y, |range, y| {
        let residual = residual.map_or(&[][..], |r| &r[range.clone()]);
        normalise(context.isa, settings.activation, &x[range], residual, &k, y);
    });
}

for_each_curve!(fn normalise<S: Stored> = normalise_rows(x: &[S], residual: &[S], k: &Coefficients, y: &mut [S]));

/// `residual` is empty where there is none.
#[inline(always)]
fn normalise_rows<A: Arch, F: Curve, S: Stored>(x: &[S], residual: &[S], k: &Coefficients, y: &mut [S]) {
    let width = k.mean.len();
    let mut residuals = residual.chunks(width);
    for (x, y) in x.chunks(width).zip(y.chunks_mut(width)) {
        let k = k.mean.iter().zip(&*k.scale).zip(&*k.bias);
        match residuals.next() {
            None => {
                for ((y, x), ((&mean, &scale), &bias)) in y.iter_mut().zip(x).zip(k) {
                    *y = S::round(F::value::<A>(A::madd(x.widen() - mean, scale, bias)));
                }
            }
            Some(residual) => {
                for (((y, x), residual), ((&mean, &scale), &bias)) in y.iter_mut().zip(x).zip(residual).zip(k) {
                    *y = S::round(F::value::<A>(A::madd(x.widen() - mean, scale, bias) + residual.widen()));
                }
            }
        }
    }
}
