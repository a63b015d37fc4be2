//! One matrix product, blocked for the caches and cut into tasks.

use super::Mat;
use super::microkernel::{Kernels, MAX_MR, Tile};
use super::pack::{pack_a, pack_b_panel};
use super::tiling::{Grid, even_part, even_parts};
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use std::ops::Range;

/// `C (+)= A B`; beyond `multiply`, the matrices are known to hold their shapes.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    pub kernels: &'static Kernels,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Mat<'a>,
    pub b: Mat<'a>,
    pub accumulate: bool,
}

/// How the kernels get at A.
#[derive(Clone, Copy, PartialEq)]
enum ReadA {
    /// In place: each row's elements are adjacent.
    Rows,
    /// In place: each column's elements are adjacent.
    Columns,
    /// From panels packed by each task.
    Packed,
}

/// Floats of packed B at a time (16 MiB); wider products are done in column strips.
const MAX_PACKED_B: usize = 1 << 22;
/// Multiply-adds below which threads do not pay (about a microsecond's worth).
const SERIAL_WORK: usize = 1 << 15;

/// Computes the product into row-major `c`.
pub fn blocked(pool: &ThreadPool, p: &Product, c: &SliceParts<f32>) {
    let nr = p.kernels.nr();
    let strip = (MAX_PACKED_B / p.k.max(1) / nr).max(1) * nr;
    for cols in even_parts(0..p.n, strip.max(nr)) {
        strip_product(pool, p, cols, c);
    }
}

fn read_a(p: &Product, n: usize) -> ReadA {
    /// Steps between columns up to this many floats leave caches and TLB at ease.
    const NEAR: usize = 64;
    if p.a.col_stride == 1 {
        ReadA::Rows
    } else if p.a.row_stride == 1 && (p.a.col_stride <= NEAR || n <= p.kernels.nr()) {
        ReadA::Columns
    } else {
        ReadA::Packed
    }
}

/// The part of the product in the columns `cols` of C.
fn strip_product(pool: &ThreadPool, p: &Product, cols: Range<usize>, c: &SliceParts<f32>) {
    let (kernels, nr) = (p.kernels, p.kernels.nr());
    let n = cols.len();
    let panels = n.div_ceil(nr);
    let work = p.m * n * p.k;
    let run = |tasks: usize, f: &(dyn Fn(usize) + Sync)| {
        if work < SERIAL_WORK { (0..tasks).for_each(f) } else { pool.run(tasks, f) }
    };
    let panel_cols = |panel: usize| cols.start + panel * nr..cols.end.min(cols.start + (panel + 1) * nr);

    // Whole panels of a row-major B are read in place when there are too few rows of A to
    // make up for packing.
    let in_place = if p.b.col_stride == 1 && p.m <= 4 * kernels.mr { n / nr } else { 0 };
    let panel_size = p.k * nr;
    let mut packed = Scratch::take((panels - in_place) * panel_size);
    let packed_parts = SliceParts::new(packed.as_mut_slice());
    let pack_tasks = Grid::new(1, panels - in_place, 8 * (panels - in_place) * panel_size, 1);
    run(pack_tasks.tasks(), &|task| {
        for i in even_part(panels - in_place, pack_tasks.tasks(), task) {
            // SAFETY: each panel is in one task.
            let panel = unsafe { packed_parts.part(i * panel_size..(i + 1) * panel_size) };
            pack_b_panel(&p.b, 0..p.k, panel_cols(in_place + i), nr, panel);
        }
    });

    let packed = packed.as_slice();
    let read_a = read_a(p, n);
    let grid = Grid::new(p.m, panels, work, kernels.mr);
    run(grid.tasks(), &|task| {
        let rows = even_part(p.m, grid.row_blocks, task / grid.panel_groups);
        let group = even_part(panels, grid.panel_groups, task % grid.panel_groups);
        let mut scratch = Scratch::take(if read_a == ReadA::Packed { rows.len() * kernels.kc } else { 0 });
        // Even for k = 0 there is one block, which zeroes C.
        for block in 0..p.k.div_ceil(kernels.kc).max(1) {
            let ks = even_part(p.k, p.k.div_ceil(kernels.kc).max(1), block);
            if read_a == ReadA::Packed {
                pack_a(&p.a, rows.clone(), ks.clone(), kernels.mr, scratch.as_mut_slice());
            }
            let block = Block { p, rows: rows.clone(), ks, read_a, packed_a: scratch.as_slice() };
            for panel in group.clone() {
                let (b, b_step) = if panel < in_place {
                    (p.b.from(block.ks.start, panel_cols(panel).start).data, p.b.row_stride)
                } else {
                    (&packed[(panel - in_place) * panel_size + block.ks.start * nr..], nr)
                };
                // SAFETY: tasks write disjoint blocks of C.
                unsafe { block.run(b, b_step, panel_cols(panel), c) };
            }
        }
    });
}

/// Some rows of A by one cache block of the reduction.
struct Block<'a> {
    p: &'a Product<'a>,
    rows: Range<usize>,
    ks: Range<usize>,
    read_a: ReadA,
    packed_a: &'a [f32],
}

impl Block<'_> {
    /// Multiplies the block by one panel of B.
    ///
    /// # Safety
    /// No other thread may access these rows and columns of `c`, and whole vectors of `b`
    /// must be readable at each step.
    unsafe fn run(&self, b: &[f32], b_step: usize, cols: Range<usize>, c: &SliceParts<f32>) {
        let Product { kernels, n, a, .. } = self.p;
        let mut packed_a = self.packed_a;
        let mut tile = Tile {
            steps: self.ks.len(),
            b: b.as_ptr(),
            b_step,
            cols: cols.len(),
            accumulate: self.p.accumulate || self.ks.start > 0,
            ..Tile::EMPTY
        };
        for rows in even_parts(self.rows.clone(), kernels.mr.min(MAX_MR)) {
            for (i, row) in rows.clone().enumerate() {
                // SAFETY: within the row-major `c`, whose size was checked against m x n.
                tile.c[i] = unsafe { c.as_mut_ptr().add(row * n + cols.start) };
            }
            let kernel = match self.read_a {
                ReadA::Rows => {
                    for (i, row) in rows.clone().enumerate() {
                        tile.a[i] = a.from(row, self.ks.start).data.as_ptr();
                    }
                    kernels.by_rows(rows.len(), cols.len())
                }
                ReadA::Columns => {
                    tile.a[0] = a.from(rows.start, self.ks.start).data.as_ptr();
                    tile.a_step = a.col_stride;
                    kernels.by_panel(rows.len(), cols.len())
                }
                ReadA::Packed => {
                    tile.a[0] = packed_a.as_ptr();
                    tile.a_step = rows.len();
                    packed_a = &packed_a[rows.len() * self.ks.len()..];
                    kernels.by_panel(rows.len(), cols.len())
                }
            };
            // SAFETY: A, B and C hold this tile, and `Kernels::of` checked the processor.
            unsafe { kernel(&tile) };
        }
    }
}
