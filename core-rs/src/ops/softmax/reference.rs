//! The definitions, row by row.

use crate::dtype::Float;

/// The largest value of a row, and the logarithm of the sum of exponentials of what is left after subtracting it.
pub(in crate::ops) fn max_and_log_sum<T: Float>(x: &[T]) -> (T, T) {
    let max = x.iter().fold(x[0], |max, &x| if x > max { x } else { max });
    (max, x.iter().map(|&x| (x - max).exp()).sum::<T>().ln())
}

pub(super) fn softmax<T: Float>(size: usize, x: &[T], y: &mut [T]) {
    log_softmax(size, x, y);
    y.iter_mut().for_each(|y| *y = y.exp());
}

pub(super) fn log_softmax<T: Float>(size: usize, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks(size).zip(y.chunks_mut(size)) {
        let (max, log_sum) = max_and_log_sum(x);
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - max - log_sum);
    }
}

pub(super) fn softmax_backward<T: Float>(size: usize, y: &[T], dy: &[T], dx: &mut [T]) {
    for ((y, dy), dx) in y.chunks(size).zip(dy.chunks(size)).zip(dx.chunks_mut(size)) {
        let dot: T = y.iter().zip(dy).map(|(&y, &dy)| y * dy).sum();
        dx.iter_mut().zip(y.iter().zip(dy)).for_each(|(dx, (&y, &dy))| *dx = y * (dy - dot));
    }
}

pub(super) fn log_softmax_backward<T: Float>(size: usize, y: &[T], dy: &[T], dx: &mut [T]) {
    for ((y, dy), dx) in y.chunks(size).zip(dy.chunks(size)).zip(dx.chunks_mut(size)) {
        let total: T = dy.iter().copied().sum();
        dx.iter_mut().zip(y.iter().zip(dy)).for_each(|(dx, (&y, &dy))| *dx = dy - y.exp() * total);
    }
}
