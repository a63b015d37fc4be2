//! Copying operands into the layouts that the kernels read fastest.

use super::Mat;
use super::tiling::even_parts;
use std::ops::Range;

/// Floats in a cache line.
const LINE: usize = 16;
/// Side of the square blocks that are transposed in registers.
const BLOCK: usize = 4;

/// Copies `dst[outer * dst_stride + inner] = src[start + outer * outer_stride + inner *
/// inner_stride]` for every `outer` and `inner`.
pub fn copy_strided(
    (src, start): (&[f32], usize),
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
                    $($n => return copy_rows::<$n>(rows, dst, dst_stride),)*
                    _ => {}
                }
            };
        }
        fixed_size!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 32);
        for (o, row) in dst.chunks_mut(dst_stride).take(outer).enumerate() {
            let at = start + o * outer_stride;
            row[..inner].copy_from_slice(&src[at..at + inner]);
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
                    transpose_block(&from[o..], inner_stride, &mut to[o * dst_stride..], dst_stride);
                }
                continue;
            }
            for i in 0..is {
                for o in 0..os {
                    to[o * dst_stride + i] = from[o * outer_stride + i * inner_stride];
                }
            }
        }
    }
}

/// Transposes `BLOCK` rows of `BLOCK` adjacent floats.
#[inline(always)]
fn transpose_block(src: &[f32], src_stride: usize, dst: &mut [f32], dst_stride: usize) {
    let rows: [[f32; BLOCK]; BLOCK] =
        std::array::from_fn(|i| *src[i * src_stride..].first_chunk().expect("a whole row"));
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

/// Copies `outer` rows of `N` adjacent floats, `stride` apart in the source.
fn copy_rows<const N: usize>((src, outer, stride): (&[f32], usize, usize), dst: &mut [f32], dst_stride: usize) {
    for (o, row) in dst.chunks_mut(dst_stride).take(outer).enumerate() {
        let from: &[f32; N] = src[o * stride..].first_chunk().expect("a whole row");
        row[..N].copy_from_slice(from);
    }
}

/// Packs columns `cols` of `b`, rows `ks`, as `[ks][nr]` into `panel`, zero beyond the last
/// column.
pub fn pack_b_panel(b: &Mat, ks: Range<usize>, cols: Range<usize>, nr: usize, panel: &mut [f32]) {
    let start = ks.start * b.row_stride + cols.start * b.col_stride;
    if cols.len() < nr {
        panel[..ks.len() * nr].fill(0.0);
    }
    copy_strided((b.data, start), (ks.len(), b.row_stride), (cols.len(), b.col_stride), panel, nr);
}

/// Packs rows `rows` of `a`, columns `ks`, as one panel `[ks][tile rows]` after the other for
/// the even tiles of at most `mr` rows.
pub fn pack_a(a: &Mat, rows: Range<usize>, ks: Range<usize>, mr: usize, packed: &mut [f32]) {
    // A few columns at a time: the tiles share cache lines of columns that are stored
    // contiguously.
    for some in even_parts(ks.clone(), LINE) {
        for tile in even_parts(rows.clone(), mr) {
            let panel = (tile.start - rows.start) * ks.len();
            let to = &mut packed[panel + (some.start - ks.start) * tile.len()..];
            copy_strided(
                (a.data, tile.start * a.row_stride + some.start * a.col_stride),
                (some.len(), a.col_stride),
                (tile.len(), a.row_stride),
                to,
                tile.len(),
            );
        }
    }
}
