//! The definition: the largest of every window.

use crate::dtype::Float;
use crate::ops::window::PoolShape;

/// Calls `f(index in y, index in x of the largest)` for every window.
fn for_each_largest<T: Float>(s: &PoolShape, x: &[T], mut f: impl FnMut(usize, usize)) {
    for n in 0..s.n {
        for (oy, ox) in (0..s.rows.out).flat_map(|oy| (0..s.cols.out).map(move |ox| (oy, ox))) {
            for c in 0..s.c {
                let mut best = None;
                for iy in s.rows.window(oy) {
                    for ix in s.cols.window(ox) {
                        let at = ((n * s.rows.size + iy) * s.cols.size + ix) * s.c + c;
                        if best.is_none_or(|best: usize| x[at] > x[best] || x[at].is_nan()) {
                            best = Some(at);
                        }
                    }
                }
                f(((n * s.rows.out + oy) * s.cols.out + ox) * s.c + c, best.expect("no window is empty"));
            }
        }
    }
}

pub fn forward<T: Float>(s: &PoolShape, x: &[T], y: &mut [T]) {
    for_each_largest(s, x, |i, best| y[i] = x[best]);
}

pub fn backward<T: Float>(s: &PoolShape, x: &[T], dy: &[T], dx: &mut [T]) {
    dx.fill(T::ZERO);
    for_each_largest(s, x, |i, best| dx[best] += dy[i]);
}
