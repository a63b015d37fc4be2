//! The definition: every pair of output pixel and input pixel in its window.

use super::divisor;
use crate::dtype::Float;
use crate::ops::window::PoolShape;

/// Calls `f(index in x, index in y, divisor)` for every element of every window.
fn for_each_pair<T: Float>(s: &PoolShape, count_pad: bool, mut f: impl FnMut(usize, usize, T)) {
    for n in 0..s.n {
        for (oy, ox) in (0..s.rows.out).flat_map(|oy| (0..s.cols.out).map(move |ox| (oy, ox))) {
            let y = (n * s.rows.out + oy) * s.cols.out + ox;
            let size = T::from_f64((divisor(&s.rows, oy, count_pad) * divisor(&s.cols, ox, count_pad)) as f64);
            for (iy, ix) in s.rows.window(oy).flat_map(|iy| s.cols.window(ox).map(move |ix| (iy, ix))) {
                let x = (n * s.rows.size + iy) * s.cols.size + ix;
                (0..s.c).for_each(|c| f(x * s.c + c, y * s.c + c, size));
            }
        }
    }
}

pub fn forward<T: Float>(s: &PoolShape, count_pad: bool, x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for_each_pair(s, count_pad, |i, k, size: T| y[k] += x[i] / size);
}

pub fn backward<T: Float>(s: &PoolShape, count_pad: bool, dy: &[T], dx: &mut [T]) {
    dx.fill(T::ZERO);
    for_each_pair(s, count_pad, |i, k, size: T| dx[i] += dy[k] / size);
}
