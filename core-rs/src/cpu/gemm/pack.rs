//! Copying operands into the layouts that the kernels read fastest.

use super::Mat;
use std::ops::Range;

/// Side of the square blocks in which a transposing copy stays within the L1 cache.
const BLOCK: usize = 8;

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
    for o0 in (0..outer).step_by(BLOCK) {
        let os = BLOCK.min(outer - o0);
        for i in 0..inner {
            let from = &src[start + o0 * outer_stride + i * inner_stride..];
            if os == BLOCK && outer_stride == 1 {
                for (o, &x) in from[..BLOCK].iter().enumerate() {
                    dst[(o0 + o) * dst_stride + i] = x;
                }
            } else {
                for o in 0..os {
                    dst[(o0 + o) * dst_stride + i] = from[o * outer_stride];
                }
            }
        }
    }
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

/// Packs rows `rows` of `a`, columns `ks`, as `[ks][rows]` into `panel`.
pub fn pack_a_panel(a: &Mat, rows: Range<usize>, ks: Range<usize>, panel: &mut [f32]) {
    let start = rows.start * a.row_stride + ks.start * a.col_stride;
    copy_strided((a.data, start), (ks.len(), a.col_stride), (rows.len(), a.row_stride), panel, rows.len());
}
