//! Depthwise convolution (one channel per group): too thin for matrix products, so whole
//! pixels are multiplied element by element, vectorised over the channels.

use super::ConvShape;
use crate::cpu::gemm::sum_in_order;
use crate::cpu::gemm::tiling::even_part;
use crate::cpu::isa::{Arch, Isa};
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;

/// The most partial weight gradients; also the most tasks of a weight gradient.
const MAX_PARTIALS: usize = 32;

/// Whether the functions here apply.
pub fn applies(s: &ConvShape) -> bool {
    s.groups > 1 && s.groups == s.c && s.groups == s.out
}

/// Floats of one image and of one result, at least 1 so as to be chunk sizes.
fn sizes(s: &ConvShape) -> (usize, usize) {
    ((s.h * s.w * s.c).max(1), (s.oh * s.ow * s.c).max(1))
}

/// Calls `f(result pixel, image pixel, tap)` for every product within one image.
#[inline(always)]
fn each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    for oy in 0..s.oh {
        for ky in 0..s.kh {
            let iy = (oy * s.stride_h + ky).wrapping_sub(s.pad_h);
            if iy >= s.h {
                continue;
            }
            for ox in 0..s.ow {
                for kx in 0..s.kw {
                    let ix = (ox * s.stride_w + kx).wrapping_sub(s.pad_w);
                    if ix < s.w {
                        f(oy * s.ow + ox, iy * s.w + ix, ky * s.kw + kx);
                    }
                }
            }
        }
    }
}

/// `to[to_pixel] += a[a_pixel] * b[b_pixel]` for all of `c` channels.
#[inline(always)]
fn add_product<A: Arch>(
    c: usize,
    (to, to_pixel): (&mut [f32], usize),
    (a, a_pixel): (&[f32], usize),
    (b, b_pixel): (&[f32], usize),
) {
    let (a, b) = (&a[a_pixel * c..][..c], &b[b_pixel * c..][..c]);
    for ((to, &a), &b) in to[to_pixel * c..][..c].iter_mut().zip(a).zip(b) {
        *to = A::madd(a, b, *to);
    }
}

multiversion! {
    /// One image's result, with weights `[tap][channel]`.
    fn forward_image<A>(s: &ConvShape, x: &[f32], w: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        each_product(s, |py, px, tap| add_product::<A>(s.c, (y, py), (x, px), (w, tap)));
    }
}

multiversion! {
    /// One image's gradient, with weights `[tap][channel]`.
    fn backward_image<A>(s: &ConvShape, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        dx.fill(0.0);
        each_product(s, |py, px, tap| add_product::<A>(s.c, (dx, px), (dy, py), (w, tap)));
    }
}

multiversion! {
    /// Adds one image's contribution to the weight gradient `[tap][channel]`.
    fn add_weight_grad<A>(s: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        each_product(s, |py, px, tap| add_product::<A>(s.c, (dw, tap), (x, px), (dy, py)));
    }
}

/// Copies `[rows][cols]` to `[cols][rows]`.
fn transpose(from: &[f32], cols: usize, to: &mut [f32]) {
    let rows = from.len() / cols;
    for (i, row) in from.chunks_exact(cols).enumerate() {
        for (j, &x) in row.iter().enumerate() {
            to[j * rows + i] = x;
        }
    }
}

/// See [`super::conv2d_forward`].
pub fn forward(isa: Isa, pool: &ThreadPool, s: &ConvShape, x: &[f32], w: &[f32], y: &mut [f32]) {
    let (image, result) = sizes(s);
    let mut by_tap = Scratch::take(w.len());
    transpose(w, s.kh * s.kw, by_tap.as_mut_slice());
    let w = by_tap.as_slice();
    for_each_chunk_mut(pool, y, result, |i, y| {
        forward_image(isa, s, &x[i * image..][..image], w, y);
    });
}

/// See [`super::conv2d_backward_input`].
pub fn backward_input(isa: Isa, pool: &ThreadPool, s: &ConvShape, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let (image, _) = sizes(s);
    let result = s.oh * s.ow * s.c;
    let mut by_tap = Scratch::take(w.len());
    transpose(w, s.kh * s.kw, by_tap.as_mut_slice());
    let w = by_tap.as_slice();
    for_each_chunk_mut(pool, dx, image, |i, dx| {
        backward_image(isa, s, &dy[i * result..][..result], w, dx);
    });
}

/// See [`super::conv2d_backward_weight`].
pub fn backward_weight(isa: Isa, pool: &ThreadPool, s: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
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
