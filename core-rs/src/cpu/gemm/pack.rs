//! Copying operands into the layouts that the kernels read fastest, as words of the kernels.

use super::microkernel::Kernels;
use super::tiling::even_parts;
use super::{Mat, pairs};
use crate::cpu::isa::Isa;
use crate::cpu::pool::SliceParts;
use crate::dtype::Stored;
use std::ops::Range;

/// Floats in a cache line.
const LINE: usize = 16;
/// Steps of the reduction that are packed at a time where what is beside each other goes to several tiles or panels: their
/// rows, often a power of two apart, must stay in one set of the L1 cache until the last tile has read its part.
pub const FEW: usize = 4;
/// Side of the square blocks that are transposed in registers.
const BLOCK: usize = 4;

/// Copies `dst[outer * dst_stride + inner] = word(src[start + outer * outer_stride + inner *
/// inner_stride])` for every `outer` and `inner`.
pub fn copy_strided<T: Copy>(
    (src, start): (&[T], usize),
    word: impl Fn(T) -> f32 + Copy,
    (outer, outer_stride): (usize, usize),
    (inner, inner_stride): (usize, usize),
    dst: &mut [f32],
    dst_stride: usize,
) {
    if outer == 0 || inner == 0 {
        return;
    }
    if inner_stride == 1 {
        let rows = (&src[start..], outer, outer_stride);
        // Narrow rows get copies of fixed size, far faster than a `memcpy` each.
        macro_rules! fixed_size {
            ($($n:literal)*) => {
                match inner {
                    $($n => return copy_rows::<T, $n>(rows, word, dst, dst_stride),)*
                    _ => {}
                }
            };
        }
        fixed_size!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 32);
        for (o, row) in dst.chunks_mut(dst_stride).take(outer).enumerate() {
            let at = start + o * outer_stride;
            row[..inner].iter_mut().zip(&src[at..at + inner]).for_each(|(to, &from)| *to = word(from));
        }
        return;
    }
    // Whole cache lines of a few source rows at a time: rows that are a power of two apart
    // would evict each other's lines before the next part of them is needed.
    for o0 in (0..outer).step_by(LINE) {
        let os = LINE.min(outer - o0);
        for i0 in (0..inner).step_by(BLOCK) {
            let is = BLOCK.min(inner - i0);
            let from = &src[start + o0 * outer_stride + i0 * inner_stride..];
            let to = &mut dst[o0 * dst_stride + i0..];
            if (os, is, outer_stride) == (LINE, BLOCK, 1) {
                for o in (0..LINE).step_by(BLOCK) {
                    transpose_block(&from[o..], word, inner_stride, &mut to[o * dst_stride..], dst_stride);
                }
                continue;
            }
            for i in 0..is {
                for o in 0..os {
                    to[o * dst_stride + i] = word(from[o * outer_stride + i * inner_stride]);
                }
            }
        }
    }
}

/// Transposes `BLOCK` rows of `BLOCK` adjacent elements.
#[inline(always)]
fn transpose_block<T: Copy>(src: &[T], word: impl Fn(T) -> f32, src_stride: usize, dst: &mut [f32], dst_stride: usize) {
    let rows: [[f32; BLOCK]; BLOCK] = std::array::from_fn(|i| {
        let row: [T; BLOCK] = *src[i * src_stride..].first_chunk().expect("a whole row");
        row.map(&word)
    });
    for (o, column) in transposed(rows).iter().enumerate() {
        dst[o * dst_stride..][..BLOCK].copy_from_slice(column);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    use std::arch::x86_64::{__m128, _MM_TRANSPOSE4_PS};
    // SAFETY: four floats and a vector of four floats have the same representation; the
    // instructions are in every x86-64 processor.
    unsafe {
        let [mut a, mut b, mut c, mut d]: [__m128; 4] = std::mem::transmute(rows);
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        std::mem::transmute([a, b, c, d])
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn transposed(rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK] {
    std::array::from_fn(|o| std::array::from_fn(|i| rows[i][o]))
}

/// Copies `outer` rows of `N` adjacent elements, `stride` apart in the source.
fn copy_rows<T: Copy, const N: usize>(
    (src, outer, stride): (&[T], usize, usize),
    word: impl Fn(T) -> f32 + Copy,
    dst: &mut [f32],
    dst_stride: usize,
) {
    for (o, row) in dst.chunks_mut(dst_stride).take(outer).enumerate() {
        let from: &[T; N] = src[o * stride..].first_chunk().expect("a whole row");
        let to: &mut [f32; N] = row.first_chunk_mut().expect("a whole row");
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = word(from));
    }
}

/// Copies elements `ks` of the reduction, `k_stride` apart, as words by `inner` others.
fn copy_words<S: Stored>(
    kernels: &Kernels,
    (src, start): (&[S], usize),
    (ks, k_stride): (Range<usize>, usize),
    inner: (usize, usize),
    dst: &mut [f32],
    dst_stride: usize,
) {
    let start = start + ks.start * k_stride;
    if kernels.pairs {
        let src = S::as_bf16(src).expect("pairs are of bf16");
        pairs::copy((src, start), (ks.len(), k_stride), inner, dst, dst_stride);
    } else {
        copy_strided((src, start), S::widen, (ks.len(), k_stride), inner, dst, dst_stride);
    }
}

/// Packs columns `cols` of `b`, rows `ks`, as words `[ks][nr]` into `panel`, zero beyond the last
/// column.
pub fn pack_b_panel<S: Stored>(kernels: &Kernels, b: &Mat<S>, ks: Range<usize>, cols: Range<usize>, panel: &mut [f32]) {
    let nr = kernels.nr();
    if cols.len() < nr {
        panel[..kernels.words(ks.len()) * nr].fill(0.0);
    }
    let start = (b.data, cols.start * b.col_stride);
    copy_words(kernels, start, (ks, b.row_stride), (cols.len(), b.col_stride), panel, nr);
}

/// Packs rows `rows` of `a`, columns `ks`, as words of one panel `[ks][tile rows]` after the other
/// for the even tiles of at most `mr` rows.
pub fn pack_a<S: Stored>(kernels: &Kernels, a: &Mat<S>, rows: Range<usize>, ks: Range<usize>, packed: &mut [f32]) {
    let (words, per_word) = (kernels.words(ks.len()), kernels.per_word());
    // A few columns at a time: the tiles share cache lines of columns that are stored
    // contiguously.
    for some in even_parts(0..words, if a.row_stride == 1 { FEW } else { LINE }) {
        for tile in even_parts(rows.clone(), kernels.mr) {
            let panel = (tile.start - rows.start) * words;
            let to = &mut packed[panel + some.start * tile.len()..];
            let elements = ks.start + some.start * per_word..ks.end.min(ks.start + some.end * per_word);
            let start = (a.data, tile.start * a.row_stride);
            copy_words(kernels, start, (elements, a.col_stride), (tile.len(), a.row_stride), to, tile.len());
        }
    }
}

/// Widens rows `rows` of `a`, columns `ks`, which are adjacent, as `[rows][ks]`.
pub fn copy_a<S: Stored>(kernels: &Kernels, a: &Mat<S>, rows: Range<usize>, ks: Range<usize>, to: &mut [f32]) {
    let start = rows.start * a.row_stride + ks.start;
    copy_block(
        kernels.isa,
        &a.data[start.min(a.data.len())..],
        a.row_stride,
        ks.len(),
        &mut to[..rows.len() * ks.len()],
    );
}

multiversion! {
    /// Widens rows of `len` adjacent elements, `stride` apart.
    fn copy_block<A, S: Stored>(from: &[S], stride: usize, len: usize, to: &mut [f32]) {
        for (i, to) in to.chunks_exact_mut(len.max(1)).enumerate() {
            to.iter_mut().zip(&from[i * stride..]).for_each(|(to, from)| *to = from.widen());
        }
    }
}

/// Rounds a block of sums, rows of `step` of which `cols` count, to rows that begin where `at` says.
///
/// # Safety
/// No other thread may access what is written.
pub unsafe fn round_rows<O: Stored>(
    isa: Isa,
    sums: &[f32],
    (step, cols): (usize, usize),
    to: &SliceParts<O>,
    at: impl Fn(usize) -> usize,
) {
    for (i, sums) in sums.chunks_exact(step).enumerate() {
        // SAFETY: the caller's promise.
        let to = unsafe { to.part(at(i)..at(i) + cols) };
        O::round_all(isa, &sums[..cols], to);
    }
}
