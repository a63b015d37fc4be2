//! Backward: dx image by image, then the gradients of the weights row by row, each a sum over the images in their order.

use super::{Sizes, loops};
use crate::cpu::CpuContext;
use crate::cpu::pool::{SliceParts, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;
use crate::ops::activation::Activation;

/// Products a chunk, about.
const CHUNK: usize = 64 * 1024;

/// `images`: dy, x; `made`: w1, w2, pooled, hidden, gate; `gradients`: dw1, db1, dw2, db2.
pub fn run<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    activation: Activation,
    images: [&[S]; 2],
    made: [&[f32]; 5],
    dx: &mut [S],
    gradients: [&mut [f32]; 4],
) {
    let ([dy, x], [w1, w2, pooled, hidden, gate], [dw1, db1, dw2, db2]) = (images, made, gradients);
    let (isa, len, c, r) = (context.isa, s.pixels * s.c, s.c, s.r);
    let mut made = Scratch::take(s.n * (c + 2 * r));
    let (dz, rest) = made.as_mut_slice().split_at_mut(s.n * c);
    let (dhidden, activated) = rest.split_at_mut(s.n * r);
    {
        let dx = SliceParts::new(dx);
        let [dz, dhidden, activated] = [&mut *dz, &mut *dhidden, &mut *activated].map(SliceParts::new);
        context.pool.run(s.n, &|n| {
            // SAFETY: every image runs once, and these parts are its own.
            let (dx, dz, dhidden, activated) = unsafe {
                (
                    dx.part(n * len..(n + 1) * len),
                    dz.part(n * c..(n + 1) * c),
                    dhidden.part(n * r..(n + 1) * r),
                    activated.part(n * r..(n + 1) * r),
                )
            };
            let (dy, x) = (&dy[n * len..][..len], &x[n * len..][..len]);
            let (gate, hidden) = (&gate[n * c..][..c], &hidden[n * r..][..r]);
            let mut room = Scratch::take(c);
            let room = room.as_mut_slice();
            loops::sum_products(isa, dy, x, dz, room);
            dz.iter_mut().zip(gate).for_each(|(dz, &gate)| *dz *= gate * (1.0 - gate));
            loops::weighted_sum(isa, w2, dz, dhidden);
            for ((dhidden, activated), &hidden) in dhidden.iter_mut().zip(activated).zip(hidden) {
                *dhidden = activation.back(hidden, *dhidden);
                *activated = activation.apply(hidden);
            }
            loops::weighted_sum(isa, w1, dhidden, room);
            room.iter_mut().for_each(|sum| *sum /= s.pixels as f32);
            loops::scale_and_shift(isa, dy, gate, room, dx);
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
