//! Matrix products of f32 and of bf16, after the BLIS design: packed panels, cache blocks and a register-tile kernel.
//!
//! Sums are in f32. bf16 is multiplied by pairs where the kernels do so ([`Kernels::pairs`]); else what is packed or
//! copied of A and B for a task is widened on the way, and each block of C is rounded once its sums are done.

mod blocked;
pub(crate) mod microkernel;
#[cfg(target_arch = "x86_64")]
mod microkernel_avx2;
#[cfg(target_arch = "x86_64")]
mod microkernel_avx512;
#[cfg(target_arch = "x86_64")]
mod microkernel_avx512_bf16;
#[cfg(all(test, target_arch = "x86_64"))]
mod microkernel_emulated;
mod microkernel_portable;
pub(crate) mod pack;
pub(crate) mod pairs;
pub(crate) mod tiling;

use super::epilogue::{Epilogue, apply_to_part};
use super::isa::Isa;
use super::pool::{SliceParts, ThreadPool, for_each_chunk_mut, split};
use super::scratch::Scratch;
use crate::dtype::Stored;
pub(crate) use blocked::Product;
use blocked::blocked;
use microkernel::Kernels;
use pack::copy_strided;
use std::ops::Range;

/// A read-only matrix with any strides (in elements): element `(i, j)` is
/// `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, S = f32> {
    /// The elements, from `(0, 0)` on.
    pub data: &'a [S],
    /// Distance from one row to the next.
    pub row_stride: usize,
    /// Distance from one column to the next.
    pub col_stride: usize,
}

impl<'a, S: Copy> Mat<'a, S> {
    /// A row-major matrix of `cols` columns.
    pub fn row_major(data: &'a [S], cols: usize) -> Self {
        Mat { data, row_stride: cols, col_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Mat { data: self.data, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    /// Panics if a `rows` x `cols` matrix would reach beyond the data. Kernels read through
    /// raw pointers after this check.
    fn check(&self, rows: usize, cols: usize) {
        if rows > 0 && cols > 0 {
            let last = (rows - 1) * self.row_stride + (cols - 1) * self.col_stride;
            assert!(last < self.data.len(), "matrix of {rows} x {cols} reaches beyond its data");
        }
    }

    /// The part from element `(row, col)` on.
    fn from(&self, row: usize, col: usize) -> Self {
        let start = (row * self.row_stride + col * self.col_stride).min(self.data.len());
        Mat { data: &self.data[start..], ..*self }
    }
}

/// `C (+)= A B` for `A` of `m` x `k`, `B` of `k` x `n` and row-major `C` of `m` x `n`.
///
/// With `accumulate` the product is added to `c`, else it overwrites `c`. The order of
/// additions depends on the shape and `isa` alone.
#[allow(clippy::too_many_arguments)]
pub fn gemm<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    m: usize,
    n: usize,
    k: usize,
    a: Mat<S>,
    b: Mat<S>,
    c: &mut [S],
    accumulate: bool,
) {
    multiply(pool, &Product { kernels: Kernels::for_stored::<S>(isa), m, n, k, a, b, accumulate }, c);
}

/// [`gemm`] with given kernels; only to f32 can be added.
pub(crate) fn multiply<S: Stored, O: Stored>(pool: &ThreadPool, product: &Product<S>, c: &mut [O]) {
    multiply_then(pool, product, c, None);
}

/// [`multiply`], and what follows while the sums are at hand.
pub(crate) fn multiply_then<S: Stored, O: Stored>(
    pool: &ThreadPool,
    product: &Product<S>,
    c: &mut [O],
    then: Option<&dyn Epilogue>,
) {
    assert!(!product.accumulate || O::as_f32(&[]).is_some(), "sums that were rounded are not added to");
    let Product { m, n, k, .. } = *product;
    product.a.check(m, k);
    product.b.check(k, n);
    let c = &mut c[..m * n];
    if c.is_empty() {
        return;
    }
    if is_flat(product) {
        return transposed(pool, product, c, then);
    }
    let pieces = tiling::reduction_pieces(m, n, k);
    let strips = blocked::strips(product);
    if pieces > 1 {
        split_reduction(pool, product, pieces, c, then);
    } else if strips > 1 {
        in_strips(pool, product, strips, c, then);
    } else {
        blocked(pool, product, &SliceParts::new(c), then);
    }
}

/// Whether B outweighs all else, and lies by columns: as the weights of a convolution of few pixels.
fn is_flat<S: Copy>(product: &Product<S>) -> bool {
    let Product { m, n, k, b, accumulate, .. } = *product;
    !accumulate && b.row_stride == 1 && b.col_stride >= k && n * k > 4 * m * (n + k)
}

/// Computes the transpose, of which B is the first operand and read where it lies, and turns it.
fn transposed<S: Stored, O: Stored>(pool: &ThreadPool, product: &Product<S>, c: &mut [O], then: Option<&dyn Epilogue>) {
    /// Rows of C at a time: a cache line of each column.
    const ROWS: usize = 16;
    let Product { kernels, m, n, a, b, .. } = *product;
    let mut columns = Scratch::take(c.len());
    let turned = Product { m: n, n: m, a: b.transposed(), b: a.transposed(), ..*product };
    blocked(pool, &turned, &SliceParts::new(columns.as_mut_slice()), None);
    let columns = columns.as_slice();
    for_each_chunk_mut(pool, c, ROWS * n, |chunk, c| {
        let mut rows = Scratch::take(c.len());
        let rows = rows.as_mut_slice();
        copy_strided((columns, chunk * ROWS), |x| x, (c.len() / n, 1), (n, m), rows, n);
        if let Some(then) = then {
            apply_to_part(then, kernels.isa, n, chunk * ROWS * n, rows);
        }
        O::round_all(kernels.isa, rows, c);
    });
}

/// Computes pieces of the reduction in parallel, then adds them up in order.
fn split_reduction<S: Stored, O: Stored>(
    pool: &ThreadPool,
    product: &Product<S>,
    pieces: usize,
    c: &mut [O],
    then: Option<&dyn Epilogue>,
) {
    /// Steps at a time, so that what is packed of B is still in the cache when it is used.
    const STEP: usize = 384;
    let size = c.len();
    let mut partials = Scratch::take(pieces * size);
    for_each_chunk_mut(pool, partials.as_mut_slice(), size, |piece, partial| {
        let words = tiling::even_part(product.kernels.words(product.k), pieces, piece);
        let (start, partial) = (words.start, SliceParts::new(partial));
        for words in tiling::even_parts(words, STEP) {
            let accumulate = words.start > start;
            blocked(pool, &Product { accumulate, ..part_of(product, words) }, &partial, None);
        }
    });
    finish(pool, product, &partials, c, then);
}

/// Computes strips of the reduction one after the other, each on all threads.
fn in_strips<S: Stored, O: Stored>(
    pool: &ThreadPool,
    product: &Product<S>,
    strips: usize,
    c: &mut [O],
    then: Option<&dyn Epilogue>,
) {
    let mut sums = Scratch::take(c.len());
    {
        let sums = SliceParts::new(sums.as_mut_slice());
        for strip in 0..strips {
            let words = tiling::even_part(product.kernels.words(product.k), strips, strip);
            blocked(pool, &Product { accumulate: strip > 0, ..part_of(product, words) }, &sums, None);
        }
    }
    finish(pool, product, &sums, c, then);
}

/// The product of some words of the reduction.
fn part_of<'a, S: Stored>(product: &Product<'a, S>, words: Range<usize>) -> Product<'a, S> {
    let per_word = product.kernels.per_word();
    let ks = words.start * per_word..product.k.min(words.end * per_word);
    Product { k: ks.len(), a: product.a.from(0, ks.start), b: product.b.from(ks.start, 0), ..*product }
}

/// Adds up partial results of a product into `c`, and does what follows.
fn finish<S: Stored, O: Stored>(
    pool: &ThreadPool,
    product: &Product<S>,
    partials: &Scratch,
    c: &mut [O],
    then: Option<&dyn Epilogue>,
) {
    let isa = product.kernels.isa;
    sum_in_order_then(pool, partials.as_slice(), c, product.accumulate, |at, sums| {
        if let Some(then) = then {
            apply_to_part(then, isa, product.n, at, sums);
        }
    });
}

/// `c (+)=` the sum of the consecutive `c.len()`-sized parts of `partials`, first to last.
pub(crate) fn sum_in_order<O: Stored>(pool: &ThreadPool, partials: &[f32], c: &mut [O], accumulate: bool) {
    sum_in_order_then(pool, partials, c, accumulate, |_, _| {});
}

/// [`sum_in_order`]; `then` is given each part of the sums, and where it begins.
fn sum_in_order_then<O: Stored>(
    pool: &ThreadPool,
    partials: &[f32],
    c: &mut [O],
    accumulate: bool,
    then: impl Fn(usize, &mut [f32]) + Sync,
) {
    /// Floats per chunk; a few of these fit the L1 cache.
    const CHUNK: usize = 2048;
    let size = c.len();
    for_each_chunk_mut(pool, c, CHUNK, |i, c| {
        let mut sums = [0.0_f32; CHUNK];
        let sums = &mut sums[..c.len()];
        if accumulate {
            sums.iter_mut().zip(&*c).for_each(|(sum, c)| *sum = c.widen());
        }
        for (p, partial) in partials.chunks_exact(size).enumerate() {
            let partial = &partial[i * CHUNK..][..c.len()];
            if p == 0 && !accumulate {
                sums.copy_from_slice(partial);
            } else {
                sums.iter_mut().zip(partial).for_each(|(sum, x)| *sum += x);
            }
        }
        then(i * CHUNK, sums);
        c.iter_mut().zip(sums).for_each(|(c, sum)| *c = O::round(*sum));
    });
}

/// [`gemm`] for `batch` products whose operands lie `stride_a` and `stride_b` elements apart
/// (0 shares one operand), and whose results are adjacent.
///
/// `a` and `b` describe the first product and must hold the data of all.
#[allow(clippy::too_many_arguments)]
pub fn gemm_batch<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    (a, stride_a): (Mat<S>, usize),
    (b, stride_b): (Mat<S>, usize),
    c: &mut [S],
    accumulate: bool,
) {
    /// Multiply-adds in one product above which it is worth splitting itself.
    const LARGE: usize = 1 << 24;
    /// Products that are tasks enough where each is one.
    const ENOUGH: usize = 16;
    /// Multiply-adds that make handing out a task worthwhile.
    const TASK_WORK: usize = 1 << 17;
    let size = m * n;
    let c = &mut c[..batch * size];
    if c.is_empty() {
        return;
    }
    let one = |i: usize, c: &mut [S]| {
        let a = Mat { data: &a.data[i * stride_a..], ..a };
        let b = Mat { data: &b.data[i * stride_b..], ..b };
        gemm(isa, pool, m, n, k, a, b, c, accumulate);
    };
    let work = size * k;
    if work >= LARGE && batch < ENOUGH {
        c.chunks_exact_mut(size).enumerate().for_each(|(i, c)| one(i, c));
        return;
    }
    let per_task = (TASK_WORK / work.max(1)).clamp(1, split(batch, 16).max(1));
    for_each_chunk_mut(pool, c, per_task * size, |task, c| {
        for (i, c) in c.chunks_exact_mut(size).enumerate() {
            one(task * per_task + i, c);
        }
    });
}

#[cfg(test)]
pub(crate) mod tests;
