//! The definition, row by row.

use super::Target;
use crate::dtype::Float;
use crate::ops::softmax::reference::max_and_log_sum;

/// q of class `class` in row `row`.
fn smoothed<T: Float>(smoothing: f64, classes: usize, target: Target<T>, row: usize, class: usize) -> T {
    let target = match target {
        Target::Labels(labels) => T::from_f64((labels[row] as usize == class) as u8 as f64),
        Target::Weights(weights) => weights[row * classes + class],
    };
    T::from_f64(1.0 - smoothing) * target + T::from_f64(smoothing / classes as f64)
}

pub(super) fn forward<T: Float>(smoothing: f64, classes: usize, logits: &[T], target: Target<T>) -> T {
    let mut loss = T::ZERO;
    for (row, x) in logits.chunks(classes).enumerate() {
        let (max, log_sum) = max_and_log_sum(x);
        for (class, &x) in x.iter().enumerate() {
            let q = smoothed(smoothing, classes, target, row, class);
            // 0 log 0 is 0: a class without weight may have no probability.
            if q != T::ZERO {
                loss += q * (log_sum - (x - max));
            }
        }
    }
    loss / T::from_f64((logits.len() / classes) as f64)
}

pub(super) fn backward<T: Float>(
    smoothing: f64,
    classes: usize,
    logits: &[T],
    target: Target<T>,
    dloss: T,
    dlogits: &mut [T],
) {
    let scale = dloss / T::from_f64((logits.len() / classes) as f64);
    for (row, (x, dx)) in logits.chunks(classes).zip(dlogits.chunks_mut(classes)).enumerate() {
        let (max, log_sum) = max_and_log_sum(x);
        let q = |class| smoothed(smoothing, classes, target, row, class);
        let total: T = (0..classes).map(q).sum();
        for (class, (dx, &x)) in dx.iter_mut().zip(x).enumerate() {
            *dx = scale * ((x - max - log_sum).exp() * total - q(class));
        }
    }
}
