//! The definition: every product of output pixel, tap and channel, and what it adds to.

use crate::dtype::Float;
use crate::geometry::conv::ConvShape;

/// Calls `f(index in x, index in weight, index in y)` for every product.
fn for_each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (group_c, group_out) = (s.c / s.groups, s.out / s.groups);
    for n in 0..s.n {
        for oy in 0..s.oh {
            for ox in 0..s.ow {
                for o in 0..s.out {
                    let y = ((n * s.oh + oy) * s.ow + ox) * s.out + o;
                    for ky in 0..s.kh {
                        for kx in 0..s.kw {
                            let (iy, ix) = (oy * s.stride_h + ky, ox * s.stride_w + kx);
                            if iy < s.pad_h || ix < s.pad_w || iy - s.pad_h >= s.h || ix - s.pad_w >= s.w {
                                continue;
                            }
                            let pixel = ((n * s.h + iy - s.pad_h) * s.w + ix - s.pad_w) * s.c + o / group_out * group_c;
                            let tap = ((o * s.kh + ky) * s.kw + kx) * group_c;
                            for c in 0..group_c {
                                f(pixel + c, tap + c, y);
                            }
                        }
                    }
                }
            }
        }
    }
}

pub fn forward<T: Float>(s: &ConvShape, x: &[T], weight: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for_each_product(s, |i, j, k| y[k] += x[i] * weight[j]);
}

pub fn backward_input<T: Float>(s: &ConvShape, dy: &[T], weight: &[T], dx: &mut [T]) {
    dx.fill(T::ZERO);
    for_each_product(s, |i, j, k| dx[i] += dy[k] * weight[j]);
}

pub fn backward_weight<T: Float>(s: &ConvShape, x: &[T], dy: &[T], dweight: &mut [T]) {
    dweight.fill(T::ZERO);
    for_each_product(s, |i, j, k| dweight[j] += dy[k] * x[i]);
}
