//! Max-blur pooling by chunks of rows of y. A chunk keeps the few rows of maxima that its next row needs.

use super::MaxBlurShape;
use super::ring::Ring;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::cpu::separable::rows_per_chunk;
use crate::dtype::Stored;
use crate::ops::blur_pool::cpu::separable;
use crate::ops::max_pool2d::cpu::larger;

/// Rows that a chunk has at least, as its first row computes anew what the chunk before had.
pub const LEAST_ROWS: usize = 8;

pub fn forward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &MaxBlurShape, x: &[S], y: &mut [S]) {
    if y.is_empty() {
        return;
    }
    let blur = separable(&s.blur);
    let (x_len, max_len, y_len) = (s.w * s.blur.c, blur.source_len(), blur.result_len());
    let rows = rows_per_chunk(2 * s.blur.stride.min(s.h) * x_len + y_len).max(LEAST_ROWS);
    for_each_chunk_mut(pool, y, rows * y_len, |chunk, y| {
        let (mut maxima, mut sum) = (Ring::new(s.blur.taps, max_len), Scratch::take(max_len));
        for (i, y) in y.chunks_exact_mut(y_len).enumerate() {
            let (image, oy) = ((chunk * rows + i) / s.blur.oh, (chunk * rows + i) % s.blur.oh);
            for term in blur.rows.terms(oy) {
                let row = image * s.h + term.source;
                if let Some(maxima) = maxima.missing(row) {
                    max_row(isa, &x[row * x_len..][..s.kernel * x_len], s, maxima);
                }
            }
            blur.row(isa, oy, |row| maxima.row(image * s.h + row), sum.as_mut_slice(), y);
        }
    });
}

multiversion! {
    /// A row of maxima, from the `kernel` rows of x that start with its own.
    fn max_row<A, S: Stored>(x: &[S], s: &MaxBlurShape, maxima: &mut [f32]) {
        let (c, row_len, len) = (s.blur.c, s.w * s.blur.c, maxima.len());
        if s.kernel == 2 {
            let (above, below) = x.split_at(row_len);
            let (above, above_right) = (&above[..len], &above[c..][..len]);
            let (below, below_right) = (&below[..len], &below[c..][..len]);
            for i in 0..len {
                let (a, b) = (above[i].widen(), above_right[i].widen());
                let (c, d) = (below[i].widen(), below_right[i].widen());
                // As `larger` of all four, with half the tests for NaN.
                let nan = a.is_nan() | b.is_nan() | c.is_nan() | d.is_nan();
                let max = |a: f32, b: f32| if b > a { b } else { a };
                let bits = if nan { u32::MAX } else { 0 };
                maxima[i] = f32::from_bits(max(max(a, b), max(c, d)).to_bits() | bits);
            }
            return;
        }
        maxima.iter_mut().zip(x).for_each(|(max, x)| *max = x.widen());
        for (ky, kx) in (0..s.kernel).flat_map(|ky| (0..s.kernel).map(move |kx| (ky, kx))).skip(1) {
            let x = &x[ky * row_len + kx * c..][..len];
            maxima.iter_mut().zip(x).for_each(|(max, x)| *max = larger(*max, x.widen()));
        }
    }
}
