//! Depthwise convolution (one channel per group): too thin for matrix products, so whole pixels are multiplied element by
//! element, in vectors of channels whose sums stay in registers over the window.

use super::ConvShape;
use crate::cpu::convert::in_f32;
use crate::cpu::epilogue::Epilogue;
use crate::cpu::gemm::sum_in_order;
use crate::cpu::gemm::tiling::even_part;
use crate::cpu::isa::{Arch, Isa};
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;

/// The most partial weight gradients; also the most tasks of a weight gradient.
const MAX_PARTIALS: usize = 32;
/// Channels whose sums are kept in registers.
const LANES: usize = 32;
/// Columns of the window by [`HALF`] channels that a weight gradient keeps in registers.
const COLUMNS: usize = 3;
const HALF: usize = LANES / 2;

/// Whether the functions here apply.
pub fn applies(s: &ConvShape) -> bool {
    s.groups > 1 && s.groups == s.c && s.groups == s.out
}

/// The place among `count` of them where a tap's window begins that meets `at`, if there is one.
#[inline(always)]
fn window(at: usize, pad: usize, tap: usize, stride: usize, count: usize) -> Option<usize> {
    let from = (at + pad).checked_sub(tap).filter(|from| from.is_multiple_of(stride))?;
    Some(from / stride).filter(|&place| place < count)
}

/// The pixel that a tap of a window meets, if it is within the image.
#[inline(always)]
fn pixel(place: usize, stride: usize, tap: usize, pad: usize, size: usize) -> Option<usize> {
    (place * stride + tap).checked_sub(pad).filter(|&pixel| pixel < size)
}

/// One product of a pixel's sum: where the source pixel and the tap's weights begin.
type Term = (usize, usize);

/// `to[c]` = the sum of `from[source + c] * w[weight + c]` over the terms.
#[inline(always)]
fn sum_terms<A: Arch, S: Stored, T: Stored>(terms: &[Term], from: &[S], w: &[f32], to: &mut [T]) {
    let whole = to.len() / LANES * LANES;
    let (blocks, rest) = to.split_at_mut(whole);
    for (i, to) in blocks.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [0.0; LANES];
        for &(source, weight) in terms {
            let from: &[S; LANES] = from[source + i * LANES..].first_chunk().expect("a pixel's channels");
            let w: &[f32; LANES] = w[weight + i * LANES..].first_chunk().expect("a tap's channels");
            for lane in 0..LANES {
                sums[lane] = A::madd(from[lane].widen(), w[lane], sums[lane]);
            }
        }
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = T::round(sum));
    }
    let mut sums = [0.0; LANES];
    let sums = &mut sums[..rest.len()];
    for &(source, weight) in terms {
        let (from, w) = (&from[source + whole..], &w[weight + whole..]);
        for ((sum, from), &w) in sums.iter_mut().zip(from).zip(w) {
            *sum = A::madd(from.widen(), w, *sum);
        }
    }
    rest.iter_mut().zip(sums).for_each(|(to, sum)| *to = T::round(*sum));
}

multiversion! {
    /// Row `oy` of one image's result, with weights `[tap][channel]`.
    fn forward_row<A, S: Stored, T: Stored>(s: &ConvShape, oy: usize, x: &[S], w: &[f32], y: &mut [T]) {
        let mut terms: Vec<Term> = Vec::with_capacity(s.kh * s.kw);
        for (ox, y) in y.chunks_exact_mut(s.c).enumerate() {
            terms.clear();
            for ky in 0..s.kh {
                let Some(iy) = pixel(oy, s.stride_h, ky, s.pad_h, s.h) else { continue };
                for kx in 0..s.kw {
                    if let Some(ix) = pixel(ox, s.stride_w, kx, s.pad_w, s.w) {
                        terms.push(((iy * s.w + ix) * s.c, (ky * s.kw + kx) * s.c));
                    }
                }
            }
            sum_terms::<A, S, T>(&terms, x, w, y);
        }
    }
}

multiversion! {
    /// Row `iy` of one image's gradient, with weights `[tap][channel]`.
    fn backward_row<A, S: Stored>(s: &ConvShape, iy: usize, dy: &[S], w: &[f32], dx: &mut [S]) {
        let mut terms: Vec<Term> = Vec::with_capacity(s.kh * s.kw);
        for (ix, dx) in dx.chunks_exact_mut(s.c).enumerate() {
            terms.clear();
            for ky in 0..s.kh {
                let Some(oy) = window(iy, s.pad_h, ky, s.stride_h, s.oh) else { continue };
                for kx in 0..s.kw {
                    if let Some(ox) = window(ix, s.pad_w, kx, s.stride_w, s.ow) {
                        terms.push(((oy * s.ow + ox) * s.c, (ky * s.kw + kx) * s.c));
                    }
                }
            }
            sum_terms::<A, S, S>(&terms, dy, w, dx);
        }
    }
}

/// The first channels of a pixel, 0 beyond the last.
#[inline(always)]
fn lanes<S: Stored>(from: &[S]) -> [f32; HALF] {
    if let Some(from) = from.first_chunk::<HALF>() {
        return from.map(S::widen);
    }
    let mut some = [0.0; HALF];
    some.iter_mut().zip(from).for_each(|(to, from)| *to = from.widen());
    some
}

multiversion! {
    /// Adds one image's contribution to the weight gradient `[tap][channel]`.
    fn add_weight_grad<A, S: Stored>(s: &ConvShape, x: &[S], dy: &[S], dw: &mut [f32]) {
        for first in (0..s.c).step_by(HALF) {
            let channels = first..s.c.min(first + HALF);
            for (ky, left) in (0..s.kh).flat_map(|ky| (0..s.kw).step_by(COLUMNS).map(move |left| (ky, left))) {
                let columns = COLUMNS.min(s.kw - left);
                let mut sums = [[0.0; HALF]; COLUMNS];
                for oy in 0..s.oh {
                    let Some(iy) = pixel(oy, s.stride_h, ky, s.pad_h, s.h) else { continue };
                    for ox in 0..s.ow {
                        let dy = lanes(&dy[(oy * s.ow + ox) * s.c..][channels.clone()]);
                        for (column, sums) in sums[..columns].iter_mut().enumerate() {
                            let Some(ix) = pixel(ox, s.stride_w, left + column, s.pad_w, s.w) else { continue };
                            let x = lanes(&x[(iy * s.w + ix) * s.c..][channels.clone()]);
                            for lane in 0..HALF {
                                sums[lane] = A::madd(x[lane], dy[lane], sums[lane]);
                            }
                        }
                    }
                }
                for (column, sums) in sums[..columns].iter().enumerate() {
                    let dw = &mut dw[(ky * s.kw + left + column) * s.c..][channels.clone()];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
                }
            }
        }
    }
}

/// Copies `[rows][cols]` to `[cols][rows]`.
fn transpose<S: Stored, T: Stored>(from: &[S], cols: usize, to: &mut [T]) {
    let rows = from.len() / cols;
    for (i, row) in from.chunks_exact(cols).enumerate() {
        for (j, x) in row.iter().enumerate() {
            to[j * rows + i] = T::round(x.widen());
        }
    }
}

/// See [`super::conv2d_forward`].
pub fn forward<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    s: &ConvShape,
    (x, w, y): (&[S], &[S], &mut [S]),
    then: Option<&dyn Epilogue>,
) {
    let mut by_tap = Scratch::take(w.len());
    transpose(w, s.kh * s.kw, by_tap.as_mut_slice());
    let (w, image) = (by_tap.as_slice(), s.h * s.w * s.c);
    for_each_chunk_mut(pool, y, (s.ow * s.c).max(1), |row, y| {
        let x = &x[row / s.oh * image..][..image];
        let Some(then) = then else { return forward_row(isa, s, row % s.oh, x, w, y) };
        in_f32(isa, [], y, |[], y| {
            forward_row(isa, s, row % s.oh, x, w, y);
            let pixels = y.chunks_exact_mut(s.c).enumerate();
            then.apply(isa, 0, &mut pixels.map(|(ox, y)| ((row * s.ow + ox) * s.c, y)));
        });
    });
}

/// See [`super::conv2d_backward_input`].
pub fn backward_input<S: Stored>(isa: Isa, pool: &ThreadPool, s: &ConvShape, dy: &[S], w: &[S], dx: &mut [S]) {
    let mut by_tap = Scratch::take(w.len());
    transpose(w, s.kh * s.kw, by_tap.as_mut_slice());
    let (w, image) = (by_tap.as_slice(), s.oh * s.ow * s.c);
    for_each_chunk_mut(pool, dx, (s.w * s.c).max(1), |row, dx| {
        backward_row(isa, s, row % s.h, &dy[row / s.h * image..][..image], w, dx);
    });
}

/// See [`super::conv2d_backward_weight`].
pub fn backward_weight<S: Stored>(isa: Isa, pool: &ThreadPool, s: &ConvShape, x: &[S], dy: &[S], dw: &mut [S]) {
    let (image, result) = (s.h * s.w * s.c, s.oh * s.ow * s.c);
    let size = dw.len();
    let partials = s.n.clamp(1, MAX_PARTIALS);
    let mut sums = Scratch::take(partials * size);
    for_each_chunk_mut(pool, sums.as_mut_slice(), size, |i, dw| {
        dw.fill(0.0);
        for i in even_part(s.n, partials, i) {
            let (x, dy) = (&x[i * image..][..image], &dy[i * result..][..result]);
            add_weight_grad(isa, s, x, dy, dw);
        }
    });
    let mut by_tap = Scratch::take(size);
    sum_in_order(pool, sums.as_slice(), by_tap.as_mut_slice(), false);
    transpose(by_tap.as_slice(), s.c, dw);
}
