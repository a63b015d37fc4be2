//! Rows over fixed chunks of the pool; each row's loss is finished in f64. As a row is gone over several times, chunks of
//! bf16 logits are computed on f32 copies.

use super::Target;
use crate::cpu::CpuContext;
use crate::cpu::convert::in_f32;
use crate::cpu::math;
use crate::cpu::pool::{for_each_chunk_mut, split};
use crate::dtype::Stored;
use crate::ops::softmax::{cpu::chunk, row};

pub(super) fn forward<S: Stored>(
    context: &CpuContext,
    smoothing: f64,
    classes: usize,
    logits: &[S],
    target: Target<f32>,
) -> f32 {
    let chunk = chunk(classes);
    let mut losses = vec![0.0; split(logits.len(), chunk)];
    for_each_chunk_mut(&context.pool, &mut losses, 1, |i, loss| {
        let logits = &logits[i * chunk..logits.len().min((i + 1) * chunk)];
        loss[0] = in_f32(context.isa, [logits], &mut [], |[logits], _| {
            sum_losses(context.isa, smoothing, classes, logits, part(target, classes, i * chunk))
        });
    });
    (losses.iter().sum::<f64>() / (logits.len() / classes) as f64) as f32
}

pub(super) fn backward<S: Stored>(
    context: &CpuContext,
    smoothing: f64,
    classes: usize,
    logits: &[S],
    target: Target<f32>,
    dloss: f32,
    dlogits: &mut [S],
) {
    let chunk = chunk(classes);
    let scale = dloss as f64 / (logits.len() / classes) as f64;
    for_each_chunk_mut(&context.pool, dlogits, chunk, |i, dlogits| {
        let logits = &logits[i * chunk..][..dlogits.len()];
        in_f32(context.isa, [logits], dlogits, |[logits], dlogits| {
            gradients(context.isa, smoothing, classes, logits, part(target, classes, i * chunk), scale, dlogits);
        });
    });
}

/// The targets from the row that starts at element `start` of the logits.
fn part(target: Target<f32>, classes: usize, start: usize) -> Target<f32> {
    match target {
        Target::Labels(labels) => Target::Labels(&labels[start / classes..]),
        Target::Weights(weights) => Target::Weights(&weights[start..]),
    }
}

multiversion! {
    fn sum_losses<A>(smoothing: f64, classes: usize, logits: &[f32], target: Target<f32>) -> f64 {
        let mut loss = 0.0;
        for (i, x) in logits.chunks(classes).enumerate() {
            let max = row::max(x);
            let log_sum = row::sum(x, f32::NEG_INFINITY, |x| math::exp::<A>(x - max)).ln();
            // Log probabilities of the target, and of all classes alike.
            let (weight, of_target) = match target {
                Target::Labels(labels) => (1.0, (x[labels[i] as usize] - max) as f64),
                Target::Weights(weights) => {
                    let weights = &weights[i * classes..][..classes];
                    let products = row::sum2(x, weights, 0.0, |x, w| if w == 0.0 { 0.0 } else { (x - max) * w });
                    (row::sum(weights, 0.0, |w| w), products)
                }
            };
            // Of a target that is all smoothed away nothing counts, be it infinite.
            if smoothing < 1.0 {
                loss += (1.0 - smoothing) * (weight * log_sum - of_target);
            }
            if smoothing > 0.0 {
                let of_all = row::sum(x, max, |x| x - max) / classes as f64;
                loss += smoothing * (log_sum - of_all);
            }
        }
        loss
    }
}

multiversion! {
    /// `scale` is dloss over the number of rows.
    fn gradients<A>(smoothing: f64, classes: usize, logits: &[f32], target: Target<f32>, scale: f64, dlogits: &mut [f32]) {
        let (kept, spread) = (scale * (1.0 - smoothing), (scale * smoothing / classes as f64) as f32);
        for (i, (x, dx)) in logits.chunks(classes).zip(dlogits.chunks_mut(classes)).enumerate() {
            let max = row::max(x);
            row::map(x, dx, |x| math::exp::<A>(x - max));
            let sum = row::sum(dx, 0.0, |e| e);
            match target {
                Target::Labels(labels) => {
                    let factor = (scale / sum) as f32;
                    dx.iter_mut().for_each(|dx| *dx = A::madd(*dx, factor, -spread));
                    dx[labels[i] as usize] -= kept as f32;
                }
                Target::Weights(weights) => {
                    let weights = &weights[i * classes..][..classes];
                    let total = (1.0 - smoothing) * row::sum(weights, 0.0, |w| w) + smoothing;
                    let factor = (scale * total / sum) as f32;
                    for (dx, &w) in dx.iter_mut().zip(weights) {
                        *dx = A::madd(*dx, factor, -A::madd(w, kept as f32, spread));
                    }
                }
            }
        }
    }
}
