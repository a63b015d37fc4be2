//! Forward, image by image: the second pass over an image finds it in the cache.

use super::{Activations, Sizes, loops};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::SliceParts;
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};

/// Of x and its residual; `weights`: w1, b1, w2, b2; `made`: pooled, hidden, gate.
pub fn run<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    activations: Activations,
    (x, residual): (&[S], Option<&[S]>),
    weights: [&[f32]; 4],
    y: &mut [S],
    made: [&mut [f32]; 3],
) {
    let ([w1, b1, w2, b2], isa, len) = (weights, context.isa, s.pixels * s.c);
    let y = SliceParts::new(y);
    let [pooled, hidden, gate] = made.map(SliceParts::new);
    context.pool.run(s.n, &|n| {
        // SAFETY: every image runs once, and these parts are its own.
        let (y, pooled, hidden, gate) = unsafe {
            (
                y.part(n * len..(n + 1) * len),
                pooled.part(n * s.c..(n + 1) * s.c),
                hidden.part(n * s.r..(n + 1) * s.r),
                gate.part(n * s.c..(n + 1) * s.c),
            )
        };
        let (x, mut room) = (&x[n * len..][..len], Scratch::take(s.c.max(s.r)));
        let room = room.as_mut_slice();
        loops::sum_pixels(isa, x, pooled, &mut room[..s.c]);
        pooled.iter_mut().for_each(|sum| *sum /= s.pixels as f32);
        loops::product(isa, w1, pooled, b1, hidden);
        let activated = &mut room[..s.r];
        activated.iter_mut().zip(&*hidden).for_each(|(a, &h)| *a = activations.hidden.apply(h));
        loops::product(isa, w2, activated, b2, gate);
        gate.iter_mut().for_each(|z| *z = Activation::Sigmoid.apply(*z));
        let residual = residual.map_or(&[][..], |residual| &residual[n * len..][..len]);
        write(isa, activations.end, x, gate, residual, y);
    });
}

for_each_curve!(fn write<S: Stored> = write_pixels(x: &[S], gate: &[f32], residual: &[S], y: &mut [S]));

/// y = end(x gate + residual), for every pixel; `residual` is empty where there is none.
#[inline(always)]
fn write_pixels<A: Arch, F: Curve, S: Stored>(x: &[S], gate: &[f32], residual: &[S], y: &mut [S]) {
    let c = gate.len();
    let mut residuals = residual.chunks_exact(c);
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        match residuals.next() {
            None => {
                for (y, (x, &gate)) in y.iter_mut().zip(x.iter().zip(gate)) {
                    *y = S::round(F::value::<A>(x.widen() * gate));
                }
            }
            Some(residual) => {
                for ((y, residual), (x, &gate)) in y.iter_mut().zip(residual).zip(x.iter().zip(gate)) {
                    *y = S::round(F::value::<A>(A::madd(x.widen(), gate, residual.widen())));
                }
            }
        }
    }
}
