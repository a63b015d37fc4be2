//! The definition: every product of output pixel and tap, and what it adds to.

use super::{BlurShape, filter};
use crate::dtype::Float;

/// Calls `f(index in x, index in y, weight)` for every product.
fn for_each_product<T: Float>(s: &BlurShape, mut f: impl FnMut(usize, usize, T)) {
    let filter = filter(s.taps);
    for n in 0..s.n {
        for oy in 0..s.oh {
            for ox in 0..s.ow {
                for (i, j) in (0..s.taps).flat_map(|i| (0..s.taps).map(move |j| (i, j))) {
                    let (Some(iy), Some(ix)) = (s.source(s.h, oy, i), s.source(s.w, ox, j)) else { continue };
                    let (x, y) = ((n * s.h + iy) * s.w + ix, (n * s.oh + oy) * s.ow + ox);
                    let weight = T::from_f64(filter[i] * filter[j]);
                    (0..s.c).for_each(|c| f(x * s.c + c, y * s.c + c, weight));
                }
            }
        }
    }
}

pub fn forward<T: Float>(s: &BlurShape, x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for_each_product(s, |i, k, weight: T| y[k] += x[i] * weight);
}

pub fn backward<T: Float>(s: &BlurShape, dy: &[T], dx: &mut [T]) {
    dx.fill(T::ZERO);
    for_each_product(s, |i, k, weight: T| dx[i] += dy[k] * weight);
}
