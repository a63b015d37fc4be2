//! Max pooling over chunks of rows, with blocks of channels in registers.

use crate::cpu::convert::in_f32;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::cpu::separable::rows_per_chunk;
use crate::dtype::Stored;
use crate::ops::window::{PoolAxis, PoolShape};
use std::ops::Range;

/// The larger of two, NaN if either is.
///
/// Bits, not a second selection: in a loop that updates its operand, that compiles to masked stores, which are slow.
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    let larger = if b > a { b } else { a };
    f32::from_bits(larger.to_bits() | if b.is_nan() { u32::MAX } else { 0 })
}

/// Rows first: the largest of each column of a window row, then of the columns.
pub fn forward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &PoolShape, x: &[S], y: &mut [S]) {
    if y.is_empty() {
        return;
    }
    let (x_len, y_len) = (s.cols.size * s.c, s.cols.out * s.c);
    let rows = rows_per_chunk(x_len * s.rows.kernel.min(s.rows.size) + y_len);
    for_each_chunk_mut(pool, y, rows * y_len, |chunk, y| {
        let mut largest = Scratch::take(x_len);
        let largest = largest.as_mut_slice();
        for (i, y) in y.chunks_exact_mut(y_len).enumerate() {
            let (image, oy) = ((chunk * rows + i) / s.rows.out, (chunk * rows + i) % s.rows.out);
            let window = s.rows.window(oy);
            let start = (image * s.rows.size + window.start) * x_len;
            largest_of_rows(isa, &x[start..start + window.len() * x_len], largest);
            largest_of_columns(isa, largest, &s.cols, s.c, y);
        }
    });
}

multiversion! {
    /// The element-wise largest of consecutive rows.
    fn largest_of_rows<A, S: Stored>(x: &[S], largest: &mut [f32]) {
        let len = largest.len();
        let (first, rest) = x.split_at(len);
        let (second, rest) = rest.split_at(len.min(rest.len()));
        if second.is_empty() {
            largest.iter_mut().zip(first).for_each(|(largest, x)| *largest = x.widen());
        }
        for (largest, (a, b)) in largest.iter_mut().zip(first.iter().zip(second)) {
            *largest = larger(a.widen(), b.widen());
        }
        for row in rest.chunks_exact(len) {
            largest.iter_mut().zip(row).for_each(|(largest, x)| *largest = larger(*largest, x.widen()));
        }
    }
}

multiversion! {
    fn largest_of_columns<A, S: Stored>(row: &[f32], cols: &PoolAxis, c: usize, y: &mut [S]) {
        for (ox, y) in y.chunks_exact_mut(c).enumerate() {
            let window = cols.window(ox);
            let pixels = &row[window.start * c..window.end * c];
            let mut at = 0;
            while at < c {
                at += match c - at {
                    16.. => largest_block::<S, 16>(pixels, c, at, y),
                    8.. => largest_block::<S, 8>(pixels, c, at, y),
                    4.. => largest_block::<S, 4>(pixels, c, at, y),
                    _ => largest_block::<S, 1>(pixels, c, at, y),
                };
            }
        }
    }
}

/// `L` channels of one pixel from channel `at` on; returns `L`.
#[inline(always)]
fn largest_block<S: Stored, const L: usize>(pixels: &[f32], c: usize, at: usize, y: &mut [S]) -> usize {
    let mut best = [f32::NEG_INFINITY; L];
    for pixel in pixels.chunks_exact(c) {
        let pixel: &[f32; L] = pixel[at..].first_chunk().expect("L channels left");
        for l in 0..L {
            best[l] = larger(best[l], pixel[l]);
        }
    }
    let y: &mut [S; L] = y[at..].first_chunk_mut().expect("L channels left");
    for l in 0..L {
        y[l] = S::round(best[l]);
    }
    L
}

/// Chunks of rows of dx, each from all the windows that reach into it; which element of a window gets the gradient is
/// found again from x. The sums of a chunk are kept in f32.
pub fn backward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &PoolShape, x: &[S], dy: &[S], dx: &mut [S]) {
    if dx.is_empty() {
        return;
    }
    let row_len = s.cols.size * s.c;
    // Windows across the border of two chunks are searched twice, so a chunk is a few windows high.
    let least = 4 * s.rows.kernel.min(s.rows.size);
    let rows = rows_per_chunk(row_len * 4).max(least);
    for_each_chunk_mut(pool, dx, rows * row_len, |chunk, dx| {
        in_f32(isa, [], dx, |[], dx| {
            dx.fill(0.0);
            let (start, end) = (chunk * rows, chunk * rows + dx.len() / row_len);
            for image in start / s.rows.size..end.div_ceil(s.rows.size) {
                let first = image * s.rows.size;
                let part = start.max(first)..end.min(first + s.rows.size);
                let dx = &mut dx[(part.start - start) * row_len..(part.end - start) * row_len];
                let x = &x[first * row_len..][..s.rows.size * row_len];
                let dy_len = s.rows.out * s.cols.out * s.c;
                let dy = &dy[image * dy_len..][..dy_len];
                backward_rows(isa, s, x, dy, part.start - first..part.end - first, dx);
            }
        });
    });
}

multiversion! {
    /// Rows `rows` of the gradient of one image.
    fn backward_rows<A, S: Stored>(s: &PoolShape, x: &[S], dy: &[S], rows: Range<usize>, dx: &mut [f32]) {
        let c = s.c;
        for oy in s.rows.windows(rows.clone()) {
            for ox in 0..s.cols.out {
                let dy = &dy[(oy * s.cols.out + ox) * c..][..c];
                let window = Patch { ys: s.rows.window(oy), xs: s.cols.window(ox), width: s.cols.size, c };
                let mut at = 0;
                while at < c {
                    at += match c - at {
                        16.. => backward_block::<S, 16>(x, dy, &window, at, &rows, dx),
                        8.. => backward_block::<S, 8>(x, dy, &window, at, &rows, dx),
                        4.. => backward_block::<S, 4>(x, dy, &window, at, &rows, dx),
                        _ => backward_block::<S, 1>(x, dy, &window, at, &rows, dx),
                    };
                }
            }
        }
    }
}

/// A window of an image [height, width, c].
struct Patch {
    ys: Range<usize>,
    xs: Range<usize>,
    width: usize,
    c: usize,
}

/// `L` channels of one window from channel `at` on; returns `L`.
#[inline(always)]
fn backward_block<S: Stored, const L: usize>(
    x: &[S],
    dy: &[S],
    window: &Patch,
    at: usize,
    rows: &Range<usize>,
    dx: &mut [f32],
) -> usize {
    let dy: &[S; L] = dy[at..at + L].try_into().expect("L numbers");
    let (mut best, mut winner, mut position) = ([f32::NEG_INFINITY; L], [0_u32; L], 0);
    for y in window.ys.clone() {
        for x_at in window.xs.clone() {
            let pixel: &[S; L] = x[(y * window.width + x_at) * window.c + at..][..L].try_into().expect("L numbers");
            for l in 0..L {
                let x = pixel[l].widen();
                let wins = (x > best[l]) | x.is_nan();
                best[l] = if wins { x } else { best[l] };
                winner[l] = if wins { position } else { winner[l] };
            }
            position += 1;
        }
    }
    let width = window.xs.len() as u32;
    for y in window.ys.start.max(rows.start)..window.ys.end.min(rows.end) {
        for (position, x_at) in ((y - window.ys.start) as u32 * width..).zip(window.xs.clone()) {
            let start = ((y - rows.start) * window.width + x_at) * window.c + at;
            let dx: &mut [f32; L] = (&mut dx[start..start + L]).try_into().expect("L floats");
            for l in 0..L {
                dx[l] += if winner[l] == position { dy[l].widen() } else { 0.0 };
            }
        }
    }
    L
}
