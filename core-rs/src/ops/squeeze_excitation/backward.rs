//! Backward: dx image by image, then the gradients of the weights row by row, each a sum over the images in their order.
//!
//! An image is gone through twice, for the sums and for dx, which both need dv. Under an activation at the end the second
//! pass reads it back: in f32 from where it had to be written anyway, the residual's gradient, or else from dx; in bf16,
//! which would round it, from a copy in f32.

use super::{Activations, Sizes, loops};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::{SliceParts, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Dtype, Stored};
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};
use crate::ops::activation::reads::Reads;

/// Products a chunk, about.
const CHUNK: usize = 64 * 1024;

/// What has the shape of x; `dresidual` is there where `residual` is.
pub struct Images<'a, S> {
    pub dy: &'a [S],
    pub x: &'a [S],
    pub residual: Option<&'a [S]>,
    pub dx: &'a mut [S],
    pub dresidual: Option<&'a mut [S]>,
}

/// `made`: w1, w2, pooled, hidden, gate; `gradients`: dw1, db1, dw2, db2.
pub fn run<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    activations: Activations,
    images: Images<S>,
    made: [&[f32]; 5],
    gradients: [&mut [f32]; 4],
) {
    let ([w1, w2, pooled, hidden, gate], [dw1, db1, dw2, db2]) = (made, gradients);
    let (Activations { hidden: activation, end }, exact) = (activations, S::DTYPE == Dtype::F32);
    let reads = Reads { dy: images.dy, x: images.x, residual: images.residual.unwrap_or(&[]) };
    let (isa, len, c, r) = (context.isa, s.pixels * s.c, s.c, s.r);
    let mut made = Scratch::take(s.n * (c + 2 * r));
    let (dz, rest) = made.as_mut_slice().split_at_mut(s.n * c);
    let (dhidden, activated) = rest.split_at_mut(s.n * r);
    {
        let (dx, dresidual) = (images.dx, images.dresidual.unwrap_or(&mut []));
        let of_residual = if dresidual.is_empty() { 0 } else { len };
        let [dx, dresidual] = [dx, dresidual].map(SliceParts::new);
        let [dz, dhidden, activated] = [&mut *dz, &mut *dhidden, &mut *activated].map(SliceParts::new);
        context.pool.run(s.n, &|n| {
            // SAFETY: every image runs once, and these parts are its own.
            let (dx, dv, dz, dhidden, activated) = unsafe {
                (
                    dx.part(n * len..(n + 1) * len),
                    dresidual.part(n * of_residual..(n + 1) * of_residual),
                    dz.part(n * c..(n + 1) * c),
                    dhidden.part(n * r..(n + 1) * r),
                    activated.part(n * r..(n + 1) * r),
                )
            };
            let reads = reads.part(n * len..(n + 1) * len);
            let (gate, hidden) = (&gate[n * c..][..c], &hidden[n * r..][..r]);
            let held = if end == Activation::None || exact { c } else { len };
            let mut room = Scratch::take(c + held);
            let (room, slopes) = room.as_mut_slice().split_at_mut(c);
            if end == Activation::None {
                loops::sum_products(isa, reads.dy, reads.x, dz, room);
                dv.iter_mut().zip(reads.dy).for_each(|(dv, &dy)| *dv = dy);
            } else {
                let to = if dv.is_empty() && exact { &mut *dx } else { &mut *dv };
                sum_slopes(isa, end, reads, gate, to, dz, room, slopes);
            }
            dz.iter_mut().zip(gate).for_each(|(dz, &gate)| *dz *= gate * (1.0 - gate));
            loops::weighted_sum(isa, w2, dz, dhidden);
            for ((dhidden, activated), &hidden) in dhidden.iter_mut().zip(activated).zip(hidden) {
                *dhidden = activation.back(hidden, *dhidden);
                *activated = activation.apply(hidden);
            }
            loops::weighted_sum(isa, w1, dhidden, room);
            room.iter_mut().for_each(|sum| *sum /= s.pixels as f32);
            match end {
                Activation::None => loops::scale_and_shift(isa, reads.dy, gate, room, dx),
                _ if !exact => loops::scale_and_shift(isa, slopes, gate, room, dx),
                _ if dv.is_empty() => loops::scale_and_shift_here(isa, gate, room, dx),
                _ => loops::scale_and_shift(isa, dv, gate, room, dx),
            }
        });
    }
    let (dz, dhidden, activated) = (&*dz, &*dhidden, &*activated);
    // Row j of a gradient: the sum over the images of `rows`, each times the image's factor j.
    let weights = |gradient: &mut [f32], rows: &[f32], factors: &[f32], step: usize| {
        let width = gradient.len() / step;
        let together = (CHUNK / (width * s.n.max(1))).max(1);
        for_each_chunk_mut(&context.pool, gradient, together * width, |chunk, gradient| {
            for (j, row) in gradient.chunks_exact_mut(width).enumerate() {
                let factors = factors.get(chunk * together + j..).unwrap_or_default();
                loops::weighted_sum_apart(isa, rows, factors, step, row);
            }
        });
    };
    weights(dw1, pooled, dhidden, r);
    weights(dw2, activated, dz, c);
    let ones = vec![1.0; s.n];
    loops::weighted_sum(isa, dhidden, &ones, db1);
    loops::weighted_sum(isa, dz, &ones, db2);
}

for_each_curve! {
    fn sum_slopes<S: Stored> = sum_slopes_of(
        reads: Reads<S>, gate: &[f32], to: &mut [S], sum: &mut [f32], part: &mut [f32], slopes: &mut [f32],
    )
}

/// The sum of dv x over an image's pixels, as [`loops::sum_products`]; writes dv unless `to` is empty. `slopes` has room for
/// that of a pixel, or for those of all.
#[inline(always)]
fn sum_slopes_of<A: Arch, F: Curve, S: Stored>(
    reads: Reads<S>,
    gate: &[f32],
    to: &mut [S],
    sum: &mut [f32],
    part: &mut [f32],
    slopes: &mut [f32],
) {
    let (c, len) = (gate.len(), reads.x.len());
    sum.fill(0.0);
    for start in (0..len).step_by(loops::TOGETHER * c) {
        part.fill(0.0);
        for pixel in (start..len.min(start + loops::TOGETHER * c)).step_by(c) {
            let range = pixel..pixel + c;
            let pixel = reads.part(range.clone());
            let slopes = if slopes.len() == c { &mut slopes[..] } else { &mut slopes[range.clone()] };
            slopes_of::<A, F, S>(pixel, gate, slopes);
            for (part, (&slope, x)) in part.iter_mut().zip(slopes.iter().zip(pixel.x)) {
                *part = A::madd(slope, x.widen(), *part);
            }
            if !to.is_empty() {
                to[range].iter_mut().zip(&*slopes).for_each(|(to, &slope)| *to = S::round(slope));
            }
        }
        sum.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum += part);
    }
}

/// dv of a pixel.
#[inline(always)]
fn slopes_of<A: Arch, F: Curve, S: Stored>(pixel: Reads<S>, gate: &[f32], slopes: &mut [f32]) {
    let of = slopes.iter_mut().zip(pixel.dy.iter().zip(pixel.x.iter().zip(gate)));
    if pixel.residual.is_empty() {
        of.for_each(|(slope, (dy, (x, &gate)))| *slope = F::back::<A>(x.widen() * gate, dy.widen()));
    } else {
        of.zip(pixel.residual).for_each(|((slope, (dy, (x, &gate))), residual)| {
            *slope = F::back::<A>(A::madd(x.widen(), gate, residual.widen()), dy.widen());
        });
    }
}
