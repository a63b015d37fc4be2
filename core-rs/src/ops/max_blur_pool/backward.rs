//! The gradient of max-blur pooling by chunks of rows of x, all of it along contiguous rows.
//!
//! The first largest of a window is found per axis: that of `kernel` neighbours in a row, then that of `kernel` such row
//! maxima below each other; ties and NaN come out as in one search row by row. The gradient of a window goes back the
//! same way: to a row maximum, then to an element.

use super::MaxBlurShape;
use super::cpu::LEAST_ROWS;
use super::ring::Ring;
use crate::cpu::convert::in_f32;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::cpu::separable::rows_per_chunk;
use crate::dtype::Stored;
use crate::ops::blur_pool::cpu::separable;
use crate::ops::max_pool2d::cpu::larger;

pub fn run<S: Stored>(isa: Isa, pool: &ThreadPool, s: &MaxBlurShape, x: &[S], dy: &[S], dx: &mut [S]) {
    if dx.is_empty() {
        return;
    }
    let spread = separable(&s.blur).transposed();
    let (kernel, c, x_len, len) = (s.kernel, s.blur.c, s.w * s.blur.c, spread.result_len());
    let (dy_len, dy_image) = (spread.source_len(), s.blur.oh * s.blur.ow * c);
    // Where row maxima are scattered from, kernel - 1 pixels without a gradient are on either side of them.
    let margin = (kernel - 1) * c;
    let (wide, inner) = (len + 2 * margin, margin..margin + len);
    let rows = rows_per_chunk(4 * x_len).max(LEAST_ROWS);
    for_each_chunk_mut(pool, dx, rows * x_len, |chunk, dx| {
        // A row: the row maxima, then (with margins) which element each is.
        let mut maxima = Ring::new(kernel, len + wide);
        // A row: which row each window has its largest in, then the windows' gradients.
        let mut windows = Ring::new(kernel, 2 * len);
        let (mut gradient, mut largest, mut sum) = (Scratch::take(wide), Scratch::take(len), Scratch::take(dy_len));
        let gradient = gradient.as_mut_slice();
        gradient.fill(0.0);
        for (i, dx) in dx.chunks_exact_mut(x_len).enumerate() {
            let (image, iy) = ((chunk * rows + i) / s.h, (chunk * rows + i) % s.h);
            let first = image * s.h;
            let reaching = (iy + 1).saturating_sub(kernel)..(iy + 1).min(s.blur.h);
            for row in reaching.clone() {
                let Some(window) = windows.missing(first + row) else { continue };
                let (winner, dmaxima) = window.split_at_mut(len);
                let x_rows = first + row..first + row + kernel;
                for x_row in x_rows.clone() {
                    let Some(maxima) = maxima.missing(x_row) else { continue };
                    let (maxima, winner) = maxima.split_at_mut(len);
                    let neighbours = (0..kernel).map(|k| &x[x_row * x_len + k * c..][..len]);
                    search(isa, neighbours, maxima, &mut winner[inner.clone()]);
                }
                search(isa, x_rows.map(|row| &maxima.row(row)[..len]), largest.as_mut_slice(), winner);
                let dy = |row: usize| &dy[image * dy_image + row * dy_len..][..dy_len];
                spread.row(isa, row, dy, sum.as_mut_slice(), dmaxima);
            }
            let claims = reaching.map(|row| {
                let (winner, dmaxima) = windows.row(first + row).split_at(len);
                (winner, dmaxima, (iy - row) as f32)
            });
            gather(isa, claims, &mut gradient[inner.clone()]);
            let winner = &maxima.row(first + iy)[len..];
            let claims = (0..kernel).rev().map(|k| {
                let from = margin - k * c;
                (&winner[from..][..x_len], &gradient[from..][..x_len], k as f32)
            });
            gather(isa, claims, dx);
        }
    });
}

/// The first largest of several rows, element by element, and which one it is; a NaN beats what comes before it.
fn search<'a, S: Stored>(isa: Isa, mut rows: impl Iterator<Item = &'a [S]>, best: &mut [f32], winner: &mut [f32]) {
    multiversion! {
        fn first_two<A, S: Stored>(a: &[S], b: &[S], best: &mut [f32], winner: &mut [f32]) {
            for ((best, winner), (a, b)) in best.iter_mut().zip(winner).zip(a.iter().zip(b)) {
                let (a, b) = (a.widen(), b.widen());
                let wins = (b > a) | b.is_nan();
                *best = if wins { b } else { a };
                *winner = if wins { 1.0 } else { 0.0 };
            }
        }
    }
    multiversion! {
        fn next<A, S: Stored>(x: &[S], position: f32, best: &mut [f32], winner: &mut [f32]) {
            for ((best, winner), x) in best.iter_mut().zip(winner).zip(x) {
                let x = x.widen();
                // Positions rise, so the last winner is the largest.
                let position = if (x > *best) | x.is_nan() { position } else { 0.0 };
                *best = larger(*best, x);
                *winner = winner.max(position);
            }
        }
    }
    match (rows.next(), rows.next()) {
        (Some(a), Some(b)) => first_two(isa, a, b, best, winner),
        (a, _) => {
            S::widen_all(isa, a.expect("a kernel of at least 1"), best);
            winner.fill(0.0);
        }
    }
    (2..).zip(rows).for_each(|(position, x)| next(isa, x, position as f32, best, winner));
}

/// What may give an element its gradient: winners, gradients, and the winner that the element is.
type Claim<'a> = (&'a [f32], &'a [f32], f32);

/// The sum, element by element, of the gradients that were won.
fn gather<'a, S: Stored>(isa: Isa, mut claims: impl ExactSizeIterator<Item = Claim<'a>>, sum: &mut [S]) {
    multiversion! {
        fn first_two<A, S: Stored>(a: Claim, b: Claim, sum: &mut [S]) {
            let (a_terms, b_terms) = (a.0.iter().zip(a.1), b.0.iter().zip(b.1));
            for (sum, ((&a_winner, &a_value), (&b_winner, &b_value))) in sum.iter_mut().zip(a_terms.zip(b_terms)) {
                let (a, b) = (if a_winner == a.2 { a_value } else { 0.0 }, if b_winner == b.2 { b_value } else { 0.0 });
                *sum = S::round(a + b);
            }
        }
    }
    multiversion! {
        fn next<A>(claim: Claim, sum: &mut [f32]) {
            for (sum, (&winner, &value)) in sum.iter_mut().zip(claim.0.iter().zip(claim.1)) {
                *sum += if winner == claim.2 { value } else { 0.0 };
            }
        }
    }
    match (claims.len(), claims.next(), claims.next()) {
        (2, Some(a), Some(b)) => first_two(isa, a, b, sum),
        (_, a, b) => in_f32(isa, [], sum, |[], sum| {
            match (a, b) {
                (Some(a), Some(b)) => first_two(isa, a, b, sum),
                (a, _) => {
                    sum.fill(0.0);
                    a.into_iter().for_each(|claim| next(isa, claim, sum));
                }
            }
            claims.for_each(|claim| next(isa, claim, sum));
        }),
    }
}
