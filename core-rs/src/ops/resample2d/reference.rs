//! The definition: every product of result, row and column, and what it adds to.

use super::Plan;
use crate::dtype::Float;

/// Calls `f(index in x, index in y, weight)` for every product.
fn for_each_product<T: Float>(p: &Plan, mut f: impl FnMut(usize, usize, T)) {
    for n in 0..p.n {
        for oy in 0..p.rows.results {
            for ox in 0..p.columns.results {
                for (iy, down) in p.rows.terms(oy) {
                    for (ix, across) in p.columns.terms(ox) {
                        let x = ((n * p.rows.size + iy) * p.columns.size + ix) * p.c;
                        let y = ((n * p.rows.results + oy) * p.columns.results + ox) * p.c;
                        (0..p.c).for_each(|c| f(x + c, y + c, T::from_f64(down * across)));
                    }
                }
            }
        }
    }
}

pub(super) fn forward<T: Float>(p: &Plan, x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for_each_product(p, |i, k, weight: T| y[k] += x[i] * weight);
}

pub(super) fn backward<T: Float>(p: &Plan, dy: &[T], dx: &mut [T]) {
    dx.fill(T::ZERO);
    for_each_product(p, |i, k, weight: T| dx[i] += dy[k] * weight);
}
