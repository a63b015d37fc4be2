//! The inner loops, over the contiguous channels of pixels and rows of weights.

use crate::dtype::Stored;

/// Pixels whose sum is kept in one f32 before it goes to the total: few, for its accuracy.
pub const TOGETHER: usize = 64;

/// Partial sums of a dot product.
const LANES: usize = 16;

multiversion! {
    /// The sum of x over its pixels of `sum.len()` channels; `part` has room for as many.
    pub fn sum_pixels<A, S: Stored>(x: &[S], sum: &mut [f32], part: &mut [f32]) {
        let c = sum.len();
        sum.fill(0.0);
        for block in x.chunks(TOGETHER * c) {
            part.fill(0.0);
            let (fours, rest) = block.split_at(block.len() / (4 * c) * (4 * c));
            for four in fours.chunks_exact(4 * c) {
                let (one, four) = four.split_at(c);
                let (two, four) = four.split_at(c);
                let (three, four) = four.split_at(c);
                for (i, part) in part.iter_mut().enumerate() {
                    *part += (one[i].widen() + two[i].widen()) + (three[i].widen() + four[i].widen());
                }
            }
            for pixel in rest.chunks_exact(c) {
                part.iter_mut().zip(pixel).for_each(|(part, x)| *part += x.widen());
            }
            sum.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum += part);
        }
    }
}

multiversion! {
    /// The sum of dy x, as [`sum_pixels`].
    pub fn sum_products<A, S: Stored>(dy: &[S], x: &[S], sum: &mut [f32], part: &mut [f32]) {
        let c = sum.len();
        sum.fill(0.0);
        for (dy, x) in dy.chunks(TOGETHER * c).zip(x.chunks(TOGETHER * c)) {
            part.fill(0.0);
            for (dy, x) in dy.chunks_exact(c).zip(x.chunks_exact(c)) {
                for (part, (dy, x)) in part.iter_mut().zip(dy.iter().zip(x)) {
                    *part = A::madd(dy.widen(), x.widen(), *part);
                }
            }
            sum.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum += part);
        }
    }
}

multiversion! {
    /// dx = dv gate + shift, for every pixel.
    pub fn scale_and_shift<A, T: Stored, S: Stored>(dv: &[T], gate: &[f32], shift: &[f32], dx: &mut [S]) {
        let c = gate.len();
        for (dv, dx) in dv.chunks_exact(c).zip(dx.chunks_exact_mut(c)) {
            for (dx, (dv, (&gate, &shift))) in dx.iter_mut().zip(dv.iter().zip(gate.iter().zip(shift))) {
                *dx = S::round(A::madd(dv.widen(), gate, shift));
            }
        }
    }
}

multiversion! {
    /// The same with dv in dx.
    pub fn scale_and_shift_here<A, S: Stored>(gate: &[f32], shift: &[f32], dx: &mut [S]) {
        for dx in dx.chunks_exact_mut(gate.len()) {
            for (dx, (&gate, &shift)) in dx.iter_mut().zip(gate.iter().zip(shift)) {
                *dx = S::round(A::madd(dx.widen(), gate, shift));
            }
        }
    }
}

multiversion! {
    /// y = bias + weight x, with a weight of `bias.len()` rows.
    pub fn product<A>(weight: &[f32], x: &[f32], bias: &[f32], y: &mut [f32]) {
        for ((y, &bias), row) in y.iter_mut().zip(bias).zip(weight.chunks_exact(x.len())) {
            let (rows, row_rest) = row.as_chunks::<LANES>();
            let (xs, x_rest) = x.as_chunks::<LANES>();
            let mut sums = [0.0f32; LANES];
            for (row, x) in rows.iter().zip(xs) {
                for lane in 0..LANES {
                    sums[lane] = A::madd(row[lane], x[lane], sums[lane]);
                }
            }
            for (lane, (&row, &x)) in row_rest.iter().zip(x_rest).enumerate() {
                sums[lane] = A::madd(row, x, sums[lane]);
            }
            *y = bias + sums.iter().sum::<f32>();
        }
    }
}

multiversion! {
    /// y = the sum of the rows, each times its factor.
    pub fn weighted_sum<A>(rows: &[f32], factors: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        for (row, &factor) in rows.chunks_exact(y.len()).zip(factors) {
            y.iter_mut().zip(row).for_each(|(y, &x)| *y = A::madd(factor, x, *y));
        }
    }
}

multiversion! {
    /// The same with factors `step` apart.
    pub fn weighted_sum_apart<A>(rows: &[f32], factors: &[f32], step: usize, y: &mut [f32]) {
        y.fill(0.0);
        for (row, &factor) in rows.chunks_exact(y.len()).zip(factors.iter().step_by(step)) {
            y.iter_mut().zip(row).for_each(|(y, &x)| *y = A::madd(factor, x, *y));
        }
    }
}
