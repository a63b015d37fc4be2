//! Mean and variance of each channel in one pass over memory.
//!
//! A block that fits in the cache is summed up in f32, as deviations from a centre and their squares: the mean of the block
//! before, and for a chunk's first block its own, for which that one is read twice. Blocks differ by no more than all values
//! do, so that little is lost where means drift. The sums say exactly what a block adds to those of (x - origin) and
//! (x - origin)^2, which are kept in f64, with the first row as origin so that nothing cancels when the mean is far from 0.

use super::rows::{Aligned, Rows, fold};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::dtype::Stored;

pub(super) fn statistics<S: Stored>(context: &CpuContext, x: &[S], mean: &mut [f32], variance: &mut [f32]) {
    let c = mean.len();
    if c == 0 {
        return;
    }
    let rows = Rows::new(c, x.len());
    let count = rows.count() as f64;
    let origin = &x[..c];
    let sums = rows.sum_pairs(&context.pool, |range, sums| {
        let (first, second) = sums.split_at_mut(c);
        add_sums(context.isa, &x[range], origin, rows.width, rows.block(), first, second);
    });
    for channel in 0..c {
        let (first, second) = (sums[channel] / count, sums[c + channel] / count);
        let squares = second - first * first;
        mean[channel] = (origin[channel].to_f64() + first) as f32;
        // Rounding can leave a constant channel just below 0; NaN passes.
        variance[channel] = if squares < 0.0 { 0.0 } else { squares as f32 };
    }
}

multiversion! {
    /// Adds the sums of x - origin to `first` and those of its square to `second`.
    pub(in crate::ops) fn add_sums<A, S: Stored>(
        x: &[S], origin: &[S], width: usize, block: usize, first: &mut [f64], second: &mut [f64],
    ) {
        let c = origin.len();
        let (mut lanes, mut channel) = (Aligned::zeros(3 * width), vec![0.0f64; 2 * c]);
        let (centre, lanes) = lanes.split_at_mut(width);
        let (linear, square) = lanes.split_at_mut(width);
        let (sum, squares) = channel.split_at_mut(c);
        let mean = |sum: &[f64], count: f64, centre: &mut [f32]| {
            for centre in centre.chunks_exact_mut(c) {
                centre.iter_mut().zip(sum).for_each(|(centre, &sum)| *centre += (sum / count) as f32);
            }
        };
        let of_first = &x[..block.min(x.len())];
        add_rows(of_first, linear);
        fold(linear, sum);
        mean(sum, (of_first.len() / c) as f64, centre);
        for block in x.chunks(block) {
            linear.fill(0.0);
            square.fill(0.0);
            add_deviations::<A, S>(block, centre, linear, square);
            sum.fill(0.0);
            squares.fill(0.0);
            fold(linear, sum);
            fold(square, squares);
            let count = (block.len() / c) as f64;
            for j in 0..c {
                // With x = centre + d: sum (x - o) = n m + sum d, sum (x - o)^2 = n m^2 + 2 m sum d + sum d^2.
                let m = centre[j] as f64 - origin[j].to_f64();
                first[j] += count * m + sum[j];
                second[j] += m * (count * m + 2.0 * sum[j]) + squares[j];
            }
            mean(sum, count, centre);
        }
    }
}

/// Four wide rows of a block at once keeps the sums' traffic low; the rest goes one by one.
#[inline(always)]
fn four_rows<S>(quad: &[S], width: usize) -> [&[S]; 4] {
    let (ab, cd) = quad.split_at(2 * width);
    let ((a, b), (c, d)) = (ab.split_at(width), cd.split_at(width));
    [a, b, c, d]
}

#[inline(always)]
fn add_rows<S: Stored>(x: &[S], sums: &mut [f32]) {
    let width = sums.len();
    let quads = x.chunks_exact(4 * width);
    for row in quads.remainder().chunks(width) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.widen());
    }
    for quad in quads {
        let [a, b, c, d] = four_rows(quad, width);
        let rows = a.iter().zip(b).zip(c.iter().zip(d));
        for (sum, ((a, b), (c, d))) in sums.iter_mut().zip(rows) {
            *sum += (a.widen() + b.widen()) + (c.widen() + d.widen());
        }
    }
}

#[inline(always)]
fn add_deviations<A: Arch, S: Stored>(x: &[S], centre: &[f32], linear: &mut [f32], square: &mut [f32]) {
    let width = centre.len();
    let quads = x.chunks_exact(4 * width);
    for row in quads.remainder().chunks(width) {
        let sums = linear.iter_mut().zip(square.iter_mut());
        for ((linear, square), (x, &centre)) in sums.zip(row.iter().zip(centre)) {
            let d = x.widen() - centre;
            *linear += d;
            *square = A::madd(d, d, *square);
        }
    }
    for quad in quads {
        let [a, b, c, d] = four_rows(quad, width);
        let sums = linear.iter_mut().zip(square.iter_mut());
        let rows = a.iter().zip(b).zip(c.iter().zip(d));
        for ((linear, square), (((a, b), (c, d)), centre)) in sums.zip(rows.zip(centre)) {
            let [a, b, c, d] = [a, b, c, d].map(|x| x.widen() - centre);
            *linear += (a + b) + (c + d);
            *square += A::madd(a, a, b * b) + A::madd(c, c, d * d);
        }
    }
}
