//! Fast reductions of [outer, count, inner]: rows are joined in f32, a few dozen at a time, and then in f64.

use super::Fold;
use super::layout::Layout;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Stored;
use std::ops::Range;

/// Columns that are reduced together: the totals of a block stay in the L1 cache.
const WIDTH: usize = 512;

/// Rows that are joined in f32 before they go to the f64 totals.
const BLOCK: usize = 32;

/// Elements of x that a chunk reads, about.
const CHUNK: usize = 32 * 1024;

/// Chunks that are enough to share among threads; with fewer outputs than that the reduced axis is cut.
const ENOUGH_CHUNKS: usize = 16;

/// The most parts of a cut axis, and the fewest rows a part.
const MAX_PARTS: usize = 128;
const MIN_ROWS: usize = 64;

pub fn run<F: Fold, S: Stored>(isa: Isa, pool: &ThreadPool, layout: &Layout, x: &[S], y: &mut [S]) {
    let (count, outputs) = (layout.count, layout.outputs());
    // Whole rows, or blocks of columns where a row is wider.
    let step = if layout.inner < WIDTH { WIDTH / layout.inner.max(1) * layout.inner } else { WIDTH };
    let unit = layout.inner.min(step);
    let chunk = (CHUNK / count.max(1)).max(1).next_multiple_of(unit.max(1));
    let parts = (x.len() / CHUNK).min(count / MIN_ROWS).min(MAX_PARTS);
    if outputs >= ENOUGH_CHUNKS * chunk || parts <= 1 {
        for_each_chunk_mut(pool, y, chunk, |at, y| {
            for (block, y) in y.chunks_mut(step).enumerate() {
                let totals = &mut [F::IDENTITY; WIDTH][..y.len()];
                F::totals(isa, layout, x, 0..count, at * chunk + block * step, totals);
                y.iter_mut().zip(totals).for_each(|(y, total)| *y = S::round(F::finish(*total, count) as f32));
            }
        });
        return;
    }
    let rows = count.div_ceil(parts);
    let mut partial = vec![F::IDENTITY; count.div_ceil(rows) * outputs];
    for_each_chunk_mut(pool, &mut partial, outputs, |part, totals| {
        F::totals(isa, layout, x, part * rows..count.min((part + 1) * rows), 0, totals);
    });
    let (totals, others) = partial.split_at_mut(outputs);
    for part in others.chunks_exact(outputs) {
        totals.iter_mut().zip(part).for_each(|(total, part)| *total = F::join(*total, *part));
    }
    y.iter_mut().zip(totals).for_each(|(y, total)| *y = S::round(F::finish(*total, count) as f32));
}

/// What `columns` works in.
struct Scratch {
    block: [f32; WIDTH],
    wide: [f64; WIDTH / 2],
}

/// [`Fold::totals`]; inlined into the copy of every instruction set.
#[inline(always)]
pub fn totals<F: Fold, S: Stored>(layout: &Layout, x: &[S], rows: Range<usize>, first: usize, mut totals: &mut [f64]) {
    let Layout { count, inner, .. } = *layout;
    let mut scratch = Scratch { block: [0.0; WIDTH], wide: [0.0; WIDTH / 2] };
    let mut at = first;
    while !totals.is_empty() {
        let (outer, col) = (at / inner, at % inner);
        let (part, rest) = totals.split_at_mut(totals.len().min(inner - col).min(WIDTH));
        let start = (outer * count + rows.start) * inner + col;
        if rows.is_empty() {
            return;
        }
        let end = start + (rows.len() - 1) * inner + part.len();
        at += part.len();
        if part.len() == inner && inner <= WIDTH / 4 {
            lines::<F, S>(&x[start..end], part, &mut scratch);
        } else {
            columns::<F, S>(&x[start..end], inner, part, &mut scratch.block);
        }
        totals = rest;
    }
}

/// Short rows without gaps: several are taken as one long one, whose parts are joined in the end.
#[inline(always)]
fn lines<F: Fold, S: Stored>(mut x: &[S], totals: &mut [f64], scratch: &mut Scratch) {
    let inner = totals.len();
    // Wide rows need many of them to be worth their joining.
    for (lanes, least) in [(256, 16), (64, 4), (16, 1)] {
        let mut width = inner;
        while 2 * width <= lanes {
            width *= 2;
        }
        if width > inner && x.len() >= least * width {
            let mut wide = &mut scratch.wide[..width];
            wide.fill(F::IDENTITY);
            let whole;
            (whole, x) = x.split_at(x.len() / width * width);
            columns::<F, S>(whole, width, wide, &mut scratch.block);
            while wide.len() > inner {
                let (low, high) = wide.split_at_mut(wide.len() / 2);
                low.iter_mut().zip(high).for_each(|(low, high)| *low = F::join(*low, *high));
                wide = low;
            }
            totals.iter_mut().zip(wide).for_each(|(total, x)| *total = F::join(*total, *x));
        }
    }
    for row in x.chunks_exact(inner) {
        totals.iter_mut().zip(row).for_each(|(total, x)| *total = F::join(*total, x.widen() as f64));
    }
}

/// The first `totals.len()` columns of rows that are `stride` apart.
#[inline(always)]
fn columns<F: Fold, S: Stored>(x: &[S], stride: usize, totals: &mut [f64], block: &mut [f32; WIDTH]) {
    let width = totals.len();
    let block = &mut block[..width];
    for x in x.chunks(BLOCK * stride) {
        block.fill(F::IDENTITY as f32);
        let mut fours = x.chunks_exact(4 * stride);
        let mut tail = fours.remainder();
        for x in &mut fours {
            let (a, b) = (&x[..width], &x[stride..][..width]);
            let (c, d) = (&x[2 * stride..][..width], &x[3 * stride..][..width]);
            for i in 0..width {
                let (above, below) = (F::join(a[i].widen(), b[i].widen()), F::join(c[i].widen(), d[i].widen()));
                block[i] = F::join(block[i], F::join(above, below));
            }
        }
        // The last row may lack the elements after its columns.
        while tail.len() >= width {
            block.iter_mut().zip(tail).for_each(|(total, x)| *total = F::join(*total, x.widen()));
            tail = tail.get(stride..).unwrap_or(&[]);
        }
        totals.iter_mut().zip(&*block).for_each(|(total, x)| *total = F::join(*total, *x as f64));
    }
}
